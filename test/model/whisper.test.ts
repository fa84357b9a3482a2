import { test } from "uvu";
import { openFolder } from "#files";
import { locate } from "#fixtures";
import { logMel } from "../../src/audio/log-mel.ts";
import { openGpu } from "../../src/gpu/index.ts";
import { openCheckpoint } from "../../src/io/checkpoint.ts";
import { loadWeights } from "../../src/io/load.ts";
import { Fields } from "../../src/model/fields.ts";
import { whisperConfig, whisperLayers, whisperNorm, whisperParams } from "../../src/model/whisper.ts";
import { type Nd, nd } from "../reference/array.ts";
import { gelu } from "../reference/ops.ts";
import { expectGolden, Goldens, transpose } from "./golden.ts";
import { TracingOps } from "./tracing-ops.ts";

const FRAMES = 200; // 2 s
const golden = new Goldens("whisper");
const folder = openFolder(locate("test/fixtures/whisper"));
const config = whisperConfig(Fields.parse(await folder.text("config.json"), "config.json"));

const gpu = await openGpu();
test.after(() => gpu.dispose());
const checkpoint = await openCheckpoint(folder);
const weights = await loadWeights(gpu, checkpoint, whisperParams(config, "model.encoder."), {
  ignore: (name) => !name.startsWith("model.encoder."),
});
await checkpoint.close();

/** Our convolutions end in GELU, the stored ones come before it: [C, T] → GELU of it [T, C]. */
const activated = (a: Nd): Nd => transpose(nd(a.shape, a.data.map(gelu)));

const minus = (a: Nd, b: Nd): Nd =>
  nd(
    a.shape,
    a.data.map((v, i) => v - b.data[i]!),
  );

for (const clip of ["flac0", "synth"]) {
  test(`every stage of ${clip} is the reference's`, async () => {
    const stage = (name: string) => golden.get(`${clip}.enc.${name}`);
    const samples = golden.f32(`${clip}.wav`).subarray(0, FRAMES * 160);
    const mel = logMel(samples, { mels: config.mels, frames: FRAMES });
    expectGolden("mel", nd([FRAMES, config.mels], mel), transpose(stage("mel")));

    using ops = new TracingOps(gpu);
    const input = ops.upload("mel", [FRAMES, config.mels], mel);
    const x = whisperLayers(ops, config, weights, [{ mel: input, length: FRAMES / 2 }]);
    const out = whisperNorm(ops, weights, x);
    ops.submit();

    const [conv1, conv2] = await ops.traced("conv1d");
    const [positions] = await ops.traced("embed"); // conv2 adds them
    expectGolden("conv1", conv1!, activated(stage("conv1_out")));
    expectGolden("conv2", minus(conv2!, positions!), activated(stage("conv2_out")));
    const hidden = await ops.traced("block");
    expectGolden("hidden0", hidden[0]!, stage("hidden0"));
    expectGolden("hidden1", hidden[1]!, stage("hidden1"));
    expectGolden("out", nd(out.shape, await gpu.readF32(out)), stage("out"));
  });
}

test.run();
