import {
  encodeSafetensors,
  parseHeader,
  readTensor,
  type SafetensorsHeader,
  type TensorInfo,
} from "../io/safetensors.ts";
import { memorySource } from "../io/source.ts";
import { HeadMask, MaskError, maskBytes } from "./head-mask.ts";
import { isTorchFile, readPublishedMask } from "./published-mask.ts";

export interface MaskShape {
  readonly layers: number;
  readonly heads: number;
}

/**
 * Reads a mask file: safetensors that hold `logits` (F32 [L, H]), packed `bits` (U8 [⌈L·H/8⌉], with `layers` and `heads`
 * in the metadata), or both; a mask as it is published, a file of torch.save (see published-mask.ts); or bare bits,
 * exactly ⌈L·H/8⌉ bytes of whatever name does not end in .safetensors, .pth or .pt.
 * @param name tells the formats apart, and is for messages
 * @param shape of the model, which the mask must have; without it, bare bits and published masks cannot be read
 * @throws MaskError
 */
export async function readMask(bytes: Uint8Array, name: string, shape?: MaskShape): Promise<HeadMask> {
  const bare = shape && maskBytes(shape.layers, shape.heads);
  try {
    if (shape && bytes.length === bare && !/\.(safetensors|pth|pt)$/.test(name))
      return HeadMask.fromBits(shape.layers, shape.heads, bytes);
    if (isTorchFile(bytes, name)) return await readPublishedMask(bytes, name, shape);
    const header = await parseHeader(memorySource(name, bytes)).catch((cause: Error) => {
      const bits = shape
        ? `exactly ${bare} bytes for ${shape.layers} × ${shape.heads} heads`
        : "bare bits and the model's layers and heads";
      throw new MaskError(
        `mask: expected a safetensors file, or ${bits}, got ${bytes.length} bytes (${cause.message})`,
      );
    });
    return await fromTensors(header, shape);
  } catch (error) {
    if (!(error instanceof MaskError)) throw error;
    throw new MaskError(error.message.replace("mask: ", `mask: ${name}: `), { cause: error });
  }
}

async function fromTensors({ tensors, metadata }: SafetensorsHeader, model?: MaskShape): Promise<HeadMask> {
  const [logits, bits] = [tensors.get("logits"), tensors.get("bits")];
  if (!logits && !bits)
    throw new MaskError(`mask: expected a tensor 'logits' or 'bits', got ${listNames(tensors)}`);
  if (logits) checkTensor(logits, "F32", 2);
  if (bits) checkTensor(bits, "U8", 1);
  const { layers: L, heads: H, ...rest } = metadata;
  const stated = statedShape(L, H);
  const shape = logits ? { layers: logits.shape[0]!, heads: logits.shape[1]! } : stated;
  if (!shape)
    throw new MaskError("mask: expected 'layers' and 'heads' in the metadata of 'bits', got neither");
  if (stated) checkShape(shape, stated, " as its metadata says", "the file is damaged");
  if (model) checkShape(shape, model, "", "this mask was made for another model");

  const { layers, heads } = shape;
  const packed = bits && HeadMask.fromBits(layers, heads, await readTensor(bits));
  const soft =
    logits && HeadMask.fromLogits(layers, heads, new Float32Array((await readTensor(logits)).buffer));
  if (soft && packed && !soft.equals(packed))
    throw new MaskError("mask: expected 'bits' to be 1 where 'logits' are ≥ 0, got others; one is stale");
  return (soft ?? packed)!.withMetadata(rest);
}

function statedShape(layers?: string, heads?: string): MaskShape | undefined {
  if (layers === undefined && heads === undefined) return undefined;
  const shape = { layers: Number(layers), heads: Number(heads) };
  if (!Number.isInteger(shape.layers) || !Number.isInteger(shape.heads))
    throw new MaskError(
      `mask: expected whole numbers as 'layers' and 'heads' in the metadata, got ${layers} and ${heads}`,
    );
  return shape;
}

function checkShape(shape: MaskShape, expected: MaskShape, source: string, remedy: string): void {
  if (shape.layers !== expected.layers || shape.heads !== expected.heads)
    throw new MaskError(
      `mask: expected ${expected.layers} × ${expected.heads} heads${source}, got ${shape.layers} × ${shape.heads}; ${remedy}`,
    );
}

function checkTensor({ name, dtype, shape }: TensorInfo, expected: "F32" | "U8", rank: 1 | 2): void {
  if (dtype !== expected || shape.length !== rank)
    throw new MaskError(
      `mask: expected '${name}' to be ${expected} [${rank === 2 ? "L, H" : "⌈L·H/8⌉"}], got ${dtype} [${shape.join(", ")}]`,
    );
}

function listNames(tensors: ReadonlyMap<string, TensorInfo>): string {
  const names = [...tensors.keys()].map((name) => `'${name}'`);
  if (names.length === 0) return "none";
  return names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
}

/** A safetensors file: `logits` if the mask has them, else `bits` with `layers` and `heads` in the metadata. */
export function writeMask(mask: HeadMask): Uint8Array<ArrayBuffer> {
  const { layers, heads, logits, metadata } = mask;
  if (logits) {
    const bytes = new Uint8Array(logits.buffer);
    return encodeSafetensors([{ name: "logits", dtype: "F32", shape: [layers, heads], bytes }], metadata);
  }
  const bytes = mask.toBits();
  return encodeSafetensors([{ name: "bits", dtype: "U8", shape: [bytes.length], bytes }], {
    ...metadata,
    layers: String(layers),
    heads: String(heads),
  });
}
