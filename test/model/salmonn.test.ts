import { test } from "uvu";
import * as assert from "uvu/assert";
import { openGpu } from "../../src/gpu/index.ts";
import { openCheckpointFile } from "../../src/io/checkpoint.ts";
import { loadWeights } from "../../src/io/load.ts";
import { EagerOps } from "../../src/kernels/index.ts";
import {
  isBesideSalmonn,
  type SalmonnConfig,
  salmonnParams,
  secondsToFrames,
  speechTokens,
  windowCount,
} from "../../src/model/salmonn.ts";
import { nd } from "../reference/array.ts";
import { expectGolden, Goldens } from "./golden.ts";
import { salmonnFolder } from "./golden-salmonn.ts";

const golden = new Goldens("salmonn");
const config: SalmonnConfig = {
  speechWidth: 64,
  audioWidth: 32,
  width: 64,
  window: secondsToFrames(0.333333),
  stride: secondsToFrames(0.333333),
  qformer: { width: 48, ffn: 96, layers: 2, heads: 4, frameWidth: 96 },
};

const gpu = await openGpu();
test.after(() => gpu.dispose());
const checkpoint = await openCheckpointFile(salmonnFolder, "salmonn_v1.pth");
const weights = await loadWeights(gpu, checkpoint, salmonnParams(config), { ignore: isBesideSalmonn });
await checkpoint.close();

// Whisper's 100 frames are more than BEATs' of s0 and s1, and fewer than those of "long".
for (const clip of ["s0", "s1", "long"])
  test(`the tokens of ${clip} are the reference's`, async () => {
    using ops = new EagerOps(gpu, "tokens");
    const input = (name: string) => {
      const { shape, data } = golden.get(`${clip}.${name}`);
      return ops.upload(name, shape.slice(1), Float32Array.from(data));
    };
    const tokens = speechTokens(ops, config, weights, input("whisper_out"), input("beats_out"));
    ops.submit();
    const got = await gpu.readF32(tokens);
    expectGolden(clip, nd([1, ...tokens.shape], got), golden.get(`${clip}.speech_embeds`));
  });

test("windows of 17 frames, the last of them whole", () => {
  assert.is(config.window, 17);
  assert.is(windowCount(config, 1500), 88);
  assert.equal(
    [0, 16, 17, 33, 34].map((frames) => windowCount(config, frames)),
    [0, 0, 1, 1, 2],
  );
});

test.run();
