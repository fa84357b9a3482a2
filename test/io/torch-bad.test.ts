/** Torch files that are damaged or hostile: each gets a typed error that names the file and the fault. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { exists } from "#fixtures";
import { openCheckpointFile } from "../../src/io/checkpoint.ts";
import { PickleError } from "../../src/io/pickle.ts";
import { readTensor } from "../../src/io/safetensors.ts";
import { memoryFolder } from "../../src/io/source.ts";
import { TorchFileError } from "../../src/io/torch-file.ts";
import { ZipError } from "../../src/io/zip.ts";
import { type ErrorType, f32, rejects, utf8 } from "./helpers.ts";
import { dict, type Entry, entry, int, ints, pickle, storage, str, tensor, u32, zipBytes } from "./torch-files.ts"; // biome-ignore format: one line

/** Opens `bad.pth` and reads all of it. */
async function read(file: Uint8Array): Promise<Record<string, number[]>> {
  const { tensors } = await openCheckpointFile(memoryFolder("m", { "bad.pth": file }), "bad.pth");
  const values: Record<string, number[]> = {};
  for (const [name, info] of tensors) values[name] = [...(await readTensor(info))];
  return values;
}

async function refuses(file: Uint8Array, type: ErrorType, message: RegExp) {
  const error = await rejects(() => read(file), type, message);
  assert.match((error as Error).message, /^(pickle|zip|torch): m\/bad.pth: expected/);
}

const VALUE = dict({ a: tensor("FloatStorage", "0", [2]), b: tensor("LongStorage", "1", [1]) });
const A = entry("m/data/0", f32(1, 2));
const B = entry("m/data/1", new Uint8Array(8));
const archive = (value: string, ...others: Entry[]) =>
  zipBytes([entry("m/data.pkl", pickle(value)), ...others]);

test("the sound file, which those below are a change of", async () => {
  assert.equal(await read(archive(VALUE, A, B)), { a: [...f32(1, 2)], b: Array(8).fill(0) });
});

test("a pickle that would run code, wherever it stands and however it calls", async () => {
  const evil = (code: string, name: string) =>
    refuses(
      archive(dict({ a: tensor("FloatStorage", "0", [2]), x: code }), A),
      PickleError,
      new RegExp(
        `expected tensors and plain values, got ${name}; this file would run code, do not trust it$`,
      ),
    );
  const touch = str("touch evil-was-here");
  await evil(`cos\nsystem\n${touch}\x85R`, "os.system");
  await evil(`cposix\nsystem\n${touch}\x85R`, "posix.system");
  await evil(`${str("builtins")}${str("eval")}\x93${str("1")}\x85R`, "builtins.eval");
  await evil(`(${touch}ios\nsystem\n`, "os.system");
  await evil(`cbuiltins\ngetattr\ncos\n__dict__\n${str("system")}\x86R`, "builtins.getattr");
  await evil(`c__builtin__\n__import__\n${str("os")}\x85R`, "__builtin__.__import__");
  await evil(`csubprocess\nPopen\n${touch}\x85R`, "subprocess.Popen");
  await evil(`ctorch.hub\nload\n${touch}\x85R`, "torch.hub.load");
  await evil(
    `ctorch._utils\n_rebuild_tensor_v2.__globals__\n`,
    "torch._utils._rebuild_tensor_v2.__globals__",
  );
  await evil(`ccopyreg\n_reconstructor\n(cos\nsystem\n`, "copyreg._reconstructor");
  assert.not(exists("evil-was-here"));
});

