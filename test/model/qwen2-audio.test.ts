import { test } from "uvu";
import * as assert from "uvu/assert";
import { logMel } from "../../src/audio/log-mel.ts";
import { type Gpu, openGpu, type Tensor } from "../../src/gpu/index.ts";
import { openCheckpoint } from "../../src/io/checkpoint.ts";
import { encodeSafetensors, readTensor } from "../../src/io/safetensors.ts";
import { type Folder, memoryFolder } from "../../src/io/source.ts";
import { toF32 } from "../../src/io/values.ts";
import { attention } from "../../src/kernels/attention.ts";
import { type Attention, EagerOps, type Epilogue } from "../../src/kernels/index.ts";
import { matmul } from "../../src/kernels/matmul.ts";
import { generate } from "../../src/model/generate.ts";
import { collapseAudio } from "../../src/text/prompt.ts";
import { type Nd, nd, row, rows as rowsOf } from "../reference/array.ts";
import { expectClose } from "../reference/compare.ts";
import { expectGolden, Goldens, lossOf, pick, transpose } from "./golden.ts";
import {
  embed,
  expand,
  forward,
  type GoldenModel,
  goldenFolder,
  loadGoldenModel,
  type Row,
} from "./golden-model.ts";
import { TracingOps } from "./tracing-ops.ts";

const VARIANTS = ["mha", "gqa"];
const SAMPLES = ["s0", "s1", "batch", "multi"];
const MASKS = ["nomask", "binary", "soft", "thresholded"];
const SMALL = 65_536; // bytes of a binding, where most tensors no longer fit one
const PADDED = 200; // mel frames of the window

const read = async (tensor: Tensor, gpu: Gpu): Promise<Nd> => nd(tensor.shape, await gpu.readF32(tensor));

/** The valid ids of each prompt of a sample; newer processors repeat the placeholder, which comes to the same. */
function idsOf(golden: Goldens, sample: string, form: "input" | "expanded_input"): number[][] {
  const ids = golden.get(`${sample}.${form}_ids`);
  const mask = golden.get(`${sample}.${form === "input" ? "" : "merged_"}attention_mask`);
  return Array.from({ length: rowsOf(ids) }, (_, b) =>
    [...row(ids, b)].filter((_, i) => row(mask, b)[i] === 1),
  );
}

/** A sample's prompts with their clips, which are s0's and s1's in turn. */
function rowsFor(golden: Goldens, sample: string, audioToken: number): Row[] {
  const tokens = golden.ints(`${sample}.audio_output_lengths`);
  const frames = golden.get(`${sample}.feature_attention_mask`);
  const waves = ["s0", "s1"].map((name) => golden.f32(`${name}.wav`));
  let clip = 0;
  return idsOf(golden, sample, "input").map((ids) => ({
    ids,
    clips: ids
      .filter((id) => id === audioToken)
      .map(() => {
        const length = row(frames, clip).reduce((a, b) => a + b, 0);
        const samples = waves.find((wave) => Math.ceil(wave.length / 160) === length)!;
        return { samples, tokens: tokens[clip++]! };
      }),
  }));
}

const gatesOf = (golden: Goldens, mask: string) =>
  mask === "nomask" ? undefined : golden.f32(`mask.${mask}`);

