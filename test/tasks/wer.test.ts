import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Pair } from "../../src/tasks/metric-types.ts";
import { cer, editDistance, wer } from "../../src/tasks/wer.ts";
import { fixture, pair } from "./metric-fixtures.ts";

type Counts = [edits: number, length: number];
const { pairs } = fixture<{ pairs: (Pair & { words: Counts; characters: Counts })[] }>("edits");
const counts = ({ edits, length }: { edits: number; length: number }) => [edits, length];

test("edits and lengths of normalised pairs as NLTK's edit distance has them", () => {
  for (const { words, characters, ...one } of pairs) {
    assert.equal(counts(wer([one])), words, JSON.stringify(one));
    assert.equal(counts(cer([one])), characters, JSON.stringify(one));
  }
});

test("a corpus is the sum of its edits over the sum of its lengths, not the mean of rates", () => {
  const sum = (i: 0 | 1) => pairs.reduce((total, { words }) => total + words[i], 0);
  assert.equal(wer(pairs), { rate: sum(0) / sum(1), edits: sum(0), length: sum(1) });
  assert.is(wer([pair("a", "a"), pair("x y z", "b c d")]).rate, 3 / 4);
});

test("empty references and hypotheses", () => {
  assert.is(wer([pair("", "two words")]).rate, 1);
  assert.is(wer([pair("a b", "")]).rate, 1);
  assert.is(wer([pair("", "")]).rate, 0);
  assert.is(wer([pair("um", "(laughs)")]).rate, 0);
  assert.is(wer([pair("a b", ""), pair("c d", "c d")]).rate, 1);
  assert.is(wer([pair("a b c d", "a")]).rate, 3);
  assert.is(wer([]).rate, 0);
});

test("characters are code points", () => {
  assert.equal(cer([pair("𠮷野", "吉野")]), { rate: 0.5, edits: 1, length: 2 });
  assert.is(editDistance([], ["a", "b"]), 2);
});

test.run();
