import { test } from "uvu";
import * as assert from "uvu/assert";
import { openFolder } from "#files";
import { exists, locate, readBytes } from "#fixtures";
import { openCheckpointFile } from "../../src/io/checkpoint.ts";
import { TorchTensor, type TorchValue } from "../../src/io/pickle.ts";
import { readTensor, type TensorInfo } from "../../src/io/safetensors.ts";
import { memoryFolder, memorySource } from "../../src/io/source.ts";
import { readTensorF32, readTorch } from "../../src/io/torch-file.ts";
import { toF32 } from "../../src/io/values.ts";

const fixture = (name: string) => readBytes(`test/fixtures/masks/${name}`);
const open = (name: string, bytes = fixture(name)) => readTorch(memorySource(name, bytes));
const at = (value: TorchValue | undefined, key: string) => (value as Map<string, TorchValue>).get(key);
const { logits } = JSON.parse(new TextDecoder().decode(fixture("expected.json"))) as { logits: number[] };

async function refuses(reading: Promise<unknown>, message: RegExp) {
  const error = await reading.then(
    () => undefined,
    (error: Error) => error,
  );
  assert.match(error?.message ?? "nothing", message);
  assert.ok(["TorchFileError", "ZipError", "PickleError", "SourceError"].includes(error!.name), error!.name);
}

/** All of a mask: the file, then its logits. */
async function maskOf(name: string, bytes?: Uint8Array<ArrayBuffer>) {
  const file = await open(name, bytes);
  return readTensorF32(file, at(at(file.value, "model"), "tensor") as TorchTensor);
}

test("reads a published mask: of torch 1 and 2, within a training state, with 64-bit sizes", async () => {
  for (const name of ["mask.pth", "mask.torch2.pth", "mask_runner.pth", "zip64.pth", "legacy.pth"])
    assert.equal([...(await maskOf(name))], logits, name);
  const { value } = await open("mask_runner.pth");
  assert.is(at(at(at(value, "config"), "model"), "max_txt_len"), 300);
  assert.is(at(value, "epoch"), 3);
});

for (const protocol of [2, 3, 4, 5])
  test(`reads every plain value and element type, protocol ${protocol}`, async () => {
    const file = await open(`values.${protocol}.pth`);
    const plain: Record<string, TorchValue> = {
      none: null,
      yes: true,
      no: false,
      int: -7,
      word: 70000,
      long: 2 ** 40,
      huge: -(2n ** 70n),
      float: 0.25,
      text: "père",
      bytes: Uint8Array.of(0, 255),
      list: [1, [2, []]],
      tuple: [1, 2, 3, 4],
      set: new Set([5]),
      size: [2, 3],
      device: "cpu",
    };
    for (const [key, expected] of Object.entries(plain)) assert.equal(at(file.value, key), expected, key);
    assert.equal([...(at(file.value, "ordered") as Map<string, number>)], [["b", 1], ["a", 2]]); // biome-ignore format: pairs
    assert.is((file.value as Map<TorchValue, TorchValue>).get(3), "three");
    const tensors: Record<string, [dtype: string, shape: number[], elements: number[]]> = {
      f64: ["F64", [2], [0.5, -2]],
      f32: ["F32", [2, 3], [1, 2, 3, 4, 5, 6]],
      f16: ["F16", [2], [0.5, -2]],
      bf16: ["BF16", [2], [0.5, -2]],
      i64: ["I64", [2], [1, -2]],
      i32: ["I32", [2], [1, -2]],
      i16: ["I16", [2], [1, -2]],
      i8: ["I8", [2], [1, -2]],
      u8: ["U8", [2], [1, 254]],
      bool: ["BOOL", [2], [1, 0]],
      transposed: ["F32", [3, 2], [0, 3, 1, 4, 2, 5]],
      slice: ["F32", [3], [2, 3, 4]],
      scalar: ["F32", [], [3.5]],
      expanded: ["F32", [2, 2], [9, 9, 9, 9]],
      empty: ["F32", [0, 3], []],
      parameter: ["F32", [1], [7]],
    };
    for (const [key, expected] of Object.entries(tensors)) {
      const tensor = at(file.value, key) as TorchTensor;
      assert.instance(tensor, TorchTensor);
      assert.equal([tensor.dtype, tensor.shape, [...(await readTensorF32(file, tensor))]], expected, key);
    }
  });

