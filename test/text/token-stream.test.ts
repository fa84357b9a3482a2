import { test } from "uvu";
import * as assert from "uvu/assert";
import { readText } from "#fixtures";
import type { Tokenizer } from "../../src/text/tokenizer.ts";
import { llama, qwen } from "./fixtures.ts";

/** The pieces of `ids` as a user sees them come. */
function pieces(tokenizer: Tokenizer, ids: number[], special = false): string[] {
  const stream = tokenizer.stream({ special });
  return [...ids.map((id) => stream.push(id)), stream.end()];
}

for (const { name, tokenizer, fixture } of [qwen, llama]) {
  test(`${name}: pieces join to the whole and never hold half a character`, () => {
    for (const { text, ids, decoded, decodedSpecial } of fixture.cases) {
      const shown = pieces(tokenizer, ids);
      assert.is(shown.join(""), decoded);
      assert.is(pieces(tokenizer, ids, true).join(""), decodedSpecial);
      if (text.includes("\uFFFD")) continue;
      for (const piece of shown) assert.not.ok(piece.includes("\uFFFD"), JSON.stringify(text));
    }
  });
}

test("every answer of the demo model, token by token", () => {
  const { answers } = JSON.parse(readText("models/demo/expected.json"));
  for (const { text, tokens } of answers) {
    const shown = pieces(qwen.tokenizer, tokens);
    assert.is(shown.join(""), text);
    const ascii = [...text].every((letter) => letter < "\x80");
    if (ascii) assert.is(shown.at(-1), "", "all text is out before the end");
  }
});

test("a character comes with its last byte", () => {
  const ids = qwen.tokenizer.encode("🙂");
  assert.equal(pieces(qwen.tokenizer, ids), [...ids.slice(1).map(() => ""), "🙂", ""]);
});

test("a character that never becomes whole is one replacement at the end", () => {
  const ids = qwen.tokenizer.encode("🙂").slice(0, -1);
  assert.equal(pieces(qwen.tokenizer, ids), [...ids.map(() => ""), "\uFFFD"]);
});

test("noise streams to what it decodes to", () => {
  for (const { ids, decoded } of qwen.fixture.noise!) {
    assert.is(pieces(qwen.tokenizer, ids).join(""), decoded);
  }
});

test("200,000 tokens stream in under five seconds", () => {
  const ids = Array.from({ length: 200_000 }, (_, i) => i % 1016);
  const start = performance.now();
  const shown = pieces(qwen.tokenizer, ids);
  const ms = performance.now() - start;
  assert.ok(shown.join("").length > 200_000);
  assert.ok(ms < 5000, `took ${ms} ms`);
});

test.run();
