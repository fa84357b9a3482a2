import type { Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openGpu } from "../../src/gpu/index.ts";
import { EagerOps } from "../../src/kernels/index.ts";
import { answerLosses } from "../../src/mask/gate-gradient.ts";
import type { MaskBits } from "../../web/src/engine/engine.ts";
import { makeWav } from "../audio/fixtures.ts";
import { demoClip, demoMask, expected, loadDemo } from "../model/demo-model.ts";
import { openSite, type Site } from "./site.ts";

const CLIP = "clips/eval/speech-000.flac";

const test = suite("engine");
let site: Site;
let page: Page;

test.before(async () => {
  site = await openSite();
  page = await site.open();
});
test.after(() => site.close());

async function maskBits(file: string): Promise<MaskBits> {
  const mask = await demoMask(file);
  return { layers: mask.layers, heads: mask.heads, metadata: mask.metadata, bits: mask.toBits() };
}

test("it starts, loads the demo from an address, and says what came", async () => {
  const { machine, model, progress, early } = await page.evaluate(async () => {
    const machine = await engine.start(() => {});
    const early = await engine.hear(new File([], "early")).catch(({ message }) => message);
    const progress: [number, number][] = [];
    const source = { kind: "url", url: "demo/model" } as const;
    const model = await engine.load(source, (loaded, total) => progress.push([loaded, total]));
    return { machine, model, progress, early };
  });
  assert.match(machine.adapter, /swiftshader/i);
  assert.is(machine.software, true);
  assert.match(early, /expected a model, got none; load one/);
  assert.equal([model.layers, model.heads, model.windowSeconds], [8, 8, 3]);
  assert.ok(model.fetchedBytes > 6_000_000);
  assert.is(progress.at(-1)?.[0], progress.at(-1)?.[1]);
});

test("a FLAC is heard, and answered as the reference does under instruction, none and mask in one batch", async () => {
  const same = (["instruction", "none", "mask"] as const).map((condition) =>
    expected("speech-000", condition, condition === "none" ? null : "asr"),
  );
  const mask = await maskBits("masks/pytorch/asr.safetensors");
  const conditions = same.map(({ prompt, condition }) => ({ prompt, ...(condition === "mask" && { mask }) }));
  const { clip, answered, pieces } = await page.evaluate(
    async ([path, conditions]) => {
      const clip = await engine.hear(await fetchFile(path));
      const pieces = conditions.map(() => "");
      const answered = await engine.answer({ clip: clip.id, conditions }, (piece) => {
        if (piece !== "restart") pieces[piece.row] += piece.text;
      });
      return { clip, answered, pieces };
    },
    [`demo/${CLIP}`, conditions] as const,
  );
  assert.equal(
    answered.texts,
    same.map(({ text }) => text),
  );
  assert.equal(pieces, answered.texts);
  assert.ok(answered.firstTokenSeconds > 0 && answered.firstTokenSeconds < answered.seconds);
  assert.match(clip.id, /^[0-9a-f]{64}$/);
  assert.ok(clip.tokens > 0 && clip.heard <= 3);
  assert.is(Object.values(clip.mel.values).length, clip.mel.frames * clip.mel.bands);
});

/** What a call on the page rejects with, as `name: message`. */
const rejection = (call: () => Promise<unknown>) =>
  page.evaluate(call).then(
    () => "nothing",
    (error: Error) => error.message,
  );

test("an answer is stopped in the middle, and the next one comes whole", async () => {
  const { error, text } = await page.evaluate(async (path) => {
    const { id } = await engine.hear(await fetchFile(path));
    const controller = new AbortController();
    const stop = () => controller.abort();
    const error = await engine
      .answer({ clip: id, conditions: [{}] }, stop, controller.signal)
      .catch((e) => e.name);
    const { texts } = await engine.answer({ clip: id, conditions: [{}] }, () => {});
    return { error, text: texts[0] };
  }, `demo/${CLIP}`);
  assert.is(error, "AbortError");
  assert.is(text, "set the heat in the bedroom to twenty");
});

