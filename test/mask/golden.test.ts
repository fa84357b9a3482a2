import { test } from "uvu";
import * as assert from "uvu/assert";
import { openGpu } from "../../src/gpu/index.ts";
import { type Example, toExample } from "../../src/mask/examples.ts";
import { gateGradient } from "../../src/mask/gate-gradient.ts";
import { type DrawnGates, drawGates } from "../../src/mask/gumbel.ts";
import type { LanguageModel } from "../../src/model/language-model.ts";
import { expectGolden, Goldens } from "../model/golden.ts";
import { nd } from "../reference/array.ts";
import { goldenAudioModel, goldenLessons } from "./golden-lessons.ts";

const gpu = await openGpu();
test.after(() => gpu.dispose());

const TAU = 1.7; // meta.json
const SAMPLES = ["s0", "s1", "batch", "multi"];

/** The mean loss over a batch's answers, and its gradient with respect to what the gates' slopes belong to. */
async function lossOf(lm: LanguageModel, examples: Example[], drawn: DrawnGates[], keepBytes = 0) {
  const tokens = examples.reduce((n, { answer }) => n + answer.length, 0);
  const { losses, dlogits } = await gateGradient(lm, examples, drawn, 1 / tokens, keepBytes);
  const loss = losses.reduce((sum, own) => sum + own.reduce((a, b) => a + b, 0), 0) / tokens;
  return { loss, gradient: nd([lm.layers, lm.heads], dlogits) };
}

function expectLoss(what: string, got: number, golden: Goldens, name: string): void {
  const [want] = golden.get(name).data;
  assert.ok(Math.abs(got - want!) < 2e-5, `${what}: loss ${got}, want ${want}`);
}

for (const variant of ["mha", "gqa"]) {
  const golden = new Goldens(`qwen2audio/${variant}`);
  test(`${variant}: losses and gradients of masks, one for the whole batch`, async () => {
    const { model, audioToken } = await goldenAudioModel(gpu, variant);
    const { lm } = model.family;
    for (const sample of SAMPLES) {
      const examples = goldenLessons(golden, sample, audioToken).map((lesson) => toExample(model, lesson));
      for (const mask of ["binary", "soft", "thresholded"]) {
        const gates = golden.f32(`mask.${mask}`);
        const slope = new Float32Array(gates.length).fill(1);
        const shared = examples.map(() => ({ gates, slope }));
        const { loss, gradient } = await lossOf(lm, examples, shared);
        expectLoss(`${sample} ${mask}`, loss, golden, `${sample}.loss.${mask}`);
        expectGolden(`${sample} ${mask}`, gradient, golden.get(`${sample}.dloss_dmask.${mask}`), 1e-3);
      }
    }
  });

  test(`${variant}: hard gates drawn for each sequence, straight through to the logits`, async () => {
    const { model, audioToken } = await goldenAudioModel(gpu, variant);
    const { lm } = model.family;
    for (const sample of SAMPLES) {
      const examples = goldenLessons(golden, sample, audioToken).map((lesson) => toExample(model, lesson));
      const noise = golden.f32(`${sample}.gumbel.noise`);
      const count = lm.layers * lm.heads;
      const drawn = examples.map((_, b) =>
        drawGates(golden.f32("mask.logits"), noise.slice(b * count, (b + 1) * count), TAU, "hard"),
      );
      assert.equal(
        drawn.flatMap(({ gates }) => [...gates]),
        golden.ints(`${sample}.gumbel.weights`),
      );
      for (const keepBytes of [0, Number.MAX_SAFE_INTEGER]) {
        const { loss, gradient } = await lossOf(lm, examples, drawn, keepBytes);
        expectLoss(sample, loss, golden, `${sample}.gumbel.loss`);
        expectGolden(sample, gradient, golden.get(`${sample}.gumbel.dloss_dlogits`), 1e-3);
      }
    }
  });
}

test.run();
