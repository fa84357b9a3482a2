import { test } from "uvu";
import * as assert from "uvu/assert";
import { readBytes } from "#fixtures";
import { HeadMask, MaskError } from "../../src/mask/head-mask.ts";
import { type MaskShape, readMask, writeMask } from "../../src/mask/mask-file.ts";
import { dict, entry, pickle, tensor, zipBytes } from "../io/torch-files.ts";

const fixture = (name: string) => readBytes(`test/fixtures/masks/${name}`);
const shape = { layers: 4, heads: 8 };
const all: number[] = JSON.parse(new TextDecoder().decode(fixture("expected.json"))).logits;
const expected = all.filter((_, i) => i % 9 !== 8); // the ninth of a layer is its FFN's

async function refuses(name: string, message: RegExp, size: MaskShape | undefined = shape, as = name) {
  const error = await readMask(fixture(name), as, size).then(
    () => undefined,
    (error: Error) => error,
  );
  assert.instance(error, MaskError);
  assert.match(error!.message, message);
}

test("reads the heads' logits and leaves the FFN's out; 0 is on", async () => {
  for (const name of ["mask.pth", "mask.torch2.pth", "mask_runner.pth", "zip64.pth", "legacy.pth"]) {
    const mask = await readMask(fixture(name), name, shape);
    assert.equal([...mask.logits!], expected, name);
    assert.equal([mask.layers, mask.heads], [4, 8]);
  }
  const mask = await readMask(fixture("mask.pth"), "mask.pth", shape);
  assert.is(expected[1], 0);
  assert.equal(
    [mask.isOn(0, 0), mask.isOn(0, 1), mask.isOn(0, 2), mask.isOn(0, 3)],
    [true, true, false, false],
  );
  assert.is(mask.count, expected.filter((logit) => logit >= 0).length);
});

test("the files that one mask is published in are equal, and so are their bits", async () => {
  const files = ["mask.pth", "mask.torch2.pth", "mask_runner.pth", "legacy.pth"];
  const [mask, ...others] = await Promise.all(files.map((name) => readMask(fixture(name), name, shape)));
  for (const other of others) assert.ok(other.equals(mask!));
  assert.ok((await readMask(mask!.toBits(), "mask.bits", shape)).equals(mask!));
});

test("a published mask of 40 × 40 heads is 200 bytes of bits, which read as the same mask", async () => {
  const size = { layers: 40, heads: 40 };
  const logits = Float32Array.from({ length: 40 * 41 }, (_, i) => Math.sin(i * i));
  const value = dict({ model: dict({ tensor: tensor("FloatStorage", "0", [logits.length]) }) });
  const file = zipBytes([
    entry("mask/data.pkl", pickle(value)),
    entry("mask/data/0", new Uint8Array(logits.buffer)),
  ]);
  const mask = await readMask(file, "mask.pth", size);
  const bits = mask.toBits();
  assert.is(bits.length, 200);
  const again = await readMask(bits, "mask.bits", size);
  assert.ok(again.equals(mask));
  for (let layer = 0; layer < 40; layer++)
    for (let head = 0; head < 40; head++)
      assert.is(again.isOn(layer, head), logits[layer * 41 + head]! >= 0, `${layer}, ${head}`);
});

test("knows it by its content too, and gives the same mask as safetensors", async () => {
  const mask = await readMask(fixture("mask.pth"), "download", shape);
  const again = await readMask(writeMask(mask), "mask.safetensors");
  assert.ok(again.equals(mask));
  assert.equal([...again.logits!], expected);
});

test("four bytes that begin as a ZIP file does are still bits", async () => {
  const bits = Uint8Array.of(0x50, 0x4b, 3, 4);
  assert.ok((await readMask(bits, "mask.bits", shape)).equals(HeadMask.fromBits(4, 8, bits)));
});

test("needs the size, and the right one", async () => {
  const bytes = fixture("mask.pth");
  await assertRejects(
    () => readMask(bytes, "mask.pth"),
    "mask: mask.pth: expected the model's layers and heads with a published mask, got only its 36 logits, " +
      "which are layers × (heads + 1)",
  );
  await refuses(
    "mask.pth",
    /expected 1640 logits for 40 layers × \(40 heads \+ 1\), got 36; this mask was made/,
    {
      layers: 40,
      heads: 40,
    },
  );
});

async function assertRejects(call: () => Promise<unknown>, message: string) {
  const error = await call().catch((error: Error) => error);
  assert.instance(error, MaskError);
  assert.is((error as Error).message, message);
}

test("refuses files that would run code, are damaged, or are no masks", async () => {
  const evil = "; this file would run code, do not trust it";
  for (const [file, name] of [
    ["evil.system.pth", "posix.system"],
    ["evil.eval.4.pth", "builtins.eval"],
    ["evil.getattr.pth", "__builtin__.getattr"],
  ] as const)
    await refuses(
      file,
      new RegExp(`^mask: ${file}: .*expected tensors and plain values, got ${name}${evil}$`),
    );
  await refuses("deflated.pth", /compressed \(method 8\)/);
  await refuses("values.2.pth", /expected a 1-D tensor 'model.tensor', got a dict of 'none', 'yes', 'no'/);
  await refuses("expected.json", /expected what torch.save writes/, shape, "mask.pth");
});

test.run();