test("the effects of heads are those of a direct computation, and come bit by bit", async () => {
  const answer = "set the heat";
  const { effects, reports } = await page.evaluate(
    async ([path, answer]) => {
      const { id } = await engine.hear(await fetchFile(path));
      const reports: number[] = [];
      const count = (some: Float32Array) => reports.push(some.filter((x) => !Number.isNaN(x)).length);
      const effects = await engine.effects({ clip: id, condition: {}, answer }, count);
      return { effects: [...effects], reports };
    },
    [`demo/${CLIP}`, answer] as const,
  );
  assert.is(effects.length, 64);
  assert.ok(reports.length > 1 && reports.at(-1) === 64);
  using gpu = await openGpu();
  using model = await loadDemo(gpu);
  const [audio] = await model.encode([await demoClip(CLIP)]);
  const { tokenizer, generation, lm } = model.family;
  const ids = [...tokenizer.encode(answer), generation.stop[0]!];
  const example = { name: "direct", prompt: model.layOut({ audio: audio! }), answer: ids };
  const loss = async (off?: number) => {
    using ops = new EagerOps(gpu, "direct");
    const gates = Float32Array.from({ length: 64 }, (_, i) => Number(i !== off));
    const losses = answerLosses(ops, lm, [example], ops.upload("gates", [1, 8, 8], gates));
    return new Float32Array(await ops.submit(losses)).reduce((a, b) => a + b, 0);
  };
  const asIs = await loss();
  for (const head of [0, 13, 37, 63]) {
    const direct = (await loss(head)) - asIs;
    assert.ok(
      Math.abs(effects[head]! - direct) < 1e-3,
      `head ${head}: ${effects[head]} instead of ${direct}`,
    );
  }
});

test("an instruction costs tokens that a mask does not", async () => {
  const cost = await page.evaluate(
    async ([path, mask]) => {
      const { id } = await engine.hear(await fetchFile(path));
      return await engine.cost({ clip: id, prompt: "write down what is said", mask });
    },
    [`demo/${CLIP}`, await maskBits("masks/asr.safetensors")] as const,
  );
  assert.ok(cost.instruction.promptTokens > cost.mask.promptTokens);
  assert.ok(cost.instruction.firstTokenSeconds > 0 && cost.mask.firstTokenSeconds > 0);
});

test("a recording at the device's rate is heard as the same sound in a file", async () => {
  const header = makeWav(new Uint8Array(), { rate: 48_000, bits: 32, tag: 3, dataSize: 4 * 48_000 });
  const ids = await page.evaluate(
    async (header) => {
      const rate = 48_000;
      const samples = Float32Array.from({ length: rate }, (_, i) => Math.sin(i / 20) / 2);
      const clips = [
        await engine.hear({ samples, rate }),
        await engine.hear(new File([new Uint8Array(header), samples], "tone.wav")),
      ];
      return clips.map(({ id }) => id);
    },
    [...header],
  );
  assert.is(ids[0], ids[1]);
});

test("a sound of three hours is heard as far as the model's window", async () => {
  const dataSize = 2 * 16_000 * 3 * 3600;
  const header = makeWav(new Uint8Array(), { dataSize, riffSize: 36 + dataSize });
  const clip = await page.evaluate(
    async ([header, bytes]) => {
      const hour = new Uint8Array(bytes / 3).fill(1);
      return await engine.hear(new File([new Uint8Array(header), hour, hour, hour], "long.wav"));
    },
    [[...header], dataSize] as const,
  );
  assert.equal([clip.seconds, clip.heard], [3 * 3600, 3]);
});

test("what cannot be heard, answered or loaded is an error in words", async () => {
  assert.match(
    await rejection(() => engine.hear(new File(["Dear Sir or Madam, please find"], "letter.txt"))),
    /letter\.txt: expected a WAV, FLAC, MP3 or Ogg Vorbis file, got text that begins/,
  );
  assert.match(
    await rejection(() => engine.hear({ samples: new Float32Array(16_000).fill(Number.NaN), rate: 16_000 })),
    /expected finite samples, got NaN/,
  );
  assert.match(
    await rejection(() => engine.hear({ samples: new Float32Array(10), rate: 16_000 })),
    /expected sound long enough/,
  );
  assert.match(
    await rejection(() => engine.answer({ clip: "none", conditions: [{}] }, () => {})),
    /expected a clip that was heard/,
  );
  assert.match(
    await rejection(async () => {
      const { id } = await engine.hear(await fetchFile("demo/clips/eval/speech-000.flac"));
      const mask = { layers: 8, heads: 8, bits: new Uint8Array(8), metadata: { fingerprint: "another" } };
      await engine.answer({ clip: id, conditions: [{ mask }] }, () => {});
    }),
    /this mask was made for another model/,
  );
  assert.match(await rejection(() => engine.load({ kind: "url", url: "nowhere" }, () => {})), /nowhere.*404/);
  const tokens = await page.evaluate(
    async () => (await engine.hear(await fetchFile("demo/clips/eval/speech-000.flac"))).tokens,
  );
  assert.ok(tokens > 0, "the model before the one that is not there is back");
});

test.run();
