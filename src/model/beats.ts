import type { Tensor } from "../gpu/index.ts";
import { type Loaded, matrix, storedAs, vector } from "../io/load.ts";
import type { Ops } from "../kernels/index.ts";
import type { Fields } from "./fields.ts";

/**
 * BEATs (arXiv 2212.09058): patches of a filter bank, a convolution that tells them their positions, then post-norm
 * transformer layers, bidirectional, with DeepNorm's residuals (arXiv 2203.00555) and a gated relative position bias
 * (arXiv 2110.13900). A classifier on top of it is left out.
 */
export interface BeatsConfig {
  readonly patchWidth: number; // E, of a patch's embedding
  readonly width: number; // C
  readonly layers: number; // L
  readonly heads: number; // H
  readonly ffn: number; // F
  readonly taps: number; // W, of the convolution over positions
  readonly groups: number;
  readonly buckets: number; // B, of relative positions
  readonly maxDistance: number; // from which on they share the last bucket
}

const PATCH = 16; // frames, and bands, of a patch
const EPS = 1e-5;

/** From the `cfg` of a BEATs checkpoint; what is absent there is as in the reference's BEATsConfig. */
export function beatsConfig(f: Fields): BeatsConfig {
  f.only("input_patch_size", PATCH, -1);
  f.only("conv_bias", false);
  f.only("activation_fn", "gelu");
  f.only("layer_norm_first", false);
  f.only("deep_norm", true, false);
  f.only("relative_position_embedding", true, false);
  f.only("gru_rel_pos", true, false);
  const patchWidth = f.size("embed_dim", 512);
  const width = f.size("encoder_embed_dim", 768);
  const heads = f.size("encoder_attention_heads", 12);
  const taps = f.size("conv_pos", 128);
  const groups = f.size("conv_pos_groups", 16);
  const headDim = width / heads;
  f.conflict(patchWidth === width, "embed_dim", "another width than encoder_embed_dim", patchWidth);
  f.conflict(width % heads > 0, "encoder_attention_heads", `a divisor of encoder_embed_dim ${width}`, heads);
  f.conflict(
    headDim % 4 > 0 || headDim > 128,
    "encoder_embed_dim",
    "heads of a multiple of 4 wide, at most 128",
    headDim,
  );
  f.conflict(
    (width / groups) % 4 > 0,
    "conv_pos_groups",
    `groups of a multiple of 4 of ${width} channels`,
    groups,
  );
  return {
    patchWidth,
    width,
    layers: f.size("encoder_layers", 12),
    heads,
    ffn: f.size("encoder_ffn_embed_dim", 3072),
    taps,
    groups,
    buckets: f.size("num_buckets", 320),
    maxDistance: f.size("max_distance", 1280),
  };
}

/**
 * The parameters by their names in the checkpoint, `prefix` being where BEATs begins. What an op takes as a whole is a
 * vector: always f32.
 */
export function beatsParams(c: BeatsConfig, prefix = "") {
  const linear = (name: string, out: number, from: number) => ({
    weight: matrix(`${prefix}${name}.weight`, [out, from]),
    bias: vector(`${prefix}${name}.bias`, out),
  });
  const norm = (name: string, width = c.width) => ({
    weight: vector(`${prefix}${name}.weight`, width),
    bias: vector(`${prefix}${name}.bias`, width),
  });
  const flat = (name: string, shape: readonly number[]) =>
    storedAs(
      vector(
        `${prefix}${name}`,
        shape.reduce((a, b) => a * b, 1),
      ),
      shape,
    );
  const layer = (name: string) => ({
    q: linear(`${name}.self_attn.q_proj`, c.width, c.width),
    k: linear(`${name}.self_attn.k_proj`, c.width, c.width),
    v: linear(`${name}.self_attn.v_proj`, c.width, c.width),
    o: linear(`${name}.self_attn.out_proj`, c.width, c.width),
    gate: {
      weight: flat(`${name}.self_attn.grep_linear.weight`, [8, c.width / c.heads]),
      bias: vector(`${prefix}${name}.self_attn.grep_linear.bias`, 8),
      scale: flat(`${name}.self_attn.grep_a`, [1, c.heads, 1, 1]),
    },
    attnNorm: norm(`${name}.self_attn_layer_norm`),
    fc1: linear(`${name}.fc1`, c.ffn, c.width),
    fc2: linear(`${name}.fc2`, c.width, c.ffn),
    ffnNorm: norm(`${name}.final_layer_norm`),
  });
  return {
    patch: storedAs(matrix(`${prefix}patch_embedding.weight`, [c.patchWidth, PATCH * PATCH]), [
      c.patchWidth,
      1,
      PATCH,
      PATCH,
    ]),
    patchNorm: norm("layer_norm", c.patchWidth),
    project: linear("post_extract_proj", c.width, c.patchWidth),
    positions: {
      v: flat("encoder.pos_conv.0.weight_v", [c.width, c.width / c.groups, c.taps]),
      g: flat("encoder.pos_conv.0.weight_g", [1, 1, c.taps]),
      bias: vector(`${prefix}encoder.pos_conv.0.bias`, c.width),
    },
    norm: norm("encoder.layer_norm"),
    relative: flat("encoder.layers.0.self_attn.relative_attention_bias.weight", [c.buckets, c.heads]),
    layers: Array.from({ length: c.layers }, (_, l) => layer(`encoder.layers.${l}`)),
  };
}

