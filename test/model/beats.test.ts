import { test } from "uvu";
import * as assert from "uvu/assert";
import { openFolder } from "#files";
import { locate } from "#fixtures";
import { fbank, fbankFrames } from "../../src/audio/fbank.ts";
import { fbankPatches, heardTokens, patchTokens } from "../../src/audio/patches.ts";
import { openGpu } from "../../src/gpu/index.ts";
import { openCheckpointFile } from "../../src/io/checkpoint.ts";
import { type BeatsClip, beats, beatsConfig, relativeBuckets } from "../../src/model/beats.ts";
import { ConfigError, Fields } from "../../src/model/fields.ts";
import { loadBeats } from "../../src/model/load-beats.ts";
import { nd } from "../reference/array.ts";
import { expectGolden, Goldens } from "./golden.ts";
import { TracingOps } from "./tracing-ops.ts";

const golden = new Goldens("beats");
const folder = openFolder(locate("test/fixtures/beats"));

const gpu = await openGpu();
test.after(() => gpu.dispose());
const checkpoint = await openCheckpointFile(folder, "beats.pt");
const cfg = checkpoint.extra.get("cfg") as Map<string, unknown>;
const config = beatsConfig(Fields.of(cfg, "cfg"));
const weights = await loadBeats(gpu, checkpoint, config);
await checkpoint.close();

const patchesOf = (...sounds: Float32Array[]) =>
  sounds.flatMap((samples) => [...fbankPatches(fbank(samples))]);

/** What a packed batch of clips gives, and the ops that saw its stages. */
function run(ops: TracingOps, patches: readonly number[], clips: readonly BeatsClip[]) {
  const input = ops.upload("patches", [patches.length / 256, 256], Float32Array.from(patches));
  const out = beats(ops, config, weights, input, clips);
  ops.submit();
  return out;
}

const whole = (samples: Float32Array): BeatsClip => {
  const tokens = patchTokens(fbankFrames(samples.length));
  return { tokens, heard: tokens };
};

for (const clip of ["flac", "synth"])
  test(`every stage of ${clip} is the reference's`, async () => {
    const samples = golden.f32(`${clip}.wav`);
    using ops = new TracingOps(gpu);
    run(ops, patchesOf(samples), [whole(samples)]);
    const [patchNorm] = await ops.traced("layerNorm");
    const [, project] = await ops.traced("matmul");
    const [posConv] = await ops.traced("posConv");
    const [norm, ...layers] = await ops.traced("block");
    const stages = { patch_ln: patchNorm, proj: project, pos_conv: posConv, enc_ln: norm };
    for (const [name, got] of Object.entries(stages)) expectGolden(name, got!, golden.get(`${clip}.${name}`));
    assert.is(layers.length, config.layers);
    for (const [l, got] of layers.entries()) expectGolden(`layer ${l}`, got, golden.get(`${clip}.layer${l}`));
  });

test("a packed batch gives each clip what it gets alone", async () => {
  const [flac, synth] = [golden.f32("flac.wav"), golden.f32("synth.wav")];
  using ops = new TracingOps(gpu);
  const out = run(ops, patchesOf(synth, flac), [whole(synth), whole(flac)]);
  const got = await gpu.readF32(out);
  const [first, second] = [golden.get("synth.layer1"), golden.get("flac.layer1")];
  expectGolden("synth", nd(first.shape, got.subarray(0, first.data.length)), first);
  expectGolden("flac", nd(second.shape, got.subarray(first.data.length)), second);
});

test("a padded batch gives what the reference's padding mask makes of it, padding included", async () => {
  const lengths = golden.ints("batch.lengths");
  const longest = Math.max(...lengths);
  const padded = ["flac", "synth"].map((clip) => {
    const samples = new Float32Array(longest);
    samples.set(golden.f32(`${clip}.wav`));
    return samples;
  });
  const frames = fbankFrames(longest);
  const tokens = patchTokens(frames);
  const heard = lengths.map((samples) => heardTokens(samples, longest, frames));
  const masked = heard.flatMap((n) => Array.from({ length: tokens }, (_, t) => (t < n ? 0 : 1)));
  assert.equal(masked, golden.ints("batch.token_padding_mask"));

  using ops = new TracingOps(gpu);
  const out = run(
    ops,
    patchesOf(...padded),
    heard.map((n) => ({ tokens, heard: n })),
  );
  const want = golden.get("batch.out");
  expectGolden("batch.out", nd(want.shape, await gpu.readF32(out)), want);
});

test("the same weights in safetensors give the same", async () => {
  const safetensors = await openCheckpointFile(folder, "beats.safetensors");
  const same = await loadBeats(gpu, safetensors, config);
  await safetensors.close();
  for (const [a, b] of [
    [weights.positions.weight, same.positions.weight],
    [weights.layers[1]!.fc1.weight, same.layers[1]!.fc1.weight],
  ] as const)
    assert.equal(await gpu.readF32(a), await gpu.readF32(b));
});

test("relative positions fall into the reference's buckets", () => {
  assert.equal([...relativeBuckets(config, 1500)], golden.ints("bucket.tiny"));
  const real = { ...config, buckets: 320, maxDistance: 800 };
  assert.equal([...relativeBuckets(real, 1500)], golden.ints("bucket.real"));
});

test("another version of BEATs is refused, with each field that differs", () => {
  const wrong = (change: Record<string, unknown>) => () => {
    const f = Fields.of(new Map([...cfg, ...Object.entries(change)]), "cfg");
    beatsConfig(f);
    f.check();
  };
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ input_patch_size: 14 }, /cfg\.input_patch_size: expected 16, got 14/],
    [{ layer_norm_first: true }, /cfg\.layer_norm_first: expected false, got true/],
    [{ deep_norm: undefined }, /cfg\.deep_norm: expected true, got false/],
    [
      { gru_rel_pos: false, conv_bias: true },
      /got 2 wrong.*\n.*cfg\.conv_bias: expected false, got true\n.*cfg\.gru_rel_pos/,
    ],
    [{ embed_dim: 32 }, /cfg\.embed_dim: expected another width than encoder_embed_dim, got 32/],
    [
      { encoder_attention_heads: 5 },
      /cfg\.encoder_attention_heads: expected a divisor of encoder_embed_dim 32, got 5/,
    ],
    [
      { conv_pos_groups: 16 },
      /cfg\.conv_pos_groups: expected groups of a multiple of 4 of 32 channels, got 16/,
    ],
  ];
  wrong({})();
  for (const [change, message] of cases)
    assert.throws(
      wrong(change),
      (error: Error) => error instanceof ConfigError && message.test(error.message),
    );
  assert.throws(() => Fields.of(undefined, "cfg"), /^cfg: expected an object, got undefined/);
});

test.run();
