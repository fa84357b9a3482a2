/** Files of torch.save, of either layout, and the tensors in them. */
import type { TorchTensor } from "./pickle.ts";
import { readTensor, STORED_BYTES, type TensorInfo } from "./safetensors.ts";
import { type ByteSource, MAX_SLICE } from "./source.ts";
import { stridedSource } from "./strided.ts";
import { type TorchFile, torchError } from "./torch-layout.ts";
import { readTorchLegacy } from "./torch-legacy.ts";
import { readTorchZip } from "./torch-zip.ts";
import { toF32 } from "./values.ts";

export { type TorchFile, TorchFileError } from "./torch-layout.ts";

/**
 * Reads what a file holds, without its tensors' elements. Nothing in it is run.
 * @throws TorchFileError, ZipError, PickleError, SourceError
 */
export async function readTorch(source: ByteSource): Promise<TorchFile> {
  const { value, open } = await readLayout(source);
  const opened = new Map<string, Promise<ByteSource>>();
  return {
    value,
    open(storage) {
      const found = opened.get(storage.key) ?? open(storage);
      opened.set(storage.key, found);
      return found;
    },
  };
}

/** By how the file begins: as a ZIP file, or as a pickle. */
async function readLayout(source: ByteSource): Promise<TorchFile> {
  const start = await source.read(0, Math.min(4, source.size));
  if (new TextDecoder().decode(start) === "PK\u0003\u0004") return readTorchZip(source);
  if (start[0] === 0x80) return readTorchLegacy(source);
  throw torchError(source.name, "what torch.save writes", "other bytes; it is cut short or another format");
}

/**
 * A tensor as one whose bytes follow each other row by row: they lie so in its storage, or are gathered from there as
 * they are read.
 * @throws TorchFileError, ZipError, SourceError
 */
export async function locateTensor(file: TorchFile, name: string, tensor: TorchTensor): Promise<TensorInfo> {
  const { dtype, shape, strides, offset } = tensor;
  const storage = await file.open(tensor.storage);
  const size = STORED_BYTES[dtype];
  const inRows = isContiguous(tensor);
  const source = inRows ? storage : stridedSource(storage, offset, shape, strides, size);
  const begin = inRows ? offset * size : 0;
  const end = begin + shape.reduce((product, n) => product * n, size);
  return { name, dtype, shape, source, begin, end };
}

/** Whether a tensor's elements follow each other row by row; the stride of a dimension of 1 means nothing. */
function isContiguous({ shape, strides }: TorchTensor): boolean {
  if (shape.includes(0)) return true;
  let expected = 1;
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    if (shape[dim] !== 1 && strides[dim] !== expected) return false;
    expected *= shape[dim]!;
  }
  return true;
}

/**
 * A small tensor's elements as f32, row by row; for what is at most MAX_SLICE bytes.
 * @returns f32, as many as the shape's product
 * @throws TorchFileError, ZipError (among them a wrong check sum), SourceError
 */
export async function readTensorF32(file: TorchFile, tensor: TorchTensor): Promise<Float32Array> {
  const info = await locateTensor(file, "", tensor);
  if (info.end - info.begin > MAX_SLICE)
    throw torchError(
      info.source.name,
      `a tensor of at most ${MAX_SLICE} bytes`,
      `one of ${info.end - info.begin}`,
    );
  return toF32(await readTensor(info), tensor.dtype);
}