/** As the checkpoint keeps them: the convolution over positions as a direction v and a length g. */
export type StoredBeats = Loaded<ReturnType<typeof beatsParams>>;
export type BeatsWeights = Omit<StoredBeats, "positions"> & {
  readonly positions: { readonly weight: Tensor; readonly bias: Tensor }; // [C, W·C/groups], [C]
};
type Layer = BeatsWeights["layers"][number];

/**
 * The bucket of each relative position key − query, from −(reach − 1) to reach − 1: keys after their query have the upper
 * half, near ones a bucket each, far ones one for a range that grows with the distance.
 * @returns [2·reach − 1]
 */
export function relativeBuckets({ buckets, maxDistance }: BeatsConfig, reach: number): Uint32Array {
  const half = Math.floor(buckets / 2);
  const near = Math.floor(half / 2);
  return Uint32Array.from({ length: 2 * reach - 1 }, (_, n) => {
    const distance = Math.abs(n - (reach - 1));
    const share = Math.log(distance / near) / Math.log(maxDistance / near);
    const bucket = distance < near ? distance : Math.min(half - 1, near + Math.floor(share * (half - near)));
    return bucket + (n > reach - 1 ? half : 0);
  });
}

/** A clip of a packed batch. */
export interface BeatsClip {
  readonly tokens: number;
  /** Those that hold sound; the rest, padding that a batch of equal lengths has, is not attended to. */
  readonly heard: number;
}

/** Patches, projected, and told their positions: [ΣT, C]. */
function stem(
  ops: Ops,
  c: BeatsConfig,
  w: BeatsWeights,
  patches: Tensor,
  clips: readonly BeatsClip[],
): Tensor {
  const e = ops.matmul(patches, w.patch);
  const n = ops.layerNorm(e, w.patchNorm.weight, w.patchNorm.bias, EPS);
  const x = ops.matmul(n, w.project.weight, { bias: w.project.bias });
  const positions = ops.tensor("positions", x.shape);
  let at = 0;
  for (const { tokens, heard } of clips) {
    const padding = tokens - heard;
    if (padding > 0) {
      const zeros = ops.upload("padding", [padding, c.width], new Float32Array(padding * c.width));
      ops.copyRows(zeros, 0, x, at + heard, padding);
    }
    const { weight, bias } = w.positions;
    ops.posConv(x, weight, positions, at, tokens, { bias, taps: c.taps, groups: c.groups });
    at += tokens;
  }
  return ops.layerNorm(positions, w.norm.weight, w.norm.bias, EPS, { x, alpha: 1 });
}

/** What all layers share: which tokens attend to which, and what their distance is worth. */
interface Shared {
  readonly tiles: Tensor;
  readonly embed: Tensor; // [B, H]
  readonly buckets: Tensor; // [2N − 1]
}

function layer(ops: Ops, c: BeatsConfig, w: Layer, x: Tensor, { tiles, embed, buckets }: Shared): Tensor {
  const alpha = (2 * c.layers) ** 0.25;
  const heads = { heads: c.heads, kvHeads: c.heads, headDim: c.width / c.heads };
  const q = ops.matmul(x, w.q.weight, { bias: w.q.bias });
  const k = ops.matmul(x, w.k.weight, { bias: w.k.bias });
  const v = ops.matmul(x, w.v.weight, { bias: w.v.bias });
  const bias = ops.relativeBias(q, { ...heads, ...w.gate, embed, buckets });
  const z = ops.attention(q, k, v, { ...heads, tiles, causal: false, bias });
  const a = ops.matmul(z, w.o.weight, { bias: w.o.bias });
  const h = ops.layerNorm(a, w.attnNorm.weight, w.attnNorm.bias, EPS, { x, alpha });
  const f = ops.matmul(h, w.fc1.weight, { bias: w.fc1.bias, gelu: true });
  const m = ops.matmul(f, w.fc2.weight, { bias: w.fc2.bias });
  return ops.layerNorm(m, w.ffnNorm.weight, w.ffnNorm.bias, EPS, { x: h, alpha });
}

/**
 * The encoder over a packed batch of clips.
 *
 * @param patches [Σ tokens, 256] f32, from fbankPatches of each clip's filter bank
 * @returns [Σ tokens, C] f32
 */
export function beats(
  ops: Ops,
  c: BeatsConfig,
  w: BeatsWeights,
  patches: Tensor,
  clips: readonly BeatsClip[],
): Tensor {
  let at = 0;
  const segments = clips.map(({ tokens, heard }) => {
    const segment = { query: at, queries: tokens, key: at, keys: heard, first: 0, gate: 0 };
    at += tokens;
    return segment;
  });
  const buckets = relativeBuckets(c, Math.max(...clips.map(({ tokens }) => tokens)));
  const shared = {
    tiles: ops.attentionTiles(segments),
    embed: w.relative,
    buckets: ops.upload("buckets", [buckets.length], buckets),
  };
  const x = ops.block(() => stem(ops, c, w, patches, clips));
  return w.layers.reduce((h, weights) => ops.block(() => layer(ops, c, weights, h, shared), h), x);
}
