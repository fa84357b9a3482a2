import { test } from "uvu";
import * as assert from "uvu/assert";
import { readText } from "#fixtures";
import { openGpu } from "../../src/gpu/index.ts";
import { demoClip, demoMask, FULL, isSwiftShader, loadDemo } from "./demo-model.ts";

interface Expected {
  audio: string;
  condition: string;
  task: string | null;
  prompt: string;
  mask: string | null;
  text: string;
  tokens: number[];
  margin: number; // smallest gap between the two best logits on the way
}

const NEAR_TIE = 0.006; // a smaller margin may fall to either side in f32
const EVERY = 8; // clips of which one is asked on the slowest adapter; AHAMASK_FULL=1 asks them all

const answers: Expected[] = JSON.parse(readText("models/demo/expected.json")).answers;
const clips = [...new Set(answers.map(({ audio }) => audio))];

test("the demo model answers every clip under every condition as the reference does", async () => {
  using gpu = await openGpu();
  using model = await loadDemo(gpu);
  const every = isSwiftShader(gpu) && !FULL ? EVERY : 1;
  const chosen = clips.filter((_, i) => i % every === 0);
  console.log(`${chosen.length} of ${clips.length} clips on ${gpu.info.description || gpu.info.vendor}`);
  const different: string[] = [];
  let asked = 0;
  let ties = 0;
  for (const clip of chosen) {
    const conditions = answers.filter(({ audio }) => audio === clip);
    const audio = await demoClip(clip);
    const questions = conditions.map(async ({ prompt, mask }) =>
      mask ? { audio, prompt, mask: await demoMask(mask) } : { audio, prompt },
    );
    const got = await model.answer(await Promise.all(questions), { maxNewTokens: 40 });
    for (const [i, expected] of conditions.entries()) {
      const { tokens, text } = got[i]!;
      asked++;
      if (`${tokens}` === `${expected.tokens}` && text === expected.text) continue;
      if (expected.margin < NEAR_TIE) ties++;
      else
        different.push(
          `${clip} ${expected.condition} ${expected.task ?? ""}: expected ${JSON.stringify(expected.text)}, ` +
            `got ${JSON.stringify(text)} (margin ${expected.margin})`,
        );
    }
  }
  console.log(`${asked} answers, ${different.length} different, ${ties} other near ties`);
  assert.is(different.join("\n"), "");
});

test.run();
