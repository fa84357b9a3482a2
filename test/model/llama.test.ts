import { test } from "uvu";
import * as assert from "uvu/assert";
import { openGpu } from "../../src/gpu/index.ts";
import { CheckpointError, openCheckpoint, openCheckpointFile } from "../../src/io/checkpoint.ts";
import { encodeSafetensors, readTensor } from "../../src/io/safetensors.ts";
import { memoryFolder } from "../../src/io/source.ts";
import { EagerOps, type Ops } from "../../src/kernels/index.ts";
import { Fields } from "../../src/model/fields.ts";
import { type GenerateOptions, generate, type Token } from "../../src/model/generate.ts";
import { llamaConfig } from "../../src/model/llama.ts";
import { loadLora } from "../../src/model/lora.ts";
import { type Nd, nd, row, rows } from "../reference/array.ts";
import { expectRejects } from "../reference/compare.ts";
import { expectGolden, Goldens, lossOf, pick } from "./golden.ts";
import { forward } from "./golden-model.ts";
import {
  goldenLlamaConfig,
  LORA,
  llamaFolder,
  loadGoldenLlama,
  maskOf,
  salmonnFolder,
} from "./golden-salmonn.ts";
import { TracingOps } from "./tracing-ops.ts";

const golden = new Goldens("salmonn");
const MASKS = ["nomask", "binary", "soft", "thresholded"];

const gpu = await openGpu();
test.after(() => gpu.dispose());

/** The embeddings of a sample's words and sounds, packed, and each sequence's labels. */
function packed(sample: string): { x: Nd; labels: number[][]; valid: (item: number, t: number) => boolean } {
  const mask = golden.get(`${sample}.attention_mask`);
  const labels = golden.get(`${sample}.labels`);
  const valid = (item: number, t: number) => row(mask, item)[t] === 1;
  return {
    x: pick(golden.get(`${sample}.inputs_embeds`), valid),
    labels: Array.from({ length: rows(labels) }, (_, b) => [...row(labels, b)].filter((_, t) => valid(b, t))),
    valid,
  };
}

test("hidden states, logits and losses are the reference's, under four masks", async () => {
  const lm = await loadGoldenLlama(gpu);
  for (const sample of ["s0", "s1", "batch"]) {
    const { x, labels, valid } = packed(sample);
    for (const mask of MASKS) {
      using ops = new TracingOps(gpu);
      const input = ops.upload("x", x.shape, Float32Array.from(x.data));
      const lengths = labels.map(({ length }) => length);
      const { logits, cache } = forward(ops, { lm }, input, lengths, maskOf(golden, mask, lm.heads));
      ops.submit();
      const got = nd(logits.shape, await gpu.readF32(logits));
      expectGolden(`${sample} ${mask}`, got, pick(golden.get(`${sample}.logits.${mask}`), valid));
      const [want] = golden.get(`${sample}.loss.${mask}`).data;
      const loss = lossOf(got, labels);
      assert.ok(Math.abs(loss - want!) < 2e-5, `${sample} ${mask} loss: got ${loss}, want ${want}`);
      if (sample === "s0" && mask === "nomask") {
        const final = (await ops.traced("rmsNorm")).at(-1)!;
        const hidden = [x, ...(await ops.traced("block")).slice(0, -1), final];
        assert.is(hidden.length, lm.layers + 1);
        for (const [l, h] of hidden.entries())
          expectGolden(`hidden ${l}`, h, pick(golden.get(`s0.hidden${l}`), valid));
      }
      cache.dispose();
    }
  }
});

test("answers from embeddings have the reference's ids, greedy and by beam search, with and without a mask", async () => {
  const lm = await loadGoldenLlama(gpu);
  for (const sample of ["s0", "s1"])
    for (const [name, mask] of [
      ["nomask", "nomask"],
      ["mask", "thresholded"],
    ] as const) {
      const x = golden.get(`${sample}.gen.inputs_embeds`);
      const [, length, width] = x.shape as [number, number, number];
      const gates = maskOf(golden, mask, lm.heads);
      const prompt = { ids: Array<number>(length).fill(0), ...(gates && { gates }) };
      const embed = (ops: Ops) => ops.upload("x", [length, width], Float32Array.from(x.data));
      const answer = async (options: Partial<GenerateOptions>) => {
        const tokens: Token[] = [];
        const all = { maxNewTokens: 20, stop: [2], ...options };
        for await (const token of generate(lm, [prompt], embed, all)) tokens.push(token);
        return tokens;
      };
      const ids = (tokens: Token[]) => tokens.map(({ id }) => id);
      const want = (kind: string) => golden.ints(`${sample}.gen.${kind}_${name}`).slice(1); // a start token comes first
      const told = await answer({ logits: true });
      const steps = golden.get(`${sample}.gen.greedy_${name}.step_logits`);
      expectGolden(
        `${sample} ${name}`,
        nd(
          steps.shape,
          told.flatMap(({ logits }) => [...logits!]),
        ),
        steps,
      );
      assert.equal(ids(told), want("greedy"), `${sample} ${name}, chosen on the host`);
      assert.equal(ids(await answer({})), want("greedy"), `${sample} ${name}, chosen on the GPU`);
      const beams = await answer({ beams: 4, startCounts: true });
      assert.equal(ids(beams), want("beam4"), `${sample} ${name}, 4 beams`);
    }
});

