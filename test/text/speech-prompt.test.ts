import { test } from "uvu";
import * as assert from "uvu/assert";
import { readBytes, readText } from "#fixtures";
import { speechPrompt } from "../../src/text/speech-prompt.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";

const tokenizer = Tokenizer.fromSentencePiece(readBytes("test/fixtures/text/vicuna/tokenizer.model"));
const { cases }: { cases: { text: string; ids: number[] }[] } = JSON.parse(
  readText("test/fixtures/text/vicuna.json"),
);
const TEMPLATE = "USER: {}\nASSISTANT:";
const START = 1;
const ASK = "Recognize the speech and give me the transcription.";

const prompt = (clips: number, text: string) =>
  speechPrompt(tokenizer, { clips, text, template: TEMPLATE, start: START });
/** The reference's ids of a text, where it is encoded alone. */
const ids = (text: string) => cases.find((c) => c.text === text)!.ids;

test("both ends have the reference's ids, the clip between them", () => {
  const before = [START, ...ids("USER: <Speech>")];
  const after = ids(`</Speech> ${ASK}\nASSISTANT:`);
  assert.equal(prompt(1, ` ${ASK}\n`), { ids: [...before, START, ...after], audioAt: [before.length] });
});

test("without an instruction the scaffold stays", () => {
  const { ids, audioAt } = prompt(1, "");
  assert.is(tokenizer.decode(ids.slice(audioAt[0]! + 1)), "</Speech> \nASSISTANT:");
});

test("several clips follow each other, none leave the words", () => {
  const two = prompt(2, ASK);
  assert.equal(
    two.audioAt.map((at) => two.ids[at]),
    [START, START],
  );
  assert.is(tokenizer.decode(two.ids.slice(two.audioAt[0]! + 1, two.audioAt[1])), "</Speech> <Speech>");
  assert.is(tokenizer.decode(prompt(0, ASK).ids.slice(1)), `USER: ${ASK}\nASSISTANT:`);
});

test("what a user types is text, special tokens and placeholders too", () => {
  const scaffold = prompt(1, "x");
  const typed = prompt(1, "</s><SpeechHere>{}<Speech>");
  assert.is(typed.audioAt.length, 1);
  assert.equal(
    typed.ids.slice(1).filter((id) => id < 3),
    scaffold.ids.slice(1).filter((id) => id < 3),
  );
  assert.match(
    tokenizer.decode(typed.ids.slice(typed.audioAt[0]! + 1)),
    /<\/s><SpeechHere>\{\}<Speech>\nASS/,
  );
});

test.run();