test("refuses what would run code, by name", async () => {
  const evil = {
    "evil.system.pth": "posix.system",
    "evil.system.4.pth": "posix.system",
    "evil.eval.pth": "__builtin__.eval",
    "evil.eval.4.pth": "builtins.eval",
    "evil.getattr.pth": "__builtin__.getattr",
    "evil.getattr.4.pth": "builtins.getattr",
    "evil.load.pth": "torch.serialization.load",
    "evil.load.4.pth": "torch.serialization.load",
  };
  for (const [file, name] of Object.entries(evil))
    await refuses(
      open(file),
      new RegExp(
        `^pickle: ${file}: expected tensors and plain values, got ${name}; this file would run code, do not trust it$`,
      ),
    );
  assert.not(exists("evil-was-here"));
});

test("says what another format is", async () => {
  await refuses(
    open("deflated.pth"),
    /'mask\/data.pkl' as it is, got it compressed \(method 8\); save .* again/,
  );
  await refuses(
    open("expected.json"),
    /^torch: expected.json: expected what torch.save writes, got other bytes/,
  );
  await refuses(
    open("empty", new Uint8Array()),
    /expected what torch.save writes, got other bytes; it is cut/,
  );
});

test("refuses a file that is cut short, wherever", async () => {
  const whole = fixture("mask.pth");
  for (let length = 0; length < whole.length; length += 7)
    await refuses(maskOf("mask.pth", whole.slice(0, length)), /expected/);
});

test("finds a changed byte of a tensor by its check sum", async () => {
  const bytes = fixture("mask.pth");
  const first = new Uint8Array(Float32Array.of(logits[0]!).buffer);
  const begin = bytes.findIndex((_, i) => first.every((byte, j) => byte === bytes[i + j]));
  bytes[begin]! ^= 1;
  await refuses(
    maskOf("mask.pth", bytes),
    /'mask\/data\/0' to have the CRC 2d9a10dc, got [0-9a-f]{8}; the file is damaged/,
  );
});

test("finds it in a storage that is read in slices, by the last of them, whatever else is read meanwhile", async () => {
  const bytes = fixture("mask.pth");
  const first = new Uint8Array(Float32Array.of(logits[0]!).buffer);
  const begin = bytes.findIndex((_, i) => first.every((byte, j) => byte === bytes[i + j]));
  const info = async () => {
    const folder = memoryFolder("m", { "mask.pth": bytes });
    return (await openCheckpointFile(folder, "mask.pth")).tensors.get("tensor")!;
  };
  const read = async ({ source, end }: TensorInfo) => {
    for (let at = 0; at < end; at += 8) {
      await source.read(at, 8);
      if (at) await source.read(at / 2, 8);
    }
  };
  await read(await info());
  bytes[begin]! ^= 1;
  const damaged = await info();
  const message = /^zip: m\/mask.pth: expected 'mask\/data\/0' to have the CRC 2d9a10dc, got /;
  await damaged.source.read(0, damaged.end - 1);
  await refuses(read(damaged), message);
  await refuses(damaged.source.read(0, 1), message);
});

test("check sums that were turned off are not compared", async () => {
  const checkpoint = await openCheckpointFile(openFolder(locate("test/fixtures/torch")), "no_crc.pth");
  const info = checkpoint.tensors.get("tensor")!;
  assert.equal([...toF32(await readTensor(info), info.dtype)], [0, 1, 2, 3, 4, 5]);
  await checkpoint.close();
});

test("any changed byte is an error or makes no difference, never a crash", async () => {
  const bytes = fixture("mask.torch2.pth");
  for (let i = 0; i < bytes.length; i++) {
    bytes[i]! ^= 0xff;
    const read = await maskOf("mask.torch2.pth", bytes).catch((error: Error) => error.name);
    bytes[i]! ^= 0xff;
    if (typeof read === "string") assert.match(read, /^(TorchFile|Zip|Pickle|Source)Error$/, `byte ${i}`);
    else assert.equal([...read], logits, `byte ${i}`);
  }
});

test.run();
