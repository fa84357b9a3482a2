import { test } from "uvu";
import * as assert from "uvu/assert";
import { readText } from "#fixtures";
import { Tokenizer, TokenizerError } from "../../src/text/tokenizer.ts";
import { llama, qwen } from "./fixtures.ts";

const demoJson = JSON.parse(readText("models/demo/model/tokenizer.json"));
const withJson = (changes: object) =>
  Tokenizer.fromJson(JSON.stringify({ ...demoJson, ...changes }), undefined);

for (const { name, tokenizer, fixture } of [qwen, llama]) {
  test(`${name}: template text has the ids of transformers`, () => {
    for (const { text, ids } of fixture.cases) {
      assert.equal(tokenizer.encodeTemplate(text), ids, JSON.stringify(text));
    }
  });

  test(`${name}: user text has the ids of split_special_tokens`, () => {
    for (const { text, literal } of fixture.cases) {
      assert.equal(tokenizer.encode(text), literal, JSON.stringify(text));
    }
  });

  test(`${name}: decodes as transformers`, () => {
    for (const { ids, decoded, decodedSpecial } of fixture.cases) {
      assert.is(tokenizer.decode(ids), decoded);
      assert.is(tokenizer.decode(ids, { special: true }), decodedSpecial);
    }
  });

  test(`${name}: text cut into pieces anywhere has the ids of the whole`, () => {
    for (const { text, literal } of fixture.cases.filter(({ text }) => text.length < 80)) {
      for (let cut = 0; cut <= text.length; cut++) {
        const pieces = [text.slice(0, cut), text.slice(cut)].map((part) => ({ text: part, trusted: false }));
        assert.equal(tokenizer.encodePieces(pieces), literal, JSON.stringify(text));
      }
    }
  });
}

test("bytes that are not UTF-8 decode as transformers", () => {
  for (const { ids, decoded } of qwen.fixture.noise!) assert.is(qwen.tokenizer.decode(ids), decoded);
});

test("nothing decodes to nothing, and unknown ids print nothing", () => {
  assert.is(qwen.tokenizer.decode([]), "");
  assert.is(qwen.tokenizer.decode([363, 99999, -1, 1018]), qwen.tokenizer.decode([363]));
});

test("idOf and size", () => {
  assert.is(qwen.tokenizer.idOf("<|AUDIO|>"), 1019);
  assert.is(qwen.tokenizer.idOf("no such token"), undefined);
  assert.is(qwen.tokenizer.size, 1022);
});

test("the demo model's prompts and answers", () => {
  const { answers } = JSON.parse(readText("models/demo/expected.json"));
  for (const { prompt, text, tokens } of answers) {
    assert.is(qwen.tokenizer.decode(qwen.tokenizer.encode(prompt)), prompt);
    assert.is(qwen.tokenizer.decode(tokens), text);
  }
});

test("tokens that only tokenizer_config.json knows are added", () => {
  const config = { added_tokens_decoder: { 1022: { content: "<|extra|>", special: true } } };
  const tokenizer = Tokenizer.fromJson(JSON.stringify(demoJson), JSON.stringify(config));
  assert.equal(tokenizer.encodeTemplate("<|extra|><|im_end|>"), [1022, 1018]);
});

test("the longest spelling of an added token wins", () => {
  const more = ["<x>", "<x><x>"].map((content, i) => ({ id: 1022 + i, content, special: true }));
  const tokenizer = withJson({ added_tokens: [...demoJson.added_tokens, ...more] });
  assert.equal(tokenizer.encodeTemplate("<x><x><x>"), [1023, 1022]);
});

test("a vocabulary of 150,000 is ready within five seconds", () => {
  const vocab: Record<string, number> = { ...demoJson.model.vocab };
  const merges: [string, string][] = demoJson.model.merges.map((merge: string | [string, string]) =>
    typeof merge === "string" ? merge.split(" ") : merge,
  );
  const words = Object.keys(demoJson.model.vocab).slice(300, 690);
  let next = 1022;
  for (const a of words) {
    for (const b of words) {
      vocab[a + b] ??= next++;
      merges.push([a, b]);
    }
  }
  const text = JSON.stringify({ ...demoJson, model: { ...demoJson.model, vocab, merges } });
  const start = performance.now();
  const tokenizer = Tokenizer.fromJson(text, undefined);
  tokenizer.encode("set the heat");
  const ms = performance.now() - start;
  assert.ok(tokenizer.size > 150_000);
  assert.ok(ms < 5000, `took ${ms} ms`);
});

const throws = (fn: () => unknown, message: RegExp) =>
  assert.throws(fn, (error: Error) => error instanceof TokenizerError && message.test(error.message));

test("files that cannot be used are refused with a remedy", () => {
  throws(() => Tokenizer.fromJson(undefined, undefined), /no tokenizer\.json; write one with transformers/);
  throws(() => Tokenizer.fromJson("", undefined), /tokenizer\.json: not JSON .*fetch the file again/);
  throws(() => Tokenizer.fromJson('{"model":', undefined), /tokenizer\.json: not JSON/);
  throws(() => Tokenizer.fromJson("[]", undefined), /expected a JSON object/);
  throws(() => Tokenizer.fromJson("{}", undefined), /expected model\.type "BPE", got nothing/);
  throws(() => Tokenizer.fromJson(JSON.stringify(demoJson), "{"), /tokenizer_config\.json: not JSON/);
  throws(
    () => withJson({ model: { type: "Quantum" } }),
    /expected model\.type "BPE", got "Quantum"; only byte-pair/,
  );
  throws(() => withJson({ model: { type: "BPE" } }), /tokenizer\.json: .*check that the file is whole/);
  throws(() => withJson({ decoder: { type: "CTC" } }), /expected a decoder ByteLevel or .*, got CTC/);
  throws(() => withJson({ pre_tokenizer: { type: "Quantum" } }), /Quantum/);
});

test.run();
