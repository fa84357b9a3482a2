import { test } from "uvu";
import * as assert from "uvu/assert";
import { meteor, meteorOf } from "../../src/tasks/meteor.ts";
import type { Pair } from "../../src/tasks/metric-types.ts";
import { porterStem } from "../../src/tasks/porter-stemmer.ts";
import { close, fixture } from "./metric-fixtures.ts";

const { pairs, stems } = fixture<{ pairs: (Pair & { score: number })[]; stems: string }>("meteor");

test("stems as NLTK's", () => {
  const cases = stems.split(" ").map((entry) => entry.split("=") as [string, string]);
  assert.ok(cases.length > 4000);
  const wrong = cases.filter(([word, stem]) => porterStem(word) !== stem);
  assert.equal(
    wrong.map(([word, stem]) => `${word}: ${porterStem(word)}, expected ${stem}`),
    [],
  );
});

test("scores as NLTK's with a WordNet that knows no synonyms", () => {
  for (const { score, ...one } of pairs) close(meteorOf(one), score, JSON.stringify(one));
  close(meteor(pairs), pairs.reduce((sum, { score }) => sum + score, 0) / pairs.length, "mean");
});

test.run();
