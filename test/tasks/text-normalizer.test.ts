import { test } from "uvu";
import * as assert from "uvu/assert";
import { readText } from "#fixtures";
import { normalizeEnglish } from "../../src/tasks/text-normalizer.ts";

const { cases }: { cases: [string, string][] } = JSON.parse(
  readText("test/fixtures/metrics/normalizer.json"),
);

test("texts are normalised as by transformers' EnglishTextNormalizer", () => {
  assert.ok(cases.length > 500);
  const wrong = cases
    .map(([text, expected]) => ({ text, expected, got: normalizeEnglish(text) }))
    .filter(({ expected, got }) => got !== expected);
  assert.equal(wrong, []);
});

test("what is normalised stays as it is", () => {
  for (const text of ["Mr. O'Neil's 21 colours", "$5 million", "two and a half", "café 50 %"]) {
    assert.is(normalizeEnglish(normalizeEnglish(text)).trim(), normalizeEnglish(text).trim());
  }
});

test("spellings that Whisper's table lists too", () => {
  assert.is(normalizeEnglish("The cheque, the gaol and two storeys"), "the check the jail and 2 stories");
});

test.run();
