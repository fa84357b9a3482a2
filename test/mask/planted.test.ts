import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Gpu, openGpu } from "../../src/gpu/index.ts";
import type { Lesson } from "../../src/mask/examples.ts";
import { HeadMask } from "../../src/mask/head-mask.ts";
import { Learner } from "../../src/mask/learn.ts";
import type { LanguageModel } from "../../src/model/language-model.ts";
import { qwen2 } from "../../src/model/qwen2.ts";
import { normals } from "../reference/check.ts";
import { tinyModel } from "./tiny-model.ts";

/*
 * A decoder built by hand. A clip is 32 bits, one for each of 4 × 8 heads, and every head copies its own. An answer is
 * three words of four bits. 12 heads carry a bit of the answer, 10 write theirs, which tell nothing, over a bit of the
 * answer, 10 write where nobody reads. So the mask to be learned is known: the 12.
 */
const [L, H, D, C] = [4, 8, 4, 64];
const HEADS = L * H;
const BITS = 12;
const OUT = HEADS; // of the width: the clip's bits, then the answer's, then which word comes next
const SLOT = OUT + BITS;
const UNREAD = SLOT + 4;
const [BEGIN, STOP, ASK, AUDIO, WORDS] = [1, 2, 3, 4, 8]; // ids; words: slot · 16 + value
const V = WORDS + 3 * 16;

/** What a head's bit goes to: the answer's bit it carries or spoils, or nothing that is read. */
const ROLES = [...Array(HEADS).keys()].map((head) => {
  const place = (head * 11) % HEADS; // scattered
  if (place < BITS) return { kind: "carries", bit: place } as const;
  if (place < BITS + 10) return { kind: "spoils", bit: place - BITS } as const;
  return { kind: "idle", bit: 0 } as const;
});

function decoder(gpu: Gpu): LanguageModel {
  const tensor = (label: string, shape: number[], set: (put: (at: number[], v: number) => void) => void) => {
    const values = new Float32Array(shape.reduce((n, d) => n * d, 1));
    set(([r, c = 0], v) => {
      values[r! * (shape[1] ?? 1) + c] = v;
    });
    return gpu.upload(label, shape, values);
  };
  const ones = () => gpu.upload("norm", [C], new Float32Array(C).fill(1));
  const zeros = (...shape: number[]) => tensor("zeros", shape, () => {});
  const slotAfter = (id: number) => (id === ASK ? 0 : Math.floor((id - WORDS) / 16) + 1);
  const speaks = [ASK, ...Array.from({ length: 48 }, (_, i) => WORDS + i)];
  const w = {
    embed: tensor("embed", [V, C], (put) => {
      for (const id of speaks) put([id, SLOT + slotAfter(id)], 3);
    }),
    layers: Array.from({ length: L }, (_, l) => ({
      attnNorm: ones(),
      // q and k are 0: a token hears all before it alike
      qkv: tensor("qkv", [3 * H * D, C], (put) => {
        for (let h = 0; h < H; h++) put([(2 * H + h) * D, l * H + h], 1);
      }),
      qkvBias: zeros(3 * H * D),
      o: tensor("o", [C, H * D], (put) => {
        for (let h = 0; h < H; h++) {
          const { kind, bit } = ROLES[l * H + h]!;
          put([kind === "idle" ? UNREAD : OUT + bit, h * D], 4);
        }
      }),
      ffnNorm: ones(),
      gateUp: zeros(8, C),
      down: zeros(C, 4),
    })),
    norm: ones(),
    head: tensor("head", [V, C], (put) => {
      put([STOP, SLOT + 3], 5);
      for (let word = 0; word < 48; word++) {
        const slot = Math.floor(word / 16);
        put([WORDS + word, SLOT + slot], 5);
        for (let b = 0; b < 4; b++) put([WORDS + word, OUT + 4 * slot + b], (word >> b) & 1 ? 1.5 : -1.5);
      }
    }),
  };
  const config = { vocab: V, width: C, ffn: 4, layers: L, heads: H, kvHeads: H, headDim: D, eps: 1e-6 };
  return qwen2(gpu, { ...config, ropeTheta: 1e4, maxPositions: 16, tied: false }, w);
}

/** Clips of random bits, and the answers that the carrying heads' bits spell. */
function lessons(count: number): Lesson[] {
  const random = normals(count * HEADS, 1);
  return Array.from({ length: count }, (_, n) => {
    const bits = [...random.subarray(n * HEADS, (n + 1) * HEADS)].map((v) => Number(v > 0));
    const values = [0, 0, 0];
    for (const [head, { kind, bit }] of ROLES.entries())
      if (kind === "carries") values[Math.floor(bit / 4)]! += bits[head]! << (bit % 4);
    const embeddings = new Float32Array(C);
    embeddings.set(bits.map((bit) => 2 * bit - 1));
    return {
      name: `clip ${n}`,
      audio: { tokens: 1, embeddings },
      prompt: `${BEGIN} ${AUDIO} ${ASK}`,
      text: values.map((value, slot) => WORDS + 16 * slot + value).join(" "),
    };
  });
}

const gpu = await openGpu();
test.after(() => gpu.dispose());

const PLANTED = HeadMask.fromLogits(
  L,
  H,
  Float32Array.from(ROLES, ({ kind }) => (kind === "carries" ? 1 : -1)),
);

test("learning finds the heads that the answers need, and no others", async () => {
  const model = tinyModel(decoder(gpu), { audioToken: AUDIO, stop: STOP });
  const run = new Learner(model, lessons(64), {
    steps: 60,
    batch: 32,
    rate: { start: 1e-3, peak: 0.2, end: 0.01, warmup: 0.1 },
    tau: { start: 4, end: 0.5, share: 0.5 },
    init: { mean: 1, std: 0.02 },
    lambda: 0.01,
  });
  const losses: number[] = [];
  while (!run.done) losses.push((await run.step()).loss);
  const off = ROLES.flatMap(({ kind }, head) =>
    run.mask().isOn(Math.floor(head / H), head % H) === (kind === "carries") ? [] : [`${head} ${kind}`],
  );
  assert.equal(off, [], "heads wrongly on or off");
  assert.ok(run.mask().equals(PLANTED));
  assert.ok(losses.at(-1)! < 0.2 * losses[0]!, `loss from ${losses[0]} to ${losses.at(-1)}`);
});

test.run();