test("without its LoRA the decoder says something else", async () => {
  const lm = await loadGoldenLlama(gpu, { lora: false });
  const { x, labels } = packed("s0");
  using ops = new EagerOps(gpu, "plain");
  const input = ops.upload("x", x.shape, Float32Array.from(x.data));
  const { logits, cache } = forward(ops, { lm }, input, [x.shape[0]!]);
  ops.submit();
  const loss = lossOf(nd(logits.shape, await gpu.readF32(logits)), labels);
  assert.ok(Math.abs(loss - golden.get("s0.loss.nomask").data[0]!) > 0.1, `loss ${loss}`);
  cache.dispose();
});

/** SALMONN's checkpoint with other names. */
async function renamed(rename: (name: string) => string) {
  const checkpoint = await openCheckpointFile(salmonnFolder, "salmonn_v1.pth");
  const tensors = await Promise.all(
    [...checkpoint.tensors.values()].map(async (info) => ({
      name: rename(info.name),
      dtype: info.dtype,
      shape: info.shape,
      bytes: await readTensor(info),
    })),
  );
  await checkpoint.close();
  return openCheckpoint(memoryFolder("renamed", { "model.safetensors": encodeSafetensors(tensors) }));
}

async function adapter(rename: (name: string) => string): Promise<Float32Array[]> {
  const layers = await loadLora(gpu, await renamed(rename), LORA, await goldenLlamaConfig());
  const values = await Promise.all(layers.flatMap(({ a, b }) => [gpu.readF32(a), gpu.readF32(b)]));
  for (const { a, b } of layers) for (const t of [a, b]) t.dispose();
  return values;
}

test("a LoRA's names may lack the adapter's, or be those of a PEFT file", async () => {
  const want = await adapter((name) => name);
  assert.equal(await adapter((name) => name.replace(".default", "")), want);
  assert.equal(await adapter((name) => name.replace("llama_model.", "").replace(".default", "")), want);
});

test("a LoRA of another rank or width, or of other products, is refused", async () => {
  const config = await goldenLlamaConfig();
  const checkpoint = await renamed((name) => name);
  const rank = loadLora(gpu, checkpoint, { rank: 8, alpha: 32 }, config);
  await expectRejects(
    rank,
    CheckpointError,
    /mis-shaped: .*q_proj.lora_A.*, expected \[8, 64\], got \[2, 64\]/,
  );
  const wide = loadLora(gpu, checkpoint, LORA, { ...config, width: 96 });
  await expectRejects(wide, CheckpointError, /expected \[2, 96\], got \[2, 64\]/);
  const deep = loadLora(gpu, checkpoint, LORA, { ...config, layers: 5 });
  await expectRejects(
    deep,
    CheckpointError,
    /missing: model.layers.4.self_attn.q_proj.lora_A.weight \[2, 64\]/,
  );
  const keys = await renamed((name) => name.replace("v_proj.lora", "k_proj.lora"));
  await expectRejects(loadLora(gpu, keys, LORA, config), CheckpointError, /extra: .*k_proj.lora_A/);
});

test("a config without rope_theta and num_key_value_heads has LLaMA's; what else is not LLaMA is named", async () => {
  const config = await goldenLlamaConfig();
  assert.is(config.ropeTheta, 10_000);
  assert.is(config.kvHeads, config.heads);
  assert.is(config.headDim, 8);
  assert.equal(config.stop, [2]);
  const json = JSON.parse(await llamaFolder.text("config.json"));
  const problems = (changes: object) => {
    const fields = Fields.parse(JSON.stringify({ ...json, ...changes }), "config.json");
    llamaConfig(fields);
    fields.check();
  };
  problems({ num_key_value_heads: 2, rope_theta: 500_000 });
  assert.throws(() => problems({ model_type: "mistral" }), /model_type: expected "llama", got "mistral"/);
  assert.throws(() => problems({ num_attention_heads: 5 }), /a divisor of hidden_size 64, got 5/);
  assert.throws(() => problems({ attention_bias: true }), /attention_bias: expected false, got true/);
  assert.throws(
    () => problems({ rope_scaling: { type: "linear", factor: 4 } }),
    /rope_scaling.type: expected "default", got "linear"/,
  );
  assert.throws(() => problems({ rms_norm_eps: -1, vocab_size: null }), /vocab_size: .*\n.*rms_norm_eps: /);
});

test.run();