test("a pickle that is small and stands for something huge", async () => {
  const bombs = [
    `]q\0${"0h\0h\0\x86q\0".repeat(40)}`, // a tuple of two of the one before, forty times
    `}q\0${`0}(${str("a")}h\0${str("b")}h\0uq\0`.repeat(40)}`,
    `(${"N".repeat(1000)}tq\x010${"cbuiltins\nset\nh\x01\x85R0".repeat(5000)}N`,
    `(${"}".repeat(1_000_000)}t`,
    `(${"N".repeat(4_000_001)}t`,
  ];
  for (const bomb of bombs)
    await refuses(
      archive(dict({ a: bomb })),
      PickleError,
      /expected at most 4000000 objects, got more; this is no/,
    );
  await refuses(archive(`${"]".repeat(101)}${"a".repeat(100)}`), PickleError, /at most 100 deep, got deeper/);
  await refuses(archive(`N${"\x85".repeat(100_000)}`), PickleError, /at most 100 deep, got deeper/);
  await refuses(archive("]q\0h\0a"), PickleError, /values that end, got one that contains itself/);
  await refuses(
    archive(`X${u32(2 ** 32 - 1)}`),
    PickleError,
    /expected 4294967295 bytes at byte 7, got the end/,
  );
  await refuses(archive(`\x8e${"\xff".repeat(8)}`), PickleError, /expected 18446744073709551615 bytes/);
  await refuses(
    archive(`\x8b${"\xff".repeat(4)}`),
    PickleError,
    /ints of at most 32 bytes, got one of 4294967295/,
  );
  const large = zipBytes([{ ...A, name: "m/data.pkl", size: 16 * 2 ** 20 + 1, crc: 0 }]);
  await refuses(large, TorchFileError, /expected 'm\/data.pkl' of at most 16777216 bytes, got 16777217/);
});

