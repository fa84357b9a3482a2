// One clip, several head masks, no instruction: the masks alone decide what the model does.
import { loadModel, openGpu, readFile, readMask } from "ahamask";

const file = "models/demo/clips/eval/speech-005.flac";
const tasks = ["asr", "s2tt", "gr", "ser"];

using gpu = await openGpu();
using model = await loadModel(gpu, "models/demo/model");
const { samples } = await model.listen(await readFile(file), file);

// All questions are one batch: each row runs under its own mask, the clip is encoded once.
const masks = await Promise.all(
  tasks.map(async (task) => readMask(await readFile(`models/demo/masks/${task}.safetensors`), task)),
);
const answers = await model.answer([{ audio: samples }, ...masks.map((mask) => ({ audio: samples, mask }))]);

console.log(`no mask  ${answers[0]!.text}`);
for (const [i, task] of tasks.entries()) {
  const { count, layers, heads } = masks[i]!;
  console.log(`${task.padEnd(8)} ${answers[i + 1]!.text}   (${count} of ${layers * heads} heads)`);
}
