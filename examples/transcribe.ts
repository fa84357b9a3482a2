// A sound file to text, streamed: `node scripts/run.js examples/transcribe.ts [MODEL [FILE [INSTRUCTION]]]`
import { loadModel, openGpu, readFile } from "ahamask";

const [
  folder = "models/demo/model",
  file = "models/demo/clips/eval/speech-003.flac",
  prompt = "transcribe the speech",
] = process.argv.slice(2);

using gpu = await openGpu();
using model = await loadModel(gpu, folder);
const { samples, seconds } = await model.listen(await readFile(file), file);

console.log(`${file}, ${seconds.toFixed(1)} s, "${prompt}":`);
for await (const { text } of model.stream([{ audio: samples, prompt }])) process.stdout.write(text);
console.log();
