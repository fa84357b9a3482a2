import { test } from "uvu";
import * as assert from "uvu/assert";
import { readText } from "#fixtures";
import { openGpu } from "../../src/gpu/index.ts";
import { HeadMask } from "../../src/mask/head-mask.ts";
import type { Answer, AnswerOptions, Question } from "../../src/model/audio-model.ts";
import { nd } from "../reference/array.ts";
import { expectClose, expectRejects } from "../reference/compare.ts";
import { demoClip, demoMask, FULL, isSwiftShader, loadDemo } from "./demo-model.ts";

interface Case {
  max_new_tokens: number;
  min_new_tokens?: number;
  num_beams?: number;
  length_penalty?: number;
  early_stopping?: boolean | "never";
  repetition_penalty?: number;
  ids: number[];
}
interface Asked {
  audio: string;
  prompt: string;
  prompt_ids: number[];
  cases: Case[];
}
const prompts: Asked[] = JSON.parse(readText("test/fixtures/generate/demo.json")).prompts;

const gpu = await openGpu();
const model = await loadDemo(gpu);
test.after(() => {
  model.dispose();
  gpu.dispose();
});
gpu.trim();
const baseline = gpu.bytes;
const freed = () => {
  gpu.trim();
  assert.is(gpu.bytes, baseline, "bytes after it");
};

const long: Question = {
  audio: await demoClip("clips/eval/speech-000.flac"),
  prompt: "write down what is said",
};
const short: Question = { audio: await demoClip("clips/eval/speech-001.flac"), prompt: "" };
const sound: Question = { audio: await demoClip("clips/eval/sound-057.flac"), prompt: "caption the audio" };
const ids = (answers: readonly Answer[]) => answers.map(({ tokens }) => tokens);
const ask = async (questions: Question[], options: AnswerOptions = {}) =>
  ids(await model.answer(questions, options));
const alone = async (questions: Question[], options?: AnswerOptions) => {
  const answers = [];
  for (const question of questions) answers.push(...(await ask([question], options)));
  return answers;
};

/** Ids and logits of one question's greedy answer. */
async function withLogits(question: Question, maxNewTokens = 8) {
  const tokens: number[] = [];
  const logits: number[] = [];
  for await (const token of model.stream([question], { maxNewTokens, logits: true })) {
    assert.is(token.logits!.length, 1024);
    assert.is(token.logits!.indexOf(Math.max(...token.logits!)), token.id);
    tokens.push(token.id);
    logits.push(...token.logits!);
  }
  return { tokens, logits: nd([tokens.length, 1024], logits) };
}

test("greedy, penalties and beams give the ids of transformers", async () => {
  // A share of the settings, others for each prompt; AHAMASK_FULL=1: all of them.
  const every = FULL ? 1 : isSwiftShader(gpu) ? 20 : 2 * prompts.length;
  let asked = 0;
  for (const [p, { audio, prompt, prompt_ids, cases }] of prompts.entries()) {
    const question = { audio: await demoClip(audio), prompt };
    const { ids, audioAt } = model.family.prompt(1, prompt, undefined);
    const repeat = (_: number, i: number) =>
      i === audioAt[0] ? model.family.audioTokens(question.audio.length) : 1;
    assert.equal(
      ids.flatMap((id, i) => Array<number>(repeat(id, i)).fill(id)),
      prompt_ids,
    );
    for (const [i, c] of cases.entries()) {
      if (i % every !== (2 * p) % every) continue;
      const options: AnswerOptions = {
        maxNewTokens: c.max_new_tokens,
        minNewTokens: c.min_new_tokens,
        beams: c.num_beams,
        lengthPenalty: c.length_penalty,
        earlyStopping: c.early_stopping,
        repetitionPenalty: c.repetition_penalty,
      };
      assert.equal(await ask([question], options), [c.ids], `${audio} ${JSON.stringify(options)}`);
      asked++;
    }
  }
  console.log(`${asked} settings`);
});

test("a token takes one submit and one readback of an id a row", async () => {
  const [submits, bytes] = [gpu.submits, gpu.staging.bytesRead];
  await ask([long, short], { maxNewTokens: 20, stop: [] });
  // the clips, the prompts with the first token, then a token each
  assert.is(gpu.submits - submits, 2 + 19);
  assert.is(gpu.staging.bytesRead - bytes, 20 * 2 * 4);
});

