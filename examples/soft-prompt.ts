// Learns something other than a mask: four vectors that stand before the chat in place of an instruction, so that the
// model names the speaker's gender. The forward is the model's own, on a tape; the model stays as it is.
import * as aha from "ahamask";

const [VECTORS, STEPS, RATE] = [4, 8, 0.03];
const folder = "models/demo/data/";

using gpu = await aha.openGpu();
using model = await aha.loadModel(gpu, "models/demo/model");
const { lm, tokenizer, generation } = model.family;

/** The answer's loss [tokens], with `soft` [VECTORS, C] before the chat. */
function loss(ops: aha.TapedOps, soft: aha.Tensor, clip: aha.EncodedClip, text: string): aha.Tensor {
  const { ids, parts } = model.layOut({ audio: clip });
  const answer = [...tokenizer.encode(text), generation.stop[0]!];
  const all = [...Array<number>(VECTORS).fill(0), ...ids, ...answer]; // token 0 keeps the vectors' places
  const u32 = (label: string, values: number[]) =>
    ops.upload(label, [values.length], Uint32Array.from(values));

  const x = lm.embed(ops, u32("ids", all));
  const audio = ops.upload("clip", [clip.tokens, lm.width], clip.embeddings);
  ops.copyRows(audio, 0, x, VECTORS + parts[0]!.at, clip.tokens);
  ops.copyRows(soft, 0, x, 0, VECTORS);

  const [queries, places] = [all.length, [...all.keys()]];
  const segment = { query: 0, queries, key: 0, keys: queries, first: 0, gate: 0 };
  const tiles = ops.attentionTiles([segment]);
  const step = { positions: u32("positions", places), rows: u32("rows", places), tiles };
  const h = lm.forward(ops, x, step, new aha.PassingKeysValues(ops, lm, queries, queries));
  const before = u32("before", places.slice(-answer.length - 1, -1)); // each token is predicted one place earlier
  return ops.crossEntropy(lm.norm(ops, ops.embed(h, before)), lm.head, u32("answer", answer));
}

const { rows } = aha.parseDataset(await aha.openFolder(folder).text("gr.learn.jsonl"), "gr");
const lessons: { clip: aha.EncodedClip; text: string }[] = [];
for (const { audio, text } of rows.slice(0, 4)) {
  const { samples } = await model.listen(await aha.readFile(folder + audio[0]), audio[0]!);
  lessons.push({ clip: (await model.encode([samples]))[0]!, text });
}
const values = Float32Array.from({ length: VECTORS * lm.width }, (_, i) => 0.05 * Math.sin(i * i));
const memory = aha.moments(values.length);
for (let i = 1; i <= STEPS; i++) {
  const gradient = new Float32Array(values.length);
  let total = 0;
  for (const { clip, text } of lessons) {
    using ops = new aha.TapedOps(gpu, "soft prompt");
    const soft = ops.upload("soft", [VECTORS, lm.width], values);
    ops.learn(soft);
    const y = loss(ops, soft, clip, text);
    ops.backward(y, ops.upload("dloss", [y.length], new Float32Array(y.length).fill(1)));
    const read = new Float32Array(await ops.submit(ops.concat([ops.gradient(soft), y])));
    total += read.subarray(values.length).reduce((a, b) => a + b);
    for (const [at, d] of read.subarray(0, values.length).entries()) gradient[at]! += d;
  }
  aha.adamw(values, gradient, memory, i, RATE);
  console.log(`step ${i}: loss ${(total / lessons.length).toFixed(3)}`);
}
