/** What the tests of io share: small checkpoints in memory, a web server that can misbehave, and errors by type. */
import { readdir, readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { DType } from "../../src/gpu/tensor.ts";
import { httpFolder } from "../../src/io/http.ts";
import { encodeSafetensors, type StoredDType } from "../../src/io/safetensors.ts";

import type { Folder } from "../../src/io/source.ts";

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
  bytes: f32(...Array(shape.reduce((a, b) => a * b, 1)).keys()),
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

/** Runs `use` against a server on this machine that answers by `answer`; everything is shut afterwards. */
export async function withServer(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  use: (url: string) => Promise<unknown>,
): Promise<void> {
  const server: Server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Answers as a good server does: Range, 404, HEAD. */
export function serve(files: Record<string, Uint8Array>) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const bytes = files[decodeURIComponent((request.url ?? "").slice(1))];
    if (!bytes) {
      response.writeHead(404).end();
      return;
    }
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    if (!range) {
      response
        .writeHead(200, { "content-length": bytes.length })
        .end(request.method === "HEAD" ? undefined : bytes);
      return;
    }
    const [begin, end] = [Number(range[1]), Math.min(Number(range[2]) + 1, bytes.length)];
    if (begin >= bytes.length) response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
    else
      response
        .writeHead(206, {
          "content-length": end - begin,
          "content-range": `bytes ${begin}-${end - 1}/${bytes.length}`,
        })
        .end(bytes.subarray(begin, end));
  };
}

/** Serves a directory of this repository and gives it to `use` as a folder on the web. */
export async function httpBacked(
  directory: string,
  use: (folder: Folder) => Promise<unknown>,
): Promise<void> {
  const names = await readdir(directory);
  const files = await Promise.all(
    names.map(async (name) => [name, await readFile(join(directory, name))] as const),
  );
  await withServer(serve(Object.fromEntries(files)), (url) => use(httpFolder(url)));
}
