import { test } from "uvu";
import * as assert from "uvu/assert";
import { readText } from "#fixtures";
import { openGpu } from "../../src/gpu/index.ts";
import { Learner, type StepReport } from "../../src/mask/learn.ts";
import type { LearnSettings } from "../../src/mask/learn-settings.ts";
import { Goldens } from "../model/golden.ts";
import { nd } from "../reference/array.ts";
import { expectClose } from "../reference/compare.ts";
import { goldenAudioModel, goldenLessons } from "./golden-lessons.ts";

const gpu = await openGpu();
test.after(() => gpu.dispose());

/** Ten steps of PyTorch's autograd and AdamW: scripts/oracle/learn.py. */
const reference: {
  samples: string[];
  settings: LearnSettings;
  steps: { loss: number; penalty: number; gradientNorm: number; logits: number[] }[];
} = JSON.parse(readText("test/fixtures/learn/ten-steps.json"));

const golden = new Goldens("qwen2audio/mha");

async function learner(settings: Partial<LearnSettings> = {}): Promise<Learner> {
  const { model, audioToken } = await goldenAudioModel(gpu, "mha");
  const lessons = reference.samples.flatMap((sample) => goldenLessons(golden, sample, audioToken));
  return new Learner(model, lessons, { ...reference.settings, ...settings });
}

const near = (what: string, got: number, want: number, relative: number) =>
  assert.ok(Math.abs(got - want) <= relative * Math.abs(want), `${what}: got ${got}, want ${want}`);

const vector = (values: ArrayLike<number>) => nd([values.length], values);

for (const { accumulate, keepBytes } of [
  { accumulate: 1, keepBytes: Number.MAX_SAFE_INTEGER },
  { accumulate: 2, keepBytes: 0 },
])
  test(`ten steps of batches in ${accumulate} are PyTorch's`, async () => {
    const run = await learner({ accumulate, keepBytes });
    for (const [i, want] of reference.steps.entries()) {
      const got = await run.step();
      near(`step ${i + 1}: loss`, got.loss, want.loss, 1e-4);
      near(`step ${i + 1}: penalty`, got.penalty, want.penalty, 1e-6);
      near(`step ${i + 1}: norm of the gradient`, got.gradientNorm, want.gradientNorm, 1e-3);
      expectClose(`step ${i + 1}: logits`, vector(run.state.logits), vector(want.logits), 1e-3);
    }
    assert.ok(run.done);
  });

test("a batch of 8 in parts is the batch, but for rounding", async () => {
  const first = async (accumulate: number): Promise<[StepReport, Float32Array]> => {
    const run = await learner({ batch: 8, accumulate });
    return [await run.step(), run.state.moments.mean]; // a tenth of the gradient
  };
  const [whole, gradient] = await first(1);
  const largest = Math.max(...gradient.map(Math.abs));
  for (const accumulate of [2, 3]) {
    const [report, parts] = await first(accumulate);
    near("loss", report.loss, whole.loss, 1e-6);
    expectClose(`gradient in ${accumulate} parts`, vector(parts), vector(gradient), 1e-5 * largest);
    assert.is(report.tokens, whole.tokens);
  }
});

test.run();
