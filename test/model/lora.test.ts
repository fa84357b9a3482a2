import { test } from "uvu";
import * as assert from "uvu/assert";
import { GpuError, openGpu, type Tensor } from "../../src/gpu/index.ts";
import { openCheckpoint, openCheckpointFile } from "../../src/io/checkpoint.ts";
import { loadWeights } from "../../src/io/load.ts";
import { encodeSafetensors, readTensor } from "../../src/io/safetensors.ts";
import { memoryFolder } from "../../src/io/source.ts";
import { f32ToBf16, toF32 } from "../../src/io/values.ts";
import { EagerOps } from "../../src/kernels/index.ts";
import { isRotaryTable, llama, llamaParams } from "../../src/model/llama.ts";
import { loadLora, mergeLora } from "../../src/model/lora.ts";
import { nd, row, rows } from "../reference/array.ts";
import * as ref from "../reference/ops.ts";
import { Goldens, pick } from "./golden.ts";
import { forward } from "./golden-model.ts";
import { goldenLlamaConfig, LORA, llamaFolder, maskOf, salmonnFolder } from "./golden-salmonn.ts";

const golden = new Goldens("salmonn");
const gpu = await openGpu();
test.after(() => gpu.dispose());
const config = await goldenLlamaConfig();

/** The goldens' decoder, whose files are f16, with weights stored as `dtype`. */
async function weightsAs(dtype: "F32" | "F16" | "BF16") {
  const checkpoint = await openCheckpoint(llamaFolder);
  const encode = {
    F32: (bytes: Uint8Array) => toF32(bytes, "F16"),
    F16: (bytes: Uint8Array) => bytes,
    BF16: (bytes: Uint8Array) => Uint16Array.from(toF32(bytes, "F16"), f32ToBf16),
  }[dtype];
  const tensors = await Promise.all(
    [...checkpoint.tensors.values()]
      .filter(({ name }) => !isRotaryTable(name))
      .map(async (info) => {
        const { buffer, byteOffset, byteLength } = encode(await readTensor(info));
        return {
          name: info.name,
          dtype,
          shape: info.shape,
          bytes: new Uint8Array(buffer, byteOffset, byteLength),
        };
      }),
  );
  await checkpoint.close();
  const stored = await openCheckpoint(
    memoryFolder(dtype, { "model.safetensors": encodeSafetensors(tensors) }),
  );
  return await loadWeights(gpu, stored, llamaParams(config));
}

async function adapter() {
  const checkpoint = await openCheckpointFile(salmonnFolder, "salmonn_v1.pth");
  const lora = await loadLora(gpu, checkpoint, LORA, config);
  await checkpoint.close();
  return lora;
}

/** The largest error of the logits under all masks, relative to the largest logit of each. */
async function logitError(lm: ReturnType<typeof llama>): Promise<number> {
  const valid = (item: number, t: number) => row(golden.get("batch.attention_mask"), item)[t] === 1;
  const x = pick(golden.get("batch.inputs_embeds"), valid);
  const mask = golden.get("batch.attention_mask");
  const lengths = Array.from({ length: rows(mask) }, (_, b) => row(mask, b).reduce((n, v) => n + v, 0));
  let worst = 0;
  for (const name of ["nomask", "binary", "soft", "thresholded"]) {
    using ops = new EagerOps(gpu, "forward");
    const input = ops.upload("x", x.shape, Float32Array.from(x.data));
    const { logits, cache } = forward(ops, { lm }, input, lengths, maskOf(golden, name, lm.heads));
    ops.submit();
    const got = await gpu.readF32(logits);
    const want = pick(golden.get(`batch.logits.${name}`), valid).data;
    const largest = want.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    worst = Math.max(worst, ...want.map((v, i) => Math.abs(v - got[i]!) / largest));
    cache.dispose();
  }
  return worst;
}

// In this model what was learned is eight times as large as the weights, and what rounding does to it is amplified.
for (const [dtype, most] of [
  ["F32", 1e-4],
  ["F16", 1e-2],
  ["BF16", 0.2],
] as const)
  test(`merged into ${dtype}: logits within ${most} of the reference's, and the LoRA is freed`, async () => {
    const weights = await weightsAs(dtype);
    gpu.trim();
    const before = gpu.bytes;
    mergeLora(gpu, weights.layers, await adapter());
    await gpu.drain();
    gpu.trim();
    assert.is(gpu.bytes, before);
    const error = await logitError(llama(gpu, config, weights));
    assert.ok(error < most, `expected at most ${most}, got ${error}`);
  });

test("each merged weight is within half a unit in the last place of the sum", async () => {
  const relative = { F32: 2 ** -24, F16: 2 ** -11, BF16: 2 ** -8 };
  for (const dtype of ["F32", "F16", "BF16"] as const) {
    const { qkv } = (await weightsAs(dtype)).layers[0]!;
    const { a, b } = (await adapter())[0]!;
    const values = async () => toF32(new Uint8Array(await gpu.read(qkv)), dtype);
    const matrix = async (t: Tensor) => nd(t.shape, await gpu.readF32(t));
    const want = ref.loraMerge(nd(qkv.shape, await values()), await matrix(a), await matrix(b));
    mergeLora(gpu, [{ qkv }], [{ a, b }]);
    for (const [i, got] of (await values()).entries()) {
      const slack = dtype === "F32" ? 1e-6 : 2 ** -24; // sums are f32's; below 2⁻¹⁴ f16 has units of 2⁻²⁴
      const error = Math.abs(got - want.data[i]!);
      assert.ok(error <= relative[dtype] * Math.abs(want.data[i]!) + slack, `${dtype} ${i}: ${error}`);
    }
  }
});

test("a LoRA of another decoder is refused", async () => {
  const { layers } = await weightsAs("F16");
  const lora = await adapter();
  assert.throws(
    () => mergeLora(gpu, layers.slice(1), lora),
    (error: Error) =>
      error instanceof GpuError && /expected a LoRA of 3 layers, got one of 4/.test(error.message),
  );
  const wide = [{ qkv: gpu.tensor("wide", [192, 96], "f16") }];
  assert.throws(
    () => mergeLora(gpu, wide, lora.slice(0, 1)),
    /^lora-merge: expected a f32 with rows of 96, got lora a 0 /,
  );
});

test.run();
