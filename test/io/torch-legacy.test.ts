import { test } from "uvu";
import * as assert from "uvu/assert";
import { readBytes } from "#fixtures";
import { PickleError, type TorchTensor, type TorchValue } from "../../src/io/pickle.ts";
import { memorySource } from "../../src/io/source.ts";
import { readTensorF32, readTorch, TorchFileError } from "../../src/io/torch-file.ts";
import { type ErrorType, rejects } from "./helpers.ts";
import { pickle, str, tensor } from "./torch-files.ts";

const fixture = (name: string) => readBytes(`test/fixtures/masks/${name}`);
const mask = fixture("legacy.pth");
const { logits } = JSON.parse(new TextDecoder().decode(fixture("expected.json"))) as { logits: number[] };
const at = (value: TorchValue | undefined, key: string) => (value as Map<string, TorchValue>).get(key);

async function read(bytes: Uint8Array) {
  const file = await readTorch(memorySource("old.pth", bytes));
  return [...(await readTensorF32(file, at(at(file.value, "model"), "tensor") as TorchTensor))];
}

/** The file's parts: magic number, version, machine, value, keys, and the storage. */
const ENDS = [0, 15, 21, 137, 392, 420];
const PARTS = ENDS.map((begin, i) => mask.slice(begin, ENDS[i + 1]));
const STORAGE = "94237721602048";

/** The file with another n-th part. */
const swapped = (n: number, part: Uint8Array) =>
  Uint8Array.from([...PARTS.slice(0, n), part, ...PARTS.slice(n + 1)].flatMap((bytes) => [...bytes]));

test("reads a mask of the layout before 1.6, and what follows the last storage is not looked at", async () => {
  assert.equal(await read(mask), logits);
  assert.equal(await read(Uint8Array.from([...mask, 1, 2, 3])), logits);
});

test("refuses a file that is cut short, wherever", async () => {
  for (let length = 0; length < mask.length; length++) {
    const error = await read(mask.slice(0, length)).catch((error: Error) => error);
    assert.ok(error instanceof TorchFileError || error instanceof PickleError, `${length}: ${error}`);
    assert.match((error as Error).message, /old.pth: expected/);
  }
});

test("any changed byte before the elements is an error or makes no difference, never a crash", async () => {
  for (let i = 0; i < 428; i++) {
    const changed = mask.slice();
    changed[i]! ^= 0xff;
    const got = await read(changed).catch((error: Error) => error.name);
    if (typeof got === "string") assert.match(got, /^(TorchFile|Pickle)Error$/, `byte ${i}`);
    else assert.equal(got, logits, `byte ${i}`);
  }
});

test("says what is wrong, and in which file", async () => {
  const refuses = (part: number, bytes: Uint8Array, message: RegExp, type: ErrorType = TorchFileError) =>
    rejects(() => read(swapped(part, bytes)), type, message);
  await refuses(
    0,
    pickle("N"),
    /^torch: old.pth: expected what torch.save writes, got a bare pickle; save it/,
  );
  await refuses(1, pickle("K\x07"), /expected version 1001 of the layout, got '7'/);
  await refuses(2, pickle("}"), /expected little-endian bytes, got others/);
  const evil = /^pickle: old.pth: expected tensors .*os.system; this file would run code/;
  for (const part of [0, 1, 2, 3, 4]) await refuses(part, pickle("cos\nsystem\n"), evil, PickleError);
  const end =
    /expected storage '94237721602048' to end within the file, got end \d+ of \d+ bytes; .* cut short/;
  await refuses(3, pickle(tensor("FloatStorage", STORAGE, [2 ** 40])), end);
  const keys = (...names: string[]) => pickle(`](${names.map(str).join("")}e`);
  await refuses(4, keys(), /expected storage '94237721602048', got none; the file is damaged/);
  await refuses(4, keys(STORAGE, "7"), /each storage's key once, got '7'; the file is damaged/);
  await refuses(
    4,
    keys(STORAGE, STORAGE),
    /each storage's key once, got '94237721602048'; the file is damaged/,
  );
  await refuses(4, pickle("N"), /a list of storages, got another object/);
  const count = Uint8Array.from([35, ...PARTS[5]!.slice(1)]);
  await refuses(5, count, /expected 36 elements in storage '94237721602048', got 35; the file is damaged/);
});

test("a view of a storage, as files of 2017 may have it, is refused with what to do", async () => {
  const id = `(${str("storage")}ctorch\nFloatStorage\n${str("0")}${str("cpu")}K\x06`;
  const view = pickle(`${id}(${str("1")}K\x02K\x03ttQ`);
  const message = /expected a storage of its own, got part of another; save the file again with a newer/;
  await rejects(() => read(swapped(3, view)), PickleError, message);
});

test.run();