/** Compares every stored stage of a sample with ours. */
async function checkStages(gpu: Gpu, model: GoldenModel, golden: Goldens, sample: string): Promise<void> {
  const { config, lm } = model;
  const rows = rowsFor(golden, sample, config.audioToken);
  const clips = rows.flatMap((r) => r.clips);
  const features = golden.get(`${sample}.input_features`);
  const [mels, frames] = [config.audio.mels, PADDED];
  for (const [i, { samples }] of clips.entries()) {
    const want = nd([mels, frames], features.data.slice(i * mels * frames, (i + 1) * mels * frames));
    expectClose(
      `${sample} mel ${i}`,
      nd([frames, mels], logMel(samples, { mels, frames })),
      transpose(want),
      1e-4,
    );
  }
  const heard = golden.ints(`${sample}.audio_feat_lengths`);
  const tokens = golden.ints(`${sample}.audio_output_lengths`);
  const valid = golden.get(`${sample}.merged_attention_mask`);
  const isWord = (b: number, t: number) => row(valid, b)[t] === 1;
  const labels = golden.get(`${sample}.merged_labels`);
  const lengths = rows.map((r) => expand(r, config.audioToken).length);
  const packedLabels = rows.map((_, b) => [...row(labels, b)].filter((_, t) => isWord(b, t)));
  const expanded = idsOf(golden, sample, "expanded_input");
  assert.equal(
    rows.map((r) => expand(r, config.audioToken)),
    expanded,
  );
  assert.equal(
    expanded.map((ids) => collapseAudio(ids, config.audioToken)),
    rows.map(({ ids }) => ids),
  );

  using ops = new TracingOps(gpu);
  const x = embed(ops, model, rows);
  const merged = gpu.tensor("merged", x.shape);
  ops.copyRows(x, 0, merged, 0, x.rows);
  const passes = MASKS.map((mask) => {
    const own = ops.tensor("embeds", x.shape); // a forward frees what it was given
    ops.copyRows(x, 0, own, 0, x.rows);
    return forward(ops, model, own, lengths, gatesOf(golden, mask));
  });
  ops.submit();
  const expectStage = (stage: string, got: Nd, keep: (item: number, position: number) => boolean) =>
    expectGolden(`${sample} ${stage}`, got, pick(golden.get(`${sample}.${stage}`), keep));

  const blocks = await ops.traced("block"); // the convolutions, then one a layer
  const layers = config.audio.layers;
  for (let l = 0; l < layers; l++) expectStage(`audio_layer${l}`, blocks[1 + l]!, (i, t) => t < heard[i]!);
  const tower = (await ops.traced("layerNorm")).at(-1)!;
  expectStage("audio_tower", tower, (i, t) => t < tokens[i]!);
  // the first product of as many rows as there are audio tokens
  const projected = (await ops.traced("matmul")).find(({ shape }) => shape[0] === tower.shape[0])!;
  expectStage("audio_features", projected, (i, t) => t < tokens[i]!);
  const embeds = await read(merged, gpu);
  expectStage("merged_embeds", embeds, isWord);
  merged.dispose();
  if (golden.has(`${sample}.hidden0`)) {
    const final = (await ops.traced("rmsNorm"))[2 * lm.layers]!;
    const hidden = [embeds, ...blocks.slice(1 + layers, layers + lm.layers), final];
    for (const [l, state] of hidden.entries()) expectStage(`hidden${l}`, state, isWord);
    assert.is(hidden.length, lm.layers + 1);
  }
  for (const [i, { logits, cache }] of passes.entries()) {
    const mask = MASKS[i]!;
    const got = await read(logits, gpu);
    expectStage(`logits.${mask}`, got, isWord);
    const loss = lossOf(got, packedLabels);
    const [want] = golden.get(`${sample}.loss.${mask}`).data;
    assert.ok(Math.abs(loss - want!) < 2e-5, `${sample} ${mask} loss: got ${loss}, want ${want}`);
    cache.dispose();
  }
}

/** Greedy ids and step logits of each stored generation: with logits, where the CPU chooses, and without, where the GPU does. */
async function checkGeneration(model: GoldenModel, golden: Goldens): Promise<void> {
  const { lm, config } = model;
  for (const sample of ["s0", "s1"]) {
    for (const [name, mask] of [
      ["greedy_nomask", "nomask"],
      ["greedy_mask", "thresholded"],
    ] as const) {
      const prompt = golden.ints(`${sample}.prompt_ids`);
      const tokens = golden.ints(`${sample}.audio_output_lengths`)[0]!;
      const short = { ids: prompt, clips: [{ samples: golden.f32(`${sample}.wav`), tokens }] };
      const gates = gatesOf(golden, mask);
      const wanted = golden.ints(`${sample}.gen.${name}`);
      const steps = golden.get(`${sample}.gen.${name}.step_logits`);
      for (const logits of [true, false]) {
        const got: number[] = [];
        const options = { maxNewTokens: 16, stop: config.stop, logits };
        const prompts = [{ ids: expand(short, config.audioToken), ...(gates && { gates }) }];
        const scores: number[] = [];
        for await (const token of generate(lm, prompts, (ops) => embed(ops, model, [short]), options)) {
          got.push(token.id);
          if (token.logits) scores.push(...token.logits);
        }
        assert.equal(got, wanted, `${sample} ${name}`);
        if (logits) expectGolden(`${sample} ${name}`, nd(steps.shape, scores), steps);
      }
    }
  }
}

const plain = await openGpu();
const small = await openGpu({ bindingBytes: SMALL });
test.after(() => {
  plain.dispose();
  small.dispose();
});

