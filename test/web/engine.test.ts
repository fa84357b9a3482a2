import type { Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { MaskBits } from "../../web/src/engine/engine.ts";
import { demoFile, demoMask } from "../model/demo-model.ts";
import { openSite, type Site } from "./site.ts";

interface Expected {
  readonly audio: string;
  readonly condition: string;
  readonly prompt: string;
  readonly mask: string | null;
  readonly text: string;
}

const CLIP = "clips/eval/speech-000.flac";
const ANSWERS: readonly Expected[] = JSON.parse(demoFile("expected.json").toString()).answers;

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
  const { machine, model, progress } = await page.evaluate(async () => {
    const machine = await engine.start(() => {});
    const progress: [number, number][] = [];
    const source = { kind: "url", url: "demo/model" } as const;
    const model = await engine.load(source, (loaded, total) => progress.push([loaded, total]));
    return { machine, model, progress };
  });
  assert.match(machine.adapter, /swiftshader/i);
  assert.is(machine.software, true);
  assert.equal([model.layers, model.heads, model.windowSeconds], [8, 8, 3]);
  assert.ok(model.fetchedBytes > 6_000_000);
  assert.is(progress.at(-1)?.[0], progress.at(-1)?.[1]);
});

test("a FLAC is heard, and answered as the reference does under instruction, none and mask in one batch", async () => {
  const expected = ["instruction", "none", "mask"].flatMap(
    (c) => ANSWERS.find(({ audio, condition }) => audio === CLIP && condition === c) ?? [],
  );
  const conditions = await Promise.all(
    expected.map(async ({ prompt, mask }) => ({ prompt, ...(mask && { mask: await maskBits(mask) }) })),
  );
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
    expected.map(({ text }) => text),
  );
  assert.equal(pieces, answered.texts);
  assert.ok(answered.firstTokenSeconds > 0 && answered.firstTokenSeconds < answered.seconds);
  assert.match(clip.id, /^[0-9a-f]{64}$/);
  assert.ok(clip.tokens > 0 && clip.heard <= 3);
  assert.is(Object.values(clip.mel.values).length, clip.mel.frames * clip.mel.bands);
});

test.run();
