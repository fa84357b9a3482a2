/** Runs a whole life of a model and ends: the test beside it wants the process to be gone by itself. */
import { openGpu } from "../../src/gpu/index.ts";
import { demoClip, loadDemo } from "./demo-model.ts";

const gpu = await openGpu();
const model = await loadDemo(gpu);
const [answer] = await model.answer([{ audio: await demoClip("clips/eval/sound-057.flac") }]);
model.dispose();
gpu.dispose();
console.log(answer!.text);
