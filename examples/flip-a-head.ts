// Which single head does this mask depend on most? Turns each of its heads off in turn and watches one logit.
import { HeadMask, loadModel, openGpu, readFile, readMask } from "ahamask";

const file = "models/demo/clips/eval/speech-001.flac";

using gpu = await openGpu();
using model = await loadModel(gpu, "models/demo/model");
const { samples } = await model.listen(await readFile(file), file);
const mask = await readMask(await readFile("models/demo/masks/gr.safetensors"), "gr");

const heads: [layer: number, head: number][] = [];
for (let layer = 0; layer < mask.layers; layer++) {
  for (let head = 0; head < mask.heads; head++) if (mask.isOn(layer, head)) heads.push([layer, head]);
}
const without = heads.map((off) =>
  HeadMask.fromHeads(
    mask.layers,
    mask.heads,
    heads.filter((on) => on !== off),
  ),
);

// One token of each answer, with the logits that predicted it.
const questions = [mask, ...without].map((m) => ({ audio: samples, mask: m }));
const logits: Float32Array[] = [];
for await (const token of model.stream(questions, { maxNewTokens: 1, logits: true }))
  logits[token.row] = token.logits!;

const best = logits[0]!.indexOf(Math.max(...logits[0]!));
console.log(
  `"${model.family.tokenizer.decode([best])}" has logit ${logits[0]![best]!.toFixed(2)} under the whole mask`,
);
const drops = heads.map((head, i) => ({ head, drop: logits[0]![best]! - logits[i + 1]![best]! }));
for (const { head, drop } of drops.sort((a, b) => b.drop - a.drop).slice(0, 5)) {
  console.log(`without layer ${head[0]} head ${head[1]}: ${(-drop).toFixed(2)}`);
}