for (const variant of VARIANTS) {
  const golden = new Goldens(`qwen2audio/${variant}`);
  for (const bindingBytes of [undefined, SMALL]) {
    const where = `${variant}${bindingBytes ? `, bindings of ${bindingBytes} bytes` : ""}`;
    test(`${where}: every stage, loss and answer is the reference's`, async () => {
      const gpu = bindingBytes ? small : plain;
      const model = await loadGoldenModel(gpu, goldenFolder(variant));
      for (const sample of SAMPLES) await checkStages(gpu, model, golden, sample);
      await checkGeneration(model, golden);
    });
  }

  test(`${variant}: packed rows are what each is alone`, async () => {
    const model = await loadGoldenModel(plain, goldenFolder(variant));
    const run = async (rows: readonly Row[]) => logitsOf(plain, new EagerOps(plain, "test"), model, rows);
    const batch = rowsFor(golden, "batch", model.config.audioToken);
    const alone = await Promise.all(batch.map((r) => run([r])));
    const together = nd(
      [alone[0]!.shape[0]! + alone[1]!.shape[0]!, alone[0]!.shape[1]!],
      alone.flatMap(({ data }) => [...data]),
    );
    expectClose("batch", await run(batch), together, 1e-5);
  });

  test(`${variant}: the mask is on z, before W_O, and the golden tells`, async () => {
    const folder = goldenFolder(variant);
    const model = await loadGoldenModel(plain, folder);
    const rows = rowsFor(golden, "s0", model.config.audioToken);
    const want = pick(golden.get("s0.logits.binary"), () => true);
    const gates = golden.f32("mask.binary");
    const difference = async (side: "input" | "output") => {
      using ops = new MaskedOps(plain, await maskedProjections(plain, folder, model, gates, side));
      const got = await logitsOf(plain, ops, model, rows, gates);
      return got.data.reduce((most, v, i) => Math.max(most, Math.abs(v - want.data[i]!)), 0);
    };
    const tolerance = 1e-4 * want.data.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    const [right, wrong] = [await difference("input"), await difference("output")];
    assert.ok(right <= tolerance, `masking z: ${right} off, more than ${tolerance}`);
    assert.ok(
      wrong > 100 * tolerance,
      `masking W_O's output: ${wrong} off, too close to tell (${tolerance})`,
    );
  });

  test(`${variant}: the newer tensor names load as the published ones do`, async () => {
    const folder = goldenFolder(variant);
    const [old, renamed] = [
      await loadGoldenModel(plain, folder),
      await loadGoldenModel(plain, await newerNames(folder)),
    ];
    const rows = rowsFor(golden, "s0", old.config.audioToken);
    const run = async (model: GoldenModel) => [
      ...(await logitsOf(plain, new EagerOps(plain, "test"), model, rows)).data,
    ];
    assert.equal(await run(renamed), await run(old));
  });
}

async function logitsOf(
  gpu: Gpu,
  ops: EagerOps,
  model: GoldenModel,
  rows: readonly Row[],
  gates?: Float32Array,
): Promise<Nd> {
  using _ = ops;
  const lengths = rows.map((r) => expand(r, model.config.audioToken).length);
  const { logits, cache } = forward(ops, model, embed(ops, model, rows), lengths, gates);
  ops.submit();
  const got = await read(logits, gpu);
  cache.dispose();
  return got;
}

/** Ops whose attention knows no head mask; instead, products with some weights are products with others. */
class MaskedOps extends EagerOps {
  constructor(
    gpu: Gpu,
    private readonly instead: ReadonlyMap<Tensor, Tensor>,
  ) {
    super(gpu, "masked elsewhere");
  }
  override attention = (q: Tensor, k: Tensor, v: Tensor, { gates: _, ...o }: Attention) =>
    attention(this, q, k, v, o);
  override matmul = (x: Tensor, w: Tensor, epilogue?: Epilogue) =>
    matmul(this, x, this.instead.get(w) ?? w, epilogue);
}

/**
 * Each layer's W_O [C, H·D] with the head mask in it: on the columns, where it gates z, or wrongly on the rows, where it
 * gates W_O's output.
 */
async function maskedProjections(
  gpu: Gpu,
  folder: Folder,
  { config, weights }: GoldenModel,
  gates: Float32Array,
  side: "input" | "output",
) {
  const { heads, headDim } = config.text;
  const checkpoint = await openCheckpoint(folder);
  const masked = new Map<Tensor, Tensor>();
  for (const [l, { o }] of weights.text.layers.entries()) {
    const info = checkpoint.tensors.get(`language_model.model.layers.${l}.self_attn.o_proj.weight`)!;
    const values = toF32(await readTensor(info), info.dtype).map((v, i) => {
      const channel = side === "input" ? i % o.width : Math.floor(i / o.width);
      return v * gates[l * heads + Math.floor(channel / headDim)]!;
    });
    masked.set(o, gpu.upload(`masked W_O ${l}`, o.shape, values));
  }
  await checkpoint.close();
  return masked;
}

/** The same checkpoint in one file, by the names that newer transformers write. */
async function newerNames(folder: Folder): Promise<Folder> {
  const checkpoint = await openCheckpoint(folder);
  const tensors = [];
  for (const info of checkpoint.tensors.values()) {
    const name = info.name
      .replace(/^language_model\.model\./, "model.language_model.")
      .replace(/^language_model\.lm_head\./, "lm_head.")
      .replace(/^(audio_tower|multi_modal_projector)\./, "model.$1.");
    assert.is.not(name, info.name);
    tensors.push({ name, dtype: info.dtype, shape: info.shape, bytes: await readTensor(info) });
  }
  await checkpoint.close();
  const config = new TextEncoder().encode(await folder.text("config.json"));
  return memoryFolder("newer", { "config.json": config, "model.safetensors": encodeSafetensors(tensors) });
}

test.run();
