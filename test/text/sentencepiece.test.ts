import { test } from "uvu";
import * as assert from "uvu/assert";
import { readBytes, readText } from "#fixtures";
import { Tokenizer, TokenizerError } from "../../src/text/tokenizer.ts";
import { bestTime } from "../best-time.ts";

/** What SentencePiece and transformers give, written by scripts/oracle/llama_text.py. */
const {
  cases,
}: {
  cases: {
    text: string;
    ids: number[];
    literal: number[];
    decoded: string;
    decodedSpecial: string;
    decodedLiteral: string;
  }[];
} = JSON.parse(readText("test/fixtures/text/vicuna.json"));
const model = readBytes("test/fixtures/text/vicuna/tokenizer.model");
const own = Tokenizer.fromSentencePiece(model);
const converted = Tokenizer.fromJson(readText("test/fixtures/text/vicuna/tokenizer.json"), undefined);

for (const [name, tokenizer] of [
  ["tokenizer.model", own],
  ["tokenizer.json", converted],
] as const) {
  test(`${name}: user text has SentencePiece's ids, and they decode to it`, () => {
    for (const { text, literal, decodedLiteral } of cases) {
      assert.equal(tokenizer.encode(text), literal, JSON.stringify(text));
      assert.is(tokenizer.decode(literal), decodedLiteral);
    }
  });

  test(`${name}: trusted text has the ids of transformers`, () => {
    for (const { text, ids } of cases)
      assert.equal(tokenizer.encodeTemplate(text), ids, JSON.stringify(text));
  });

  test(`${name}: decodes as transformers`, () => {
    for (const { ids, decoded, decodedSpecial } of cases) {
      assert.is(tokenizer.decode(ids), decoded);
      assert.is(tokenizer.decode(ids, { special: true }), decodedSpecial);
    }
  });
}

test("idOf, size and special tokens", () => {
  assert.is(own.size, 1200);
  assert.is(own.idOf("<s>"), 1);
  assert.is(own.idOf("<0x0A>"), 3 + 10);
  assert.is(own.idOf("no such piece"), undefined);
  assert.equal(own.encodeTemplate("<s></s><unk>"), [1, 2, 0]);
  assert.equal(own.encode(""), []);
});

test("text spells neither bytes' pieces nor special ones", () => {
  for (const text of ["<0x41>", "<s>", "<unk>"]) {
    assert.ok(own.encode(text).length > 3);
    assert.is(own.decode(own.encode(text)), text);
  }
});

test("100,000 characters without a space take less than a second", () => {
  const text = "nananasahaha你好🙂".repeat(7000);
  const ms = bestTime(1000, () => own.encode(text));
  assert.is(own.decode(own.encode(text)), text);
  assert.ok(ms < 1000, `took ${ms} ms`);
});

const utf8 = (value: string | Uint8Array) =>
  typeof value === "string" ? new TextEncoder().encode(value) : value;
const bytes = (...parts: (number | string | Uint8Array)[]) =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === "number" ? part : [...utf8(part)])));
/** A field of a protobuf message: a small number, or what is nested. */
const field = (number: number, value: number | string | Uint8Array) =>
  typeof value === "number" ? bytes(number * 8, value) : bytes(number * 8 + 2, utf8(value).length, value);
const piece = (text: string, kind: number) => field(1, bytes(field(1, text), field(3, kind)));
const BYTES = bytes(
  ...Array.from({ length: 256 }, (_, b) => piece(`<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`, 6)),
);
const BPE = field(2, field(3, 2));
const AS_IT_IS = field(3, field(4, 0));

test("a model of bytes alone, without a space in front", () => {
  const plain = Tokenizer.fromSentencePiece(bytes(BYTES, BPE, field(3, bytes(field(3, 0), field(4, 0)))));
  assert.equal(plain.encode("aé"), [0x61, 0xc3, 0xa9]);
  assert.is(plain.decode([0x61, 0xc3, 0xa9]), "aé");
});

test("a byte order mark is a piece like others", () => {
  const marked = Tokenizer.fromSentencePiece(bytes(BYTES, piece("\ufeff", 1), BPE, AS_IT_IS));
  assert.equal(marked.encode("\ufeffx"), [0xe2, 0x96, 0x81, 256, 0x78]); // ▁, which has no piece here, in front
});

test("files that cannot be used are refused with a remedy", () => {
  const throws = (model: Uint8Array, message: RegExp) =>
    assert.throws(
      () => Tokenizer.fromSentencePiece(model),
      (error: Error) => error instanceof TokenizerError && message.test(error.message),
    );
  throws(
    model.subarray(0, 1000),
    /expected a model of SentencePiece, got other bytes .*use Llama's or Vicuna's/,
  );
  throws(utf8("<!doctype html>"), /expected a model of SentencePiece/);
  throws(bytes(), /expected a byte-pair model \(type 2\), got type 1/);
  throws(bytes(BYTES, AS_IT_IS), /expected a byte-pair model \(type 2\), got type 1/);
  throws(bytes(BYTES, BPE), /expected spaces as they are, got remove_extra_whitespaces/);
  throws(bytes(BYTES, BPE, field(3, bytes(field(4, 0), field(5, 0)))), /got no escape_whitespaces/);
  throws(bytes(BYTES, BPE, field(3, bytes(field(2, "rules"), field(4, 0)))), /got normalisation/);
  throws(bytes(BYTES, piece("mine", 4), BPE, AS_IT_IS), /got 'mine' of kind 4/);
  throws(bytes(piece("<0x00>", 6), BPE, AS_IT_IS), /expected a piece for each byte, in order, got 1 of them/);
});

test.run();
