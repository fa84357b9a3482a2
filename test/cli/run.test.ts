import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Answered, Failed } from "../../src/cli/answer-files.ts";
import type { RunDocument } from "../../src/cli/run.ts";
import { HeadMask } from "../../src/mask/head-mask.ts";
import { writeMask } from "../../src/mask/mask-file.ts";
import { serve, withServer } from "../io/server.ts";
import { demoFile, demoMask, expected, MODEL as MODEL_PATH } from "../model/demo-model.ts";
import { clipPath, command, here, ours, start, withFolder } from "./command.ts";

const MODEL = "models/demo/model";
const run = (...args: string[]) => command("run", "--model", MODEL, ...args);

/** What of a result does not depend on the clock. */
const answer = ({ ms: _, ...rest }: Answered) => rest;

test("--json answers as transformers does, in the order of the files", async () => {
  const mask = "models/demo/masks/pytorch/gr.safetensors";
  const clips = ["speech-002", "speech-000"];
  const { code, stdout } = await run("--audio", ...clips.map(clipPath), "--mask", mask, "--json");
  assert.is(code, 0);
  const document = JSON.parse(stdout) as RunDocument & { results: Answered[] };
  assert.equal(Object.keys(document), ["model", "adapter", "results"]);
  assert.is(document.model, MODEL);
  assert.ok(document.adapter.length > 0);
  assert.equal(
    document.results.map(answer),
    clips.map((clip) => {
      const { text, tokens } = expected(clip, "mask", "gr");
      return { audio: clipPath(clip), prompt: "", mask, text, tokens };
    }),
  );
  for (const { ms } of document.results) {
    assert.equal(Object.keys(ms), ["audio", "firstToken", "decode", "total"]);
    assert.ok(Object.values(ms).every((time) => time >= 0));
    assert.ok(Math.abs(ms.total - ms.audio - ms.firstToken - ms.decode) < 0.3);
  }
});

test("a file that fails is reported in its place, and the others are answered", () =>
  withFolder(async (folder) => {
    const short = join(folder, "short.wav");
    writeFileSync(short, wav(100));
    const { prompt, text, tokens } = expected("speech-000", "instruction", "asr");
    const files = ["README.md", clipPath("speech-000"), "nowhere.flac", short];
    const outcome = await run("--audio", ...files, "--prompt", prompt, "--json");
    assert.is(outcome.code, 1);
    const { results } = JSON.parse(outcome.stdout) as RunDocument;
    assert.equal(
      results.map(({ audio }) => audio),
      files,
    );
    assert.equal(answer(results[1] as Answered), { audio: files[1], prompt, mask: null, text, tokens });
    const errors = [0, 2, 3].map((i) => results[i] as Failed);
    assert.match(errors[0]!.error, /^audio: README\.md: expected a WAV, FLAC, MP3 or Ogg Vorbis file/);
    assert.match(errors[1]!.error, /expected to read 'nowhere\.flac', got nothing there/);
    assert.match(errors[2]!.error, /short\.wav: .*long enough for one audio token, got 100 samples/);
    for (const { audio, prompt: asked, mask, error } of errors) {
      assert.is(asked, prompt);
      assert.is(mask, null);
      assert.ok(ours(outcome).includes(`ahamask: ${error}`), `stderr says ${audio}`);
    }
  }));

test("one file's answer is streamed; bare bits are a mask", () =>
  withFolder(async (folder) => {
    const bits = join(folder, "asr.bits");
    writeFileSync(bits, (await demoMask("masks/pytorch/asr.safetensors")).toBits());
    const pieces: string[] = [];
    const args = ["run", "--model", MODEL, "--audio", clipPath("speech-000"), "--mask", bits];
    const outcome = await start(args, (_, text) => pieces.push(text)).outcome;
    assert.is(outcome.code, 0);
    assert.is(outcome.stdout, `${expected("speech-000", "mask", "asr").text}\n`);
    assert.ok(pieces.length > 1, `came in ${pieces.length} piece`);
    assert.match(outcome.stderr, /^ahamask: on \S/m);
    assert.match(
      outcome.stderr,
      /^ahamask: 9 tokens in [\d.]+ s, [\d.]+ tokens\/s, first after [\d.]+ s; audio [\d.]+ s$/m,
    );
  }));

