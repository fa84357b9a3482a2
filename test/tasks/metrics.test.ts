import { test } from "uvu";
import * as assert from "uvu/assert";
import { accuracy, exactMatch } from "../../src/tasks/accuracy.ts";
import { following, splitAnswer } from "../../src/tasks/following.ts";
import { MetricError } from "../../src/tasks/metric-types.ts";
import { METRICS, type MetricName, metricNamed } from "../../src/tasks/metrics.ts";
import { close, pair } from "./metric-fixtures.ts";

const EMOTIONS = ["happy", "sad", "angry", "neutral"];
const BAR = {
  separator: "|",
  parts: [{ metric: "wer" as const }, { metric: "accuracy" as const, labels: EMOTIONS }],
};
const KEYS = { keys: { text: BAR.parts[0]!, emotion: BAR.parts[1]! } };

const throws = (fn: () => unknown, message: RegExp) =>
  assert.throws(fn, (error: Error) => error instanceof MetricError && message.test(error.message));

test("accuracy: the label and nothing else, but for case, punctuation and spaces", () => {
  const right = [pair(" Male.\n", "male"), pair("non-speech", "Non speech"), pair("“sad”", "sad")];
  assert.equal(accuracy(right), { accuracy: 1 });
  const wrong = [
    pair("the speaker is male", "male"),
    pair("male female", "male"),
    pair("", "male"),
    pair("female", "male"),
  ];
  assert.equal(accuracy(wrong, ["male", "female"]), { accuracy: 0, unlabelled: 0.75 });
  throws(
    () => accuracy([pair("sad", "bored")], EMOTIONS),
    /expected references among happy.*got "bored"; add the label/,
  );
});

test("exact: every character but the spaces around", () => {
  assert.is(
    exactMatch([pair(" a b\n", "a b"), pair("A b", "a b"), pair("a b.", "a b"), pair("a  b", "a b")]),
    0.25,
  );
});

test("answers are split into as many parts as asked for", () => {
  assert.equal(splitAnswer(" turn it on | sad\n", BAR), ["turn it on", "sad"]);
  assert.equal(splitAnswer("|", BAR), ["", ""]);
  assert.is(splitAnswer("turn it on", BAR), undefined);
  assert.is(splitAnswer("a|b|c", BAR), undefined);
  assert.equal(splitAnswer('{"emotion": "sad", "text": "a"}', KEYS), ["a", "sad"]);
  for (const answer of [
    "",
    "null",
    "[]",
    '["a", "sad"]',
    '{"text": "a"}',
    '{"text": "a", "mood": "sad"}',
    '{"text": "a", "emotion": "sad", "more": "x"}',
    '{"text": "a", "emotion": 1}',
    '{"text": "a", "emotion": "sad"',
    'so: {"text": "a", "emotion": "sad"}',
  ]) {
    assert.is(splitAnswer(answer, KEYS), undefined, answer);
  }
});

test("following: lenient scores what follows, strict counts the rest as wrong", () => {
  const answers = [
    pair("turn it on|Sad.", "turn it on|sad"),
    pair("turn that on|happy", "turn it on|sad"),
    pair("turn it on|gloomy", "turn it on|sad"),
    pair("turn it on", "turn it on|sad"),
  ];
  const { value, details } = METRICS.following(answers, { format: BAR });
  assert.is(value, 75);
  assert.equal(details, {
    lenient: {
      rate: 75,
      parts: { 1: { metric: "wer", value: 100 / 9 }, 2: { metric: "accuracy", value: 100 * (1 / 3) } },
    },
    strict: {
      rate: 50,
      parts: { 1: { metric: "wer", value: 700 / 12 }, 2: { metric: "accuracy", value: 25 } },
    },
  });
});

test("following: JSON is scored by key, and nothing that follows leaves nothing to score", () => {
  const reference = '{"text": "turn it on", "emotion": "sad"}';
  const good = METRICS.following([pair(reference, reference)], { format: KEYS });
  const perfect = {
    rate: 100,
    parts: { text: { metric: "wer", value: 0 }, emotion: { metric: "accuracy", value: 100 } },
  };
  assert.equal(good.details, { lenient: perfect, strict: perfect });
  const bad = METRICS.following([pair("turn it on|sad", reference)], { format: KEYS });
  assert.equal(bad.details, {
    lenient: { rate: 0, parts: { text: null, emotion: null } },
    strict: {
      rate: 0,
      parts: { text: { metric: "wer", value: 100 }, emotion: { metric: "accuracy", value: 0 } },
    },
  });
});

test("following: what cannot be scored says why", () => {
  const score = () => 0;
  throws(
    () => following([pair("a|sad", "a")], BAR, score),
    /references of 2 parts separated by "\|", got "a"; correct/,
  );
  throws(() => following([pair("a", "a|sad")], KEYS, score), /JSON of texts with the keys text, emotion/);
  throws(() => METRICS.following([pair("a", "a")], {}), /following: expected a format, got none; say how/);
});

test("every metric: its own name, percents, which way is better", () => {
  const same = "it is a large red fox";
  for (const [name, metric] of Object.entries(METRICS)) {
    const format = { separator: "|", parts: [{ metric: "exact" as const }] };
    const { value, ...score } = metric([pair(same, same)], { format });
    assert.is(score.name, name);
    const perfect = score.better === "lower" ? 0 : name === "meteor" ? 100 * (1 - 0.5 / 6 ** 3) : 100;
    close(value, perfect, name);
    throws(() => metric([], { format }), new RegExp(`^${name}: expected at least one answer`));
  }
  const names: MetricName[] = [
    "wer",
    "cer",
    "accuracy",
    "exact",
    "bleu",
    "bleu-zh",
    "rouge-l",
    "meteor",
    "following",
  ];
  assert.equal(Object.keys(METRICS), names);
});

test("a metric that there is not", () => {
  assert.is(metricNamed("wer"), METRICS.wer);
  throws(() => metricNamed("toString"), /expected one of wer, cer, .*following, got "toString"; choose/);
});

test.run();
