import { test } from "uvu";
import * as assert from "uvu/assert";
import { type BleuTokenizer, bleu, tokenize } from "../../src/tasks/bleu.ts";
import { close, fixture, pair } from "./metric-fixtures.ts";

interface Expected {
  readonly score: number;
  readonly precisions: number[];
  readonly brevityPenalty: number;
  readonly lengths: [number, number];
  readonly tokens: [string[], string[]][];
}
type Corpus = { readonly pairs: [string, string][] } & Record<BleuTokenizer, Expected>;
const { corpora } = fixture<{ corpora: Record<string, Corpus> }>("bleu");

for (const tokenizer of ["13a", "zh"] as const) {
  test(`${tokenizer}: tokens and corpus scores as sacrebleu's`, () => {
    for (const [name, corpus] of Object.entries(corpora)) {
      const expected = corpus[tokenizer];
      assert.equal(
        corpus.pairs.map((texts) => texts.map((text) => tokenize(text, tokenizer))),
        expected.tokens,
      );
      const got = bleu(
        corpus.pairs.map(([hypothesis, reference]) => pair(hypothesis, reference)),
        tokenizer,
      );
      close(got.score, expected.score, `${name}: score`);
      close(got.brevityPenalty, expected.brevityPenalty, `${name}: brevity penalty`);
      assert.equal([got.hypothesisLength, got.referenceLength], expected.lengths);
      for (const [i, precision] of got.precisions.entries())
        close(precision, expected.precisions[i]!, `${name}: ${i + 1}-grams`);
    }
  });
}

test("13a is what there is without a name, and case counts", () => {
  assert.is(bleu([pair("a b c d", "a b c d")]).score.toFixed(6), "100.000000");
  assert.ok(bleu([pair("A b c d e", "a b c d e")]).score < 90);
});

test.run();
