import { test } from "uvu";
import * as assert from "uvu/assert";
import { compileDecoder } from "../../src/text/decoder.ts";

const vicuna = {
  type: "Sequence",
  decoders: [
    { type: "Replace", pattern: { String: "▁" }, content: " " },
    { type: "ByteFallback" },
    { type: "Fuse" },
    { type: "Strip" },
  ],
};

test("byte level: stand-ins are bytes, other spellings their own text", () => {
  const { bytes, stripFirstSpace } = compileDecoder({ type: "ByteLevel" });
  assert.equal([...bytes("aĠĊ")], [0x61, 0x20, 0x0a]);
  assert.equal([...bytes("Ã¼ŃÿĀ")], [0xc3, 0xbc, 0xad, 0xff, 0x00]);
  assert.equal([...bytes("｜")], [0xef, 0xbd, 0x9c]);
  assert.is(stripFirstSpace, false);
});

test("byte fallback: marks are spaces, <0xNN> is a byte", () => {
  const { bytes, stripFirstSpace } = compileDecoder(vicuna);
  assert.equal([...bytes("▁a▁")], [0x20, 0x61, 0x20]);
  assert.equal([...bytes("<0xE2>")], [0xe2]);
  assert.equal([...bytes("<0xE2>x")], [...new TextEncoder().encode("<0xE2>x")]);
  assert.is(stripFirstSpace, true);
});

test("other decoders are refused by name", () => {
  assert.throws(() => compileDecoder({ type: "WordPiece" }), /got WordPiece; use a byte-level/);
  assert.throws(() => compileDecoder(null), /got none/);
});

test.run();