test("a tensor that is not within its storage", async () => {
  const view = (offset: number, shape: number[], strides: number[]) => {
    const args = `${storage("FloatStorage", "0", 2)}${int(offset)}${ints(...shape)}${ints(...strides)}\x89}`;
    return archive(dict({ a: `ctorch._utils\n_rebuild_tensor_v2\n(${args}tR` }), A);
  };
  assert.equal(await read(view(1, [1, 1], [7, 9])), { a: [...f32(2)] });
  const within = /expected a tensor within the 2 elements of storage '0', got/;
  await refuses(view(1, [2], [1]), PickleError, within);
  await refuses(view(2, [], []), PickleError, within);
  await refuses(view(0, [2, 2], [1, 1]), PickleError, within);
  await refuses(view(2 ** 53 - 1, [2], [2 ** 53 - 1]), PickleError, within);
  await refuses(
    view(0, [2 ** 31, 2 ** 31], [0, 0]),
    PickleError,
    /fewer than 2\^53 bytes, got one of \[2147483648, /,
  );
  await refuses(view(0, [-1], [1]), PickleError, /a whole number of at least 0, got -1/);
  await refuses(view(-1, [1], [1]), PickleError, /a whole number of at least 0, got -1/);
  await refuses(view(0, [2], [-1]), PickleError, /a whole number of at least 0, got -1/);
});

test("an archive whose parts are missing, of another size, or there twice", async () => {
  await refuses(archive(VALUE, A), TorchFileError, /expected storage '1', got none; the file is damaged/);
  const longer = archive(dict({ a: tensor("FloatStorage", "0", [3]) }), A);
  await refuses(longer, TorchFileError, /expected 12 bytes in storage '0', got 8; it is damaged/);
  const huge = archive(dict({ a: tensor("FloatStorage", "0", [2 ** 40]) }), A);
  await refuses(huge, TorchFileError, /expected 4398046511104 bytes in storage '0', got 8; it is damaged/);
  await refuses(archive(VALUE, A, A), ZipError, /expected every name once, got 'm\/data\/0' twice/);
  const second = entry("n/data.pkl", pickle("N"));
  await refuses(
    archive(VALUE, A, B, second),
    TorchFileError,
    /expected one folder with data.pkl, got 2; it is not/,
  );
  await refuses(zipBytes([A, B]), TorchFileError, /expected one folder with data.pkl, got 0; it is not/);
  await refuses(
    archive(VALUE, A, B, entry("../x", f32(1))),
    ZipError,
    /names within the archive, got "..\/x"/,
  );
  const big = archive(VALUE, A, B, entry("m/byteorder", utf8("big")));
  await refuses(big, TorchFileError, /expected little-endian bytes, got big/);
  const script = archive(VALUE, A, B, entry("m/constants.pkl", pickle(")")));
  await refuses(script, TorchFileError, /expected weights, got a TorchScript program; save its state_dict/);
  const more = zipBytes([entry("m/data.pkl", Uint8Array.from([...pickle(VALUE), 78])), A, B]);
  await refuses(more, TorchFileError, /expected data.pkl to end, got more bytes; the file is damaged/);
  await refuses(archive("N"), TorchFileError, /expected a dict of tensors, alone or under 'model' or/);
});

test("an entry that is longer than the archive, or a directory that is", async () => {
  const sound = archive(VALUE, A, B);
  const patched = (signature: string, at: number, ...values: number[]) => {
    const file = sound.slice();
    const begin = new TextDecoder("latin1").decode(file).lastIndexOf(signature);
    file.set(values, begin + at);
    return file;
  };
  const long = patched("PK\x01\x02", 20, 0, 0, 0, 1, 0, 0, 0, 1);
  await refuses(
    long,
    ZipError,
    /expected 'm\/data\/1' to lie within the file, got 16777216 bytes at \d+; it is/,
  );
  const outside = patched("PK\x01\x02", 42, 0, 0, 0, 1);
  await refuses(
    outside,
    ZipError,
    /expected 'm\/data\/1' to lie within the file, got 8 bytes at 16777216; it is/,
  );
  const elsewhere = patched("PK\x01\x02", 42, 1, 0, 0, 0);
  await refuses(elsewhere, ZipError, /expected 'm\/data\/1' at 1, got other bytes; it is damaged/);
  const unknown = patched("PK\x01\x02", 20, 255, 255, 255, 255);
  await refuses(unknown, ZipError, /expected 'm\/data\/1' to have its size, got no zip64 field/);
  const directory = patched("PK\x05\x06", 12, 0, 0, 0, 1);
  await refuses(directory, ZipError, /expected a directory of at most 16777216 bytes within the file, got/);
  await refuses(patched("PK\x05\x06", 10, 4), ZipError, /expected 4 entries, got 3/);
  await refuses(
    patched("PK\x01\x02", 8, 1),
    ZipError,
    /expected 'm\/data\/1' to be readable, got it encrypted/,
  );
});

test("wrong check sums: of the value, of the byte order, of a storage", async () => {
  const wrong = (name: string) =>
    new RegExp(`expected '${name}' to have the CRC 00000001, got .*; the file is damaged`);
  const value = entry("m/data.pkl", pickle(VALUE), 1);
  await refuses(zipBytes([value, A, B]), ZipError, wrong("m/data.pkl"));
  const order = entry("m/byteorder", utf8("little"), 1);
  await refuses(archive(VALUE, A, B, order), ZipError, wrong("m/byteorder"));
  await refuses(archive(VALUE, A, { ...B, crc: 1 }), ZipError, wrong("m/data/1"));
});

test("a file that is cut short after any byte, with and without the record that ends it", async () => {
  const sound = archive(VALUE, A, B);
  const END = 22; // bytes
  const refused = async (file: Uint8Array) => {
    const error = await read(file).catch((error: Error) => error);
    const typed = [ZipError, TorchFileError, PickleError].some((type) => error instanceof type);
    assert.ok(typed, `${file.length}: ${error}`);
    assert.match((error as Error).message, /m\/bad.pth: expected/);
  };
  for (let length = 0; length < sound.length; length++) {
    await refused(sound.slice(0, length));
    if (length < sound.length - END)
      await refused(Uint8Array.from([...sound.slice(0, length), ...sound.slice(-END)]));
  }
});

test.run();
