import type { Tensor } from "../gpu/index.ts";
import { type Loaded, matrix, storedAs, vector } from "../io/load.ts";
import type { Ops } from "../kernels/index.ts";

/**
 * The Q-Former of BLIP-2 (arXiv 2301.12597) on windows, as SALMONN has it (arXiv 2310.13289, section 3.1): a BERT
 * (arXiv 1810.04805, post-norm) whose one token is a learned query. In every layer it looks at itself, then at the
 * frames of a window; so each window becomes one token.
 */
export interface QformerConfig {
  readonly width: number; // C
  readonly ffn: number; // F
  readonly layers: number; // L
  readonly heads: number; // H
  readonly frameWidth: number; // E, of what it looks at
}

const EPS = 1e-12; // BERT's

/** The parameters by their names in the checkpoint, `prefix` being where the BERT begins. */
export function qformerParams(c: QformerConfig, prefix: string, queryName: string) {
  const linear = (name: string, out: number, from: number) => ({
    weight: matrix(`${prefix}${name}.weight`, [out, from]),
    bias: vector(`${prefix}${name}.bias`, out),
  });
  const norm = (name: string) => ({
    weight: vector(`${prefix}${name}.weight`, c.width),
    bias: vector(`${prefix}${name}.bias`, c.width),
  });
  const attention = (name: string, from: number) => ({
    q: linear(`${name}.self.query`, c.width, c.width),
    k: linear(`${name}.self.key`, c.width, from),
    v: linear(`${name}.self.value`, c.width, from),
    o: linear(`${name}.output.dense`, c.width, c.width),
    norm: norm(`${name}.output.LayerNorm`),
  });
  const layer = (l: number) => {
    const at = `encoder.layer.${l}.`;
    return {
      self: attention(`${at}attention`, c.width),
      cross: attention(`${at}crossattention`, c.frameWidth),
      // a query's own feed-forward: BLIP-2's text has another
      fc1: linear(`${at}intermediate_query.dense`, c.ffn, c.width),
      fc2: linear(`${at}output_query.dense`, c.width, c.ffn),
      norm: norm(`${at}output_query.LayerNorm`),
    };
  };
  return {
    query: storedAs(vector(queryName, c.width), [1, 1, c.width]), // a norm takes it: always f32
    queryNorm: norm("embeddings.LayerNorm"),
    layers: Array.from({ length: c.layers }, (_, l) => layer(l)),
  };
}

export type QformerWeights = Loaded<ReturnType<typeof qformerParams>>;
type Layer = QformerWeights["layers"][number];

/** Post-norm attention of x's rows to those of `from` that the tiles say. */
function attend(
  ops: Ops,
  c: QformerConfig,
  w: Layer["self"],
  x: Tensor,
  from: Tensor,
  tiles: Tensor,
): Tensor {
  const q = ops.matmul(x, w.q.weight, { bias: w.q.bias });
  const k = ops.matmul(from, w.k.weight, { bias: w.k.bias });
  const v = ops.matmul(from, w.v.weight, { bias: w.v.bias });
  const heads = { heads: c.heads, kvHeads: c.heads, headDim: c.width / c.heads };
  const z = ops.attention(q, k, v, { ...heads, tiles, causal: false });
  const h = ops.matmul(z, w.o.weight, { bias: w.o.bias, residual: x });
  return ops.layerNorm(h, w.norm.weight, w.norm.bias, EPS);
}

function feedForward(ops: Ops, w: Layer, x: Tensor): Tensor {
  const f = ops.matmul(x, w.fc1.weight, { bias: w.fc1.bias, gelu: true });
  const h = ops.matmul(f, w.fc2.weight, { bias: w.fc2.bias, residual: x });
  return ops.layerNorm(h, w.norm.weight, w.norm.bias, EPS);
}

/**
 * One token a window, all windows as one batch; they may overlap.
 *
 * @param frames [T, E] f32
 * @param first each window's first frame; there are `size` of them from there on
 * @returns [windows, C] f32
 */
export function qformer(
  ops: Ops,
  c: QformerConfig,
  w: QformerWeights,
  frames: Tensor,
  first: readonly number[],
  size: number,
): Tensor {
  const one = { queries: 1, first: 0, gate: 0 };
  const itself = ops.attentionTiles(first.map((_, i) => ({ ...one, query: i, key: i, keys: 1 })));
  const window = ops.attentionTiles(first.map((key, i) => ({ ...one, query: i, key, keys: size })));
  const query = ops.layerNorm(w.query, w.queryNorm.weight, w.queryNorm.bias, EPS);
  const x = ops.embed(query, ops.upload("queries", [first.length], new Uint32Array(first.length)));
  return w.layers.reduce(
    (h, layer) =>
      ops.block(() => {
        const aware = attend(ops, c, layer.self, h, h, itself);
        return feedForward(ops, layer, attend(ops, c, layer.cross, aware, frames, window));
      }, h),
    x,
  );
}
