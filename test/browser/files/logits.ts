/** Prints the demo model's logits at each step of a few answers, with and without a mask, as one line of JSON. */
import { openGpu } from "../../../src/gpu/index.ts";
import { demoClip, demoMask, loadDemo } from "../../model/demo-model.ts";

using gpu = await openGpu();
using model = await loadDemo(gpu);
const mask = await demoMask("masks/pytorch/asr.safetensors");
const answers: Record<string, number[][]> = {};
for (const clip of ["speech-000", "speech-001"]) {
  const audio = await demoClip(`clips/eval/${clip}.flac`);
  for (const [condition, question] of [
    ["instruction", { audio, prompt: "What is said?" }],
    ["mask", { audio, mask }],
    ["neither", { audio }],
  ] as const) {
    const steps: number[][] = [];
    for await (const { logits } of model.stream([question], { logits: true, maxNewTokens: 6 }))
      steps.push([...logits!]);
    answers[`${clip}, ${condition}`] = steps;
  }
}
console.log(JSON.stringify({ adapter: gpu.info.architecture, answers }));