test("a model on the web, several files with a line each, a long one cut, an answer cut off", () =>
  withFolder(async (folder) => {
    const long = join(folder, "long.wav");
    writeFileSync(long, wav(16_000 * 100));
    const names = readdirSync(MODEL_PATH);
    const files = Object.fromEntries(names.map((name) => [`demo/${name}`, demoFile(`model/${name}`)]));
    await withServer(serve(files), async (url) => {
      const clip = clipPath("sound-055");
      const args = ["--model", `${url}/demo`, "--audio", clip, long, "--max-new-tokens", "3"];
      const outcome = await command("run", ...args);
      assert.is(outcome.code, 0);
      const lines = outcome.stdout.split("\n");
      assert.is(lines.length, 3);
      assert.ok(lines[0]!.startsWith(`${clip}: a wail`), lines[0]);
      assert.ok(lines[1]!.startsWith(`${long}: `), lines[1]);
      assert.match(outcome.stderr, /long\.wav: 1\.7 minutes, cut to the first 3 s, the model's window/);
      assert.match(outcome.stderr, /sound-055\.flac: cut off after 3 tokens; see --max-new-tokens/);
      const missing = await command("run", "--model", `${url}/other`, "--audio", clip);
      assert.is(missing.code, 1);
      assert.is(missing.stdout, "");
      assert.match(ours(missing).at(-1)!, /^ahamask: http: expected .*other\/config\.json, got status 404/);
    });
  }));

test("Ctrl-C in mid-answer exits with 130, quickly", async () => {
  let pressed = 0;
  const endless = ["--max-new-tokens", "400", "--min-new-tokens", "400"];
  const args = ["run", "--model", MODEL, "--audio", clipPath("speech-000"), ...endless];
  const { outcome } = start(args, (child) => {
    if (pressed === 0) child.kill("SIGINT");
    pressed ||= performance.now();
  });
  const { code, stderr } = await outcome;
  assert.is(code, 130);
  assert.ok(performance.now() - pressed < 5000, `took ${performance.now() - pressed} ms`);
  assert.match(stderr, /^ahamask: interrupted$/m);
  assert.not.match(stderr, /^ +at /m);
});

test("a mask of another model is refused", () =>
  withFolder(async (folder) => {
    const path = join(folder, "other.safetensors");
    writeFileSync(path, writeMask(HeadMask.all(8, 8).withMetadata({ fingerprint: "0123456789abcdef" })));
    const outcome = await run("--audio", clipPath("speech-000"), "--mask", path, "--json");
    assert.is(outcome.code, 1);
    assert.is(outcome.stdout, "");
    assert.match(
      ours(outcome).at(-1)!,
      /^ahamask: mask: .*fingerprint 49d2638ec8beee9e, got 0123456789abcdef/,
    );
  }));

test("bad options are refused before anything is loaded", async () => {
  const audio = ["--audio", clipPath("speech-000")];
  for (const [args, message] of [
    [["--beams", "0"], /'--beams <n>' argument '0' is invalid. Expected a whole number of at least 1/],
    [["--beams", "1.5"], /Expected a whole number/],
    [["--max-new-tokens", "0"], /Expected a whole number of at least 1/],
    [["--min-new-tokens", "-1"], /Expected a whole number of at least 0/],
    [["--temperature", "warm"], /Expected a number of at least 0/],
    [["--temperature", "1", "--top-p", "1.5"], /Expected a number above 0 and at most 1/],
    [["--temperature", "1", "--seed", "4294967296"], /Expected a whole number from 0 to 4294967295/],
    [["--repetition-penalty", "0"], /Expected a number above 0/],
    [["--top-k", "5"], /--top-k is of no use without --temperature above 0/],
    [["--beams", "2", "--temperature", "1"], /--beams and --temperature exclude each other/],
    [
      ["--max-new-tokens", "3", "--min-new-tokens", "4"],
      /--min-new-tokens 4 is more than --max-new-tokens 3/,
    ],
  ] as const) {
    const { code, stdout, stderr } = await here("run", "--model", "nowhere", ...audio, ...args);
    assert.is(code, 2, stderr);
    assert.is(stdout, "");
    assert.match(stderr, message);
    assert.match(stderr, /^ahamask: .*\n$/);
  }
  for (const args of [["--model", "nowhere"], audio]) assert.is((await here("run", ...args)).code, 2);
});

test("what is not there is said before anything is loaded", async () => {
  const missing = await here("run", "--model", "nowhere", "--audio", "a.flac", "b.flac");
  assert.equal(missing, {
    code: 1,
    stdout: "",
    stderr: "ahamask: read: expected to read 'a.flac', got nothing there\n",
  });
  const mask = await here("run", "--model", "nowhere", "--audio", clipPath("speech-000"), "--mask", "m.bits");
  assert.is(mask.code, 1);
  assert.is(mask.stderr, "ahamask: read: expected to read 'm.bits', got nothing there\n");
});

/** So many samples of a 16 kHz mono 16-bit WAV file, not quite silent. */
function wav(samples: number): Buffer {
  const bytes = Buffer.alloc(44 + 2 * samples);
  bytes.write("RIFF");
  bytes.writeUInt32LE(36 + 2 * samples, 4);
  bytes.write("WAVEfmt ", 8);
  bytes.writeUInt32LE(16, 16);
  for (const [i, value] of [1, 1].entries()) bytes.writeUInt16LE(value, 20 + 2 * i); // PCM, mono
  bytes.writeUInt32LE(16_000, 24);
  bytes.writeUInt32LE(32_000, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write("data", 36);
  bytes.writeUInt32LE(2 * samples, 40);
  for (let i = 0; i < samples; i++) bytes.writeInt16LE(i % 7, 44 + 2 * i);
  return bytes;
}

test.run();
