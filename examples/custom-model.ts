// A custom model from the same parts: Whisper's encoder with a mean over time, which finds the clips that sound alike.
// It loads its part of a checkpoint into its own record of weights and writes its forward over `Ops`.
import * as aha from "ahamask";

// config → parameters → forward, as in src/model
const config: aha.WhisperConfig = { mels: 128, width: 160, layers: 4, heads: 5, ffn: 480, positions: 150 };
const params = aha.whisperParams(config, "audio_tower.");
type Weights = aha.Loaded<typeof params>;

/** mel [2·T, 128] → hidden states [T, 160] */
function forward(ops: aha.Ops, w: Weights, mel: aha.Tensor): aha.Tensor {
  const x = aha.whisperLayers(ops, config, w, [{ mel, length: mel.rows / 2 }]);
  return aha.whisperNorm(ops, w, x);
}

/** A clip's embedding: the mean of its hidden states, of length 1. */
async function embed(gpu: aha.Gpu, w: Weights, file: string): Promise<Float32Array> {
  const bytes = await aha.readFile(file);
  const { samples } = await aha.prepareAudio(bytes, file, { channels: "mean", maxSeconds: 3 });
  const frames = 2 * Math.floor(aha.melFrames(samples.length) / 2);
  using ops = new aha.EagerOps(gpu, "embed");
  const mel = ops.upload("mel", [frames, config.mels], aha.logMel(samples, { mels: config.mels, frames }));
  const states = new Float32Array(await ops.submit(forward(ops, w, mel)));
  const mean = new Float32Array(config.width);
  for (const [i, value] of states.entries()) mean[i % config.width]! += value;
  const length = Math.hypot(...mean);
  return mean.map((value) => value / length);
}

const clips = ["speech-000", "speech-001", "speech-002", "speech-003", "sound-048", "sound-049", "sound-050"];

using gpu = await aha.openGpu();
const checkpoint = await aha.openCheckpoint(aha.openFolder("models/demo/model"));
const ignore = (name: string) => !name.startsWith("audio_tower.");
const weights = await aha.loadWeights(gpu, checkpoint, params, { ignore });
await checkpoint.close();

const embeddings: Float32Array[] = [];
for (const clip of clips) embeddings.push(await embed(gpu, weights, `models/demo/clips/eval/${clip}.flac`));
const cosine = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
for (const [i, clip] of clips.entries()) {
  const others = clips.map((name, j) => ({ name, score: cosine(embeddings[i]!, embeddings[j]!) }));
  const [nearest] = others.filter(({ name }) => name !== clip).sort((a, b) => b.score - a.score);
  console.log(`${clip} sounds most like ${nearest!.name} (${nearest!.score.toFixed(3)})`);
}