test("clips of different lengths in one batch are answered as each alone", async () => {
  const questions = [long, short, sound];
  assert.equal(await ask(questions), await alone(questions));
  freed();
});

test("each row has its own mask, greedily and with beams", async () => {
  const mask = await demoMask("masks/pytorch/gr.safetensors");
  const questions = [{ ...short, mask }, short, { ...long, mask }];
  for (const options of [{}, { beams: 2, maxNewTokens: 6 }]) {
    const answers = await ask(questions, options);
    assert.equal(answers, await alone(questions, options));
    assert.is(new Set(answers.map(String)).size, 3, "masks that change nothing show nothing");
  }
});

test("a mask of ones is no mask, and logits come on request", async () => {
  const plain = await withLogits(long);
  const masked = await withLogits({ ...long, mask: HeadMask.all(model.layers, model.heads) });
  assert.equal(masked.tokens, plain.tokens);
  expectClose("logits", masked.logits, plain.logits, 1e-6);
  assert.equal(await ask([long], { maxNewTokens: 8 }), [plain.tokens]);
});

test("a seed gives one answer, alone or in a batch; other seeds give others", async () => {
  const options = { temperature: 3, topP: 0.95, maxNewTokens: 6, seed: 7 };
  const first = await ask([long, short], options);
  assert.equal(await ask([short, long], options), first.toReversed());
  assert.equal(await alone([long, short], options), first);
  const seeds = [1, 2, 3, 4].map((seed) => ask([long], { ...options, seed }));
  assert.ok(new Set((await Promise.all(seeds)).map(String)).size > 1);
});

test("sampling with no choice left is greedy", async () => {
  const greedy = await ask([long, sound], { maxNewTokens: 6 });
  for (const sampling of [
    { temperature: 1e-4 },
    { temperature: 2, topK: 1 },
    { temperature: 1, topP: 1e-6 },
    { temperature: 1e-4, topK: 5 },
  ])
    assert.equal(
      await ask([long, sound], { ...sampling, maxNewTokens: 6 }),
      greedy,
      JSON.stringify(sampling),
    );
});

test("a stop id ends an answer, the length cuts it", async () => {
  const [whole] = await model.answer([long]);
  assert.ok(whole!.stopped);
  const [cut] = await model.answer([long], { maxNewTokens: 3 });
  assert.equal([cut!.tokens, cut!.stopped], [whole!.tokens.slice(0, 3), false]);
  const [stopped] = await model.answer([long], { stop: [whole!.tokens[3]!] });
  assert.equal([stopped!.tokens, stopped!.stopped], [whole!.tokens.slice(0, 4), true]);
});

test("a stream's pieces add up to the answers and come one by one", async () => {
  const questions = [long, sound];
  const answers = await model.answer(questions);
  const texts = ["", ""];
  const tokens: number[][] = [[], []];
  const submits: number[] = [];
  for await (const { row, id, text, last } of model.stream(questions)) {
    texts[row] += text;
    tokens[row]!.push(id);
    assert.is(last, tokens[row]!.length === answers[row]!.tokens.length);
    submits.push(gpu.submits);
  }
  assert.equal(
    texts.map((text, row) => ({ text, tokens: tokens[row], stopped: true })),
    answers,
  );
  assert.ok(submits.at(-1)! - submits[0]! >= answers[0]!.tokens.length - 4, "work went on between pieces");
});

test("leaving a stream early frees what it held", async () => {
  for (const options of [{}, { beams: 2, maxNewTokens: 4 }, { logits: true }]) {
    let seen = 0;
    for await (const _ of model.stream([long, short], options)) if (++seen === 3) break;
    assert.is(seen, 3);
    freed();
  }
});

test("an abort before or during an answer rejects with its reason and frees all", async () => {
  const before = AbortSignal.abort(new Error("not at all"));
  await expectRejects(model.answer([long], { signal: before }), Error, /^not at all$/);
  freed();
  for (const options of [{}, { beams: 2 }, { temperature: 1 }]) {
    const controller = new AbortController();
    const signal = controller.signal;
    const answer = model.answer([long], { ...options, stop: [], signal });
    setTimeout(() => controller.abort(new Error("enough")), 30);
    await expectRejects(answer, Error, /^enough$/);
    freed();
  }
  assert.is((await model.answer([long]))[0]!.tokens.length, 9, "the model still answers");
});

test.run();
