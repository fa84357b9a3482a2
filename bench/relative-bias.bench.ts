import type { Bench } from "./harness.ts";

const HEAD_DIM = 64; // as BEATs
const BUCKETS = 320;

/** A layer's table and gates: 16·D operations a gate; q is read, the result written. */
export default async function relativeBias(b: Bench): Promise<void> {
  const tokens = b.sizes.frames / 2; // as many as BEATs' patches: 8 for each 16 frames
  const heads = b.sizes.audioWidth / HEAD_DIM;
  const distances = 2 * tokens - 1;
  const table = heads * distances;
  const bucket = (n: number) => (n * 7) % BUCKETS;
  await b.measure(() => {
    const q = b.input("q", [tokens, heads * HEAD_DIM]);
    const embed = b.input("embed", [BUCKETS, heads]);
    const weight = b.input("weight", [8, HEAD_DIM], "f32", 1 / 8);
    const bias = b.input("bias", [8]);
    const scale = b.input("scale", [heads]);
    const buckets = b.upload(
      "buckets",
      [distances],
      Uint32Array.from({ length: distances }, (_, n) => bucket(n)),
    );
    const o = { heads, headDim: HEAD_DIM, buckets, embed: embed.tensor, weight: weight.tensor };
    const half = (at: number, first: number) => {
      let sum = 0;
      for (let n = first; n < first + 4; n++) {
        sum += bias.at(n);
        for (let d = 0; d < HEAD_DIM; d++) sum += q.at(at * HEAD_DIM + d) * weight.at(n * HEAD_DIM + d);
      }
      return 1 / (1 + Math.exp(-sum));
    };
    return {
      shape: `T ${tokens} · H ${heads} · D ${HEAD_DIM}`,
      flops: 16 * HEAD_DIM * tokens * heads,
      bytes: 4 * (tokens * heads * HEAD_DIM + table + tokens * heads),
      run: (ops) => ops.relativeBias(q.tensor, { ...o, bias: bias.tensor, scale: scale.tensor }),
      want(i) {
        if (i < table) return embed.at(bucket(i % distances) * heads + Math.floor(i / distances));
        const at = i - table;
        return half(at, 0) * (half(at, 4) * scale.at(at % heads) - 1) + 2;
      },
    };
  });
}
