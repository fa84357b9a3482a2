import { test } from "uvu";
import * as assert from "uvu/assert";
import { DeviceLostError, openGpu } from "../../src/gpu/index.ts";
import { loadModel } from "../../src/model/load-model.ts";
import { expectRejects } from "../reference/compare.ts";
import { demoClip, loadDemo, MODEL } from "./demo-model.ts";

const LONG = 60_000; // ms; longer is a hang
const short = { audio: await demoClip("clips/eval/speech-001.flac") };
const sound = { audio: await demoClip("clips/eval/sound-057.flac"), prompt: "caption the audio" };
const SHORT = "call maria now";

/** What `promise` gives, or an error once it has taken so long that it must be stuck. */
async function bounded<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: still waiting after ${LONG} ms`)), LONG);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

test("load, answer, dispose, ten times over, leaves no byte behind", async () => {
  using gpu = await openGpu();
  const before = gpu.bytes;
  for (let i = 0; i < 10; i++) {
    const model = await loadDemo(gpu);
    assert.ok(gpu.bytes > before);
    const [answer] = await model.answer([short], { maxNewTokens: 4, beams: 1 + (i % 2) });
    assert.is(answer!.text, SHORT);
    model.dispose();
    assert.is(gpu.bytes, before, `bytes after round ${i}`);
  }
});

test("two answers at once on one model are both right", async () => {
  using gpu = await openGpu();
  using model = await loadDemo(gpu);
  const one = async () => [await model.answer([short]), await model.answer([sound])];
  const [first, second] = await one();
  const both = await Promise.all([model.answer([short]), model.answer([sound])]);
  assert.equal(both, [first, second]);
  assert.is(first![0]!.text, SHORT);
});

test("a device lost in mid-generation fails every waiting call, and a new one works", async () => {
  const gpu = await openGpu();
  const model = await loadDemo(gpu);
  const endless = { maxNewTokens: 200, stop: [] };
  let pieces = 0;
  const streamed = (async () => {
    for await (const _ of model.stream([short], endless)) if (++pieces === 3) gpu.device.destroy();
  })();
  const waiting = [
    streamed,
    model.answer([short, sound], endless),
    model.answer([sound], { ...endless, beams: 2 }),
  ];
  const failures = waiting.map((call) =>
    expectRejects(bounded<unknown>("call", call), DeviceLostError, /openGpu\(\)/),
  );
  await Promise.all(failures);
  await expectRejects(bounded("answer", model.answer([short])), DeviceLostError, /openGpu\(\)/);
  await expectRejects(bounded("load", loadDemo(gpu)), DeviceLostError, /openGpu\(\)/);
  model.dispose();
  gpu.dispose();

  using another = await openGpu();
  using again = await loadDemo(another);
  assert.is((await bounded("answer", again.answer([short])))[0]!.text, SHORT);
});

test("a device lost while the reader of a stream is busy fails its next step, and nothing else", async () => {
  using gpu = await openGpu();
  using model = await loadDemo(gpu);
  const reading = (async () => {
    for await (const _ of model.stream([short], { maxNewTokens: 200, stop: [] })) {
      gpu.device.destroy();
      await new Promise((resolve) => setTimeout(resolve, 300)); // an unhandled rejection would end this process
    }
  })();
  await expectRejects(bounded("stream", reading), DeviceLostError, /openGpu\(\)/);
});

test("a device lost while a model loads fails the load", async () => {
  using gpu = await openGpu();
  const loading = loadModel(gpu, MODEL, { onProgress: () => gpu.device.destroy() });
  await expectRejects(bounded("load", loading), DeviceLostError, /openGpu\(\)/);
});

test("an aborted load leaves no byte behind", async () => {
  using gpu = await openGpu();
  const before = gpu.bytes;
  const controller = new AbortController();
  const onProgress = (loaded: number) => loaded > 1e6 && controller.abort(new Error("enough"));
  const loading = loadModel(gpu, MODEL, { onProgress, signal: controller.signal });
  await expectRejects(bounded("load", loading), Error, /^enough$/);
  gpu.trim();
  assert.is(gpu.bytes, before);
});

test.run();
