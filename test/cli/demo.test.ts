import { test } from "uvu";
import * as assert from "uvu/assert";
import { CLIPS, readDemo } from "../../src/cli/demo-clips.ts";
import { expected } from "../model/demo-model.ts";
import { command } from "./command.ts";

test("answers about a clip under every condition, and says what a mask costs", async () => {
  const { code, stdout } = await command("demo", "--clips", "1");
  assert.is(code, 0);
  assert.match(stdout, /64 attention heads/);
  assert.match(stdout, /^1\/1 {2}speech-002\.flac {2}1\.4 s$/m);
  assert.match(stdout, /“start a timer for eight minutes”/);
  assert.match(stdout, /^ {2}“transcribe the speech” +3 tokens {2}✓ start a timer for eight minutes$/m);
  const none = expected("speech-002", "none", null);
  assert.match(stdout, new RegExp(`^ {2}nothing +0 tokens {4}${none.text}$`, "m"));
  for (const [task, words] of [
    ["asr", "transcribe"],
    ["s2tt", "translate"],
    ["gr", "name the gender"],
    ["ser", "name the emotion"],
  ]) {
    const { text } = expected("speech-002", "mask", task!);
    assert.match(stdout, new RegExp(`^ {2}mask: ${words} +8 bytes {2}✓ ${text}$`, "m"));
  }
  assert.match(stdout, /^ {2}\d+ tokens in [\d.]+ s, [\d.]+ tokens\/s$/m);
  assert.match(stdout, /Right: 1 of 1 under an instruction, 4 of 4 under a mask of 8 bytes/);
  assert.match(stdout, /npx ahamask run --model models\/demo\/model/);
  assert.not.match(stdout, new RegExp(String.fromCharCode(27)), "no colours where there is no terminal");
  for (const line of stdout.split("\n")) assert.ok(line.length <= 80, line);
});

test("knows the truth about each clip of the show", async () => {
  const { clips, truth } = await readDemo(CLIPS);
  assert.is(clips.length, CLIPS);
  const [first, second] = clips;
  assert.is(truth("s2tt", first!.truths), "starte einen timer für acht minuten");
  assert.is(
    truth("asr_ser_json", second!.truths),
    '{"text": "set the heat in the office to seven", "emotion": "angry"}',
  );
  assert.is(truth("aac", clips.at(-1)!.truths), "a wailing siren");
  for (const { conditions } of clips) {
    assert.is(conditions.filter((condition) => condition === null).length, 1);
    assert.ok(conditions.length <= 8);
  }
});

test.run();
