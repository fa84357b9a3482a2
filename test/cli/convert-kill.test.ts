/** 3 GB of PyTorch weights are converted in less than 200 MB of JavaScript memory, killed and resumed to the same bytes. */
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { TensorSource, writeTorch } from "../../scripts/torch-writer.ts";
import type { ConvertDocument } from "../../src/cli/convert.ts";
import { STORED_BYTES, type StoredDType } from "../../src/io/safetensors.ts";
import { start, withFolder } from "./command.ts";

const LIMIT = 200e6; // bytes

/** A MB of small numbers in every float type (no byte has the bits of an exponent all set), and one of zeros. */
const block = Uint8Array.from({ length: 2 ** 20 }, (_, i) => ((i * 2_654_435_761) >>> 13) & 0x3b);
const zeros = new Uint8Array(2 ** 20);

/** Zeros, and every 10 MB something else. */
function tensor(dtype: StoredDType, ...shape: number[]): TensorSource {
  return new TensorSource(dtype, shape, function* () {
    let left = shape.reduce((product, n) => product * n, STORED_BYTES[dtype]);
    for (let i = 0; left > 0; i++, left -= zeros.length)
      yield (i % 10 === 0 ? block : zeros).subarray(0, Math.min(left, zeros.length));
  });
}

/** 3.08 GB; as f16 2.18 GB in two shards. */
const TENSORS = new Map([
  ...Array.from({ length: 6 }, (_, i) => [`wide.${i}`, tensor("F32", 18_000, 4_096)] as const),
  ...Array.from({ length: 4 }, (_, i) => [`kept.${i}`, tensor("F16", 40_000, 4_001)] as const),
  ["steps", tensor("I64", 1_000_001)],
  ["odd", tensor("BF16", 10_000_001)],
]);

/** As PyTorch saves a model; what it takes on the disk. */
function writeCheckpoint(folder: string): number {
  mkdirSync(folder);
  const file = join(folder, "pytorch_model.bin");
  writeTorch(file, TENSORS);
  writeFileSync(join(folder, "config.json"), '{"torch_dtype": "float32"}');
  return statSync(file).size;
}

/** Watches a process's memory, and says the peak of heap and external memory (array buffers count there) as it ends. */
const WATCH = `data:text/javascript,${encodeURIComponent(`
  let peak = 0;
  const sample = () => {
    const { heapUsed, external } = process.memoryUsage();
    peak = Math.max(peak, heapUsed + external);
  };
  setInterval(sample, 1).unref();
  process.on("exit", () => { sample(); console.error("peak " + peak); });
`)}`;

const convert = (from: string, out: string) =>
  start(["convert", from, "--out", out, "--dtype", "f16", "--json"], undefined, ["--import", WATCH]);

async function finish(from: string, out: string): Promise<ConvertDocument> {
  const { code, stdout, stderr } = await convert(from, out).outcome;
  assert.is(code, 0, stderr);
  const peak = Number(/^peak (\d+)$/m.exec(stderr)?.[1]);
  assert.ok(peak < LIMIT, `expected less than ${LIMIT} bytes of JavaScript memory, got ${peak}`);
  return JSON.parse(stdout);
}

const bytesIn = (folder: string): number =>
  existsSync(folder)
    ? readdirSync(folder).reduce((sum, name) => sum + (statSync(join(folder, name), QUIET)?.size ?? 0), 0)
    : 0;
const QUIET = { throwIfNoEntry: false } as const; // a file may get its name in between

/** What a conversion comes to that gets a signal once it is so far. */
async function interrupted(from: string, out: string, isFar: () => boolean, signal: NodeJS.Signals) {
  const { child, outcome } = convert(from, out);
  while (child.exitCode === null && !isFar()) await sleep(2);
  child.kill(signal);
  return outcome;
}

async function sameFiles(a: string, b: string): Promise<void> {
  assert.equal(readdirSync(a), readdirSync(b));
  const buffers = [Buffer.alloc(2 ** 24), Buffer.alloc(2 ** 24)] as const;
  for (const name of readdirSync(a)) {
    const files = [await open(join(a, name)), await open(join(b, name))] as const;
    for (let at = 0, read = 1; read > 0; at += read) {
      const [one, other] = await Promise.all(
        files.map((file, i) => file.read({ buffer: buffers[i]!, position: at })),
      );
      read = one!.bytesRead;
      assert.is(other!.bytesRead, read);
      assert.ok(
        buffers[0].subarray(0, read).equals(buffers[1].subarray(0, read)),
        `${name} from byte ${at} on`,
      );
    }
    await Promise.all(files.map((file) => file.close()));
  }
}

test(`3 GB in less than ${LIMIT / 1e6} MB, killed and resumed to the same bytes`, () =>
  withFolder(async (folder) => {
    const [from, whole, killed] = [join(folder, "from"), join(folder, "whole"), join(folder, "killed")];
    assert.ok(writeCheckpoint(from) > 3e9);
    const { bytes, verified } = await finish(from, whole);
    assert.equal(verified, { tensors: TENSORS.size, bytes });

    const stopped = await interrupted(from, killed, () => bytesIn(killed) > 0.2 * bytes, "SIGINT");
    assert.is(stopped.code, 130);
    assert.match(
      stopped.stderr,
      /^ahamask: what is written is kept in .*killed; the same command goes on with it$/m,
    );
    assert.match(stopped.stderr, /^ahamask: interrupted$/m);
    for (const [moment, isFar] of [
      ["in the first shard", () => bytesIn(killed) > 0.6 * bytes],
      ["in the second", () => bytesIn(killed) > 0.95 * bytes],
      ["as they are verified", () => existsSync(join(killed, "model-00002-of-00002.safetensors"))],
    ] as const) {
      const { code, stderr } = await interrupted(from, killed, isFar, "SIGKILL");
      assert.is(code, null, `${moment}: ${stderr}`);
      assert.not(existsSync(join(killed, "config.json")), "unfinished, it does not load");
    }
    const resumed = await finish(from, killed);
    assert.is(resumed.kept, bytes);
    assert.equal(resumed.verified, verified);
    await sameFiles(killed, whole);
  }));

test.run();
