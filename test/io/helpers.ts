/** What the tests of io share: small checkpoints in memory, and errors by type. */
import * as assert from "uvu/assert";
import type { DType } from "../../src/gpu/tensor.ts";
import { encodeSafetensors, type StoredDType } from "../../src/io/safetensors.ts";

export type ErrorType = abstract new (...args: never[]) => Error;

/** The error that `act` rejects with: of this type, and with a message that matches. */
export async function rejects<E extends ErrorType>(
  act: () => unknown,
  type: E,
  message: RegExp,
): Promise<InstanceType<E>> {
  let error: unknown;
  try {
    await act();
  } catch (caught) {
    error = caught;
  }
  assert.instance(error, type, `expected ${type.name}, got ${error}`);
  assert.match((error as Error).message, message);
  return error as InstanceType<E>;
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

export const f32 = (...values: number[]): Uint8Array => new Uint8Array(new Float32Array(values).buffer);

/** Values 0, 1, 2, … in an F32 tensor. */
export const ramp = (...shape: number[]) => ({
  dtype: "F32" as const,
  shape,
  bytes: new Uint8Array(Float32Array.from(Array(shape.reduce((a, b) => a * b, 1)).keys()).buffer),
});

export type Stored = { dtype: StoredDType; shape: number[]; bytes: Uint8Array };

/** A safetensors file of named tensors. */
export const file = (tensors: Record<string, Stored>): Uint8Array =>
  encodeSafetensors(Object.entries(tensors).map(([name, tensor]) => ({ name, ...tensor })));

/** A safetensors file with this header and that many bytes of data, however wrong. */
export function rawFile(header: string | Uint8Array, dataBytes = 0): Uint8Array {
  const text = typeof header === "string" ? utf8(header) : header;
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

export interface FakeTensor {
  readonly label: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly bytes: Uint8Array;
  disposed: boolean;
  dispose(): void;
}

/** An `Uploader` that keeps to the rules of the GPU and checks that loading does. */
export class FakeGpu {
  readonly tensors: FakeTensor[] = [];
  /** The most bytes written between two drains. */
  worst = 0;
  drains = 0;
  private pending = 0;

  tensor(label: string, shape: readonly number[], dtype: DType): FakeTensor {
    const count = shape.reduce((a, b) => a * b, 1);
    const bytes = new Uint8Array(Math.ceil((count * (dtype === "f32" ? 4 : 2)) / 4) * 4).fill(0xee);
    const tensor = {
      label,
      shape,
      dtype,
      bytes,
      disposed: false,
      dispose() {
        tensor.disposed = true;
      },
    };
    this.tensors.push(tensor);
    return tensor;
  }

  write(tensor: FakeTensor, bytes: Uint8Array, byteOffset = 0): void {
    assert.is(bytes.length % 4, 0);
    assert.is(byteOffset % 4, 0);
    tensor.bytes.set(bytes, byteOffset);
    this.pending += bytes.length;
    this.worst = Math.max(this.worst, this.pending);
  }

  async drain(): Promise<void> {
    this.drains++;
    this.pending = 0;
  }

  get alive(): number {
    return this.tensors.filter(({ disposed }) => !disposed).length;
  }
}
