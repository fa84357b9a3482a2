/** What both layouts of torch.save come to. */
import { PickleError, type TorchStorage, type TorchValue, type Unpickled, unpickle } from "./pickle.ts";
import type { ByteSource } from "./source.ts";

/** The file is not one of torch.save, or of a kind that is not read here. */
export class TorchFileError extends Error {
  override name = "TorchFileError";
}

export const torchError = (file: string, expected: string, got: string) =>
  new TorchFileError(`torch: ${file}: expected ${expected}, got ${got}`);

export interface TorchFile {
  /** What was saved; tensors say which storage they lie in. */
  readonly value: TorchValue;
  /**
   * A storage's bytes, which are still in the file; the same source each time.
   * @throws TorchFileError when it is not there or of another length, ZipError, SourceError
   */
  open(storage: TorchStorage): Promise<ByteSource>;
}

/** `unpickle`, whose errors name the file. @throws PickleError */
export function readPickle(file: string, bytes: Uint8Array, from = 0): Unpickled {
  try {
    return unpickle(bytes, from);
  } catch (error) {
    if (!(error instanceof PickleError)) throw error;
    throw new PickleError(error.message.replace("pickle: ", `pickle: ${file}: `), { cause: error });
  }
}

/** Missing from the file, though the value names it. */
export const noStorage = (file: string, { key }: TorchStorage) =>
  torchError(file, `storage '${key}'`, "none; the file is damaged");
