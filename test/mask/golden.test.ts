import { test } from "uvu";
import * as assert from "uvu/assert";
import { openGpu } from "../../src/gpu/index.ts";
import { type Example, toExample } from "../../src/mask/examples.ts";
import { gateGradient } from "../../src/mask/gate-gradient.ts";
import { type DrawnGates, drawGates } from "../../src/mask/gumbel.ts";
import type { LanguageModel } from "../../src/model/language-model.ts";
import { expectGolden, Goldens } from "../model/golden.ts";
import { headsOnly, loadGoldenLlama, maskOf } from "../model/golden-salmonn.ts";
import { nd } from "../reference/array.ts";
import { goldenAudioModel, goldenLessons, salmonnExamples } from "./golden-lessons.ts";

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

const salmonn = new Goldens("salmonn");
const LAMBDA = 1e-4; // meta.json

test("SALMONN: losses and gradients of masks, with LoRA beside the weights", async () => {
  const lm = await loadGoldenLlama(gpu);
  const perHead = (name: string) => nd([lm.layers, lm.heads], headsOnly(salmonn.f32(name), lm.heads));
  for (const sample of ["s0", "s1", "batch"]) {
    const examples = salmonnExamples(salmonn, sample);
    for (const mask of ["binary", "soft", "thresholded"]) {
      const gates = maskOf(salmonn, mask, lm.heads)!;
      const slope = new Float32Array(gates.length).fill(1);
      const shared = examples.map(() => ({ gates, slope }));
      const { loss, gradient } = await lossOf(lm, examples, shared);
      expectLoss(`${sample} ${mask}`, loss, salmonn, `${sample}.loss.${mask}`);
      expectGolden(`${sample} ${mask}`, gradient, perHead(`${sample}.dloss_dmask.${mask}`), 1e-3);
    }
  }
});

for (const [kind, name] of [
  ["hard", "gumbel"],
  ["soft", "gumbelsoft"],
  ["sigmoid", "sigmoid"],
] as const)
  test(`SALMONN: ${kind} gates, the penalty on them included`, async () => {
    const lm = await loadGoldenLlama(gpu);
    const logits = salmonn.f32("mask.logits"); // of every slot: the reference penalises those of no head, too
    const perHead = (what: string) => nd([lm.layers, lm.heads], headsOnly(salmonn.f32(what), lm.heads));
    for (const sample of ["s0", "s1", "batch"]) {
      const examples = salmonnExamples(salmonn, sample);
      const noise = salmonn.f32(`${sample}.gumbel.noise`);
      const slots = examples.map((_, b) =>
        drawGates(logits, noise.slice(b * logits.length, (b + 1) * logits.length), TAU, kind),
      );
      const gates = nd(
        [slots.length, logits.length],
        slots.flatMap((drawn) => [...drawn.gates]),
      );
      if (kind !== "sigmoid") expectGolden(sample, gates, salmonn.get(`${sample}.${name}.weights`), 1e-6);
      const drawn = slots.map((slot) => ({
        gates: headsOnly(slot.gates, lm.heads),
        slope: headsOnly(slot.slope, lm.heads),
      }));
      const weight = LAMBDA / examples.length; // of the penalty, a mean over the batch
      const penalty = weight * gates.data.reduce((a, b) => a + b, 0);
      for (const keepBytes of [0, Number.MAX_SAFE_INTEGER]) {
        const { loss, gradient } = await lossOf(lm, examples, drawn, keepBytes);
        expectLoss(sample, loss + penalty, salmonn, `${sample}.${name}.loss_total`);
        const total = gradient.data.map((d, i) =>
          drawn.reduce((sum, { slope }) => sum + weight * slope[i]!, d),
        );
        expectGolden(sample, nd(gradient.shape, total), perHead(`${sample}.${name}.dtotal_dlogits`), 1e-3);
        if (kind !== "hard") continue;
        expectLoss(sample, loss, salmonn, `${sample}.gumbel.loss_lm`);
        expectGolden(sample, gradient, perHead(`${sample}.gumbel.dlm_dlogits`), 1e-3);
      }
    }
  });

test.run();
