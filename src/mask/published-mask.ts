import { PickleError, TorchTensor, type TorchValue } from "../io/pickle.ts";
import { memorySource, SourceError } from "../io/source.ts";
import { readTensorF32, readTorch, TorchFileError } from "../io/torch-file.ts";
import { ZipError } from "../io/zip.ts";
import { HeadMask, MaskError } from "./head-mask.ts";

/** Whether a file is one of torch.save, by its name or by how ZIP files begin. */
export const isTorchFile = (bytes: Uint8Array, name: string): boolean =>
  /\.(pth|pt)$/.test(name) ||
  ["P", "K", "\u0003", "\u0004"].every((char, i) => bytes[i] === char.charCodeAt(0));

/**
 * Reads a mask as the authors of AHAMask publish it (arXiv 2509.01787): a state dict, alone or as `model` of a training
 * state, whose `tensor` is 1-D, L·(H + 1): each layer's H head logits, then one for its FFN that nothing uses.
 * @param shape cannot be told from the length alone
 * @throws MaskError
 */
export async function readPublishedMask(
  bytes: Uint8Array,
  name: string,
  shape?: { readonly layers: number; readonly heads: number },
): Promise<HeadMask> {
  try {
    const file = await readTorch(memorySource(name, bytes));
    const tensor = field(field(file.value, "model"), "tensor") ?? field(file.value, "tensor");
    if (!(tensor instanceof TorchTensor) || tensor.shape.length !== 1)
      throw new MaskError(`mask: expected a 1-D tensor 'model.tensor', got ${describe(tensor, file.value)}`);
    const { layers, heads } = checkLength(tensor.shape[0]!, shape);
    return HeadMask.fromLogits(layers, heads, dropFfn(await readTensorF32(file, tensor), layers, heads));
  } catch (error) {
    const foreign = [PickleError, ZipError, TorchFileError, SourceError].some(
      (type) => error instanceof type,
    );
    if (!foreign) throw error;
    throw new MaskError(`mask: ${(error as Error).message}`, { cause: error });
  }
}

const field = (value: TorchValue | undefined, key: string): TorchValue | undefined =>
  value instanceof Map ? value.get(key) : undefined;

function describe(tensor: TorchValue | undefined, value: TorchValue): string {
  if (tensor instanceof TorchTensor) return `one of shape [${tensor.shape.join(", ")}]`;
  if (!(value instanceof Map)) return "no dict";
  const names = [...value.keys()].slice(0, 3).map((key) => `'${String(key).slice(0, 40)}'`);
  return names.length > 0 ? `a dict of ${names.join(", ")}` : "an empty dict";
}

function checkLength(length: number, shape?: { readonly layers: number; readonly heads: number }) {
  if (!shape)
    throw new MaskError(
      `mask: expected the model's layers and heads with a published mask, got only its ${length} logits, ` +
        "which are layers × (heads + 1)",
    );
  const { layers, heads } = shape;
  if (length !== layers * (heads + 1))
    throw new MaskError(
      `mask: expected ${layers * (heads + 1)} logits for ${layers} layers × (${heads} heads + 1), got ${length}; ` +
        "this mask was made for another model",
    );
  return shape;
}

/** [L·(H + 1)] → [L·H]. */
const dropFfn = (logits: Float32Array, layers: number, heads: number): Float32Array =>
  Float32Array.from(
    { length: layers * heads },
    (_, i) => logits[Math.floor(i / heads) * (heads + 1) + (i % heads)]!,
  );
