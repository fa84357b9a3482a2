import type { Gpu, Tensor } from "../gpu/index.ts";
import { type Loaded, matrix, vector } from "../io/load.ts";
import type { Ops } from "../kernels/index.ts";
import type { Fields } from "./fields.ts";
import type { KeysValues, Step } from "./kv-cache.ts";
import type { LanguageModel } from "./language-model.ts";
import type { Lora, LoraLayer } from "./lora.ts";

/** LLaMA's decoder (arXiv 2302.13971), which Vicuna is: pre-norm, rotary positions, SwiGLU, no biases. */
export interface LlamaConfig {
  readonly vocab: number; // V
  readonly width: number; // C
  readonly ffn: number; // F
  readonly layers: number; // L
  readonly heads: number; // H
  readonly kvHeads: number; // K
  readonly headDim: number; // D
  readonly eps: number;
  readonly ropeTheta: number;
  readonly maxPositions: number;
  readonly tied: boolean; // lm_head is the embedding table
  readonly stop: readonly number[]; // ids that end an answer, where generation_config.json has none
}

/** From a config.json; LLaMA's and Vicuna's have neither num_key_value_heads (as many as heads) nor rope_theta. */
export function llamaConfig(f: Fields): LlamaConfig {
  f.only("model_type", "llama");
  const width = f.size("hidden_size");
  const heads = f.size("num_attention_heads");
  const kvHeads = f.size("num_key_value_heads", heads);
  if (!f.has("head_dim"))
    f.conflict(width % heads > 0, "num_attention_heads", `a divisor of hidden_size ${width}`, heads);
  f.conflict(
    heads % kvHeads > 0,
    "num_key_value_heads",
    `a divisor of num_attention_heads ${heads}`,
    kvHeads,
  );
  const headDim = f.has("head_dim") ? f.size("head_dim") : width / heads;
  f.conflict(headDim % 4 > 0 || headDim > 128, "head_dim", "a multiple of 4, at most 128", headDim);
  f.only("hidden_act", "silu");
  f.only("attention_bias", false);
  f.only("mlp_bias", false);
  const rope = f.has("rope_parameters") ? f.child("rope_parameters") : f;
  rope.only("rope_type", "default");
  const scaling = f.child("rope_scaling");
  for (const key of ["type", "rope_type"]) scaling.only(key, "default"); // the older name, and the newer
  return {
    vocab: f.size("vocab_size"),
    width,
    ffn: f.size("intermediate_size"),
    layers: f.size("num_hidden_layers"),
    heads,
    kvHeads,
    headDim,
    eps: f.number("rms_norm_eps", 1e-6),
    ropeTheta: rope.number("rope_theta", 10_000),
    maxPositions: f.size("max_position_embeddings", 2048),
    tied: f.flag("tie_word_embeddings", false),
    stop: f.ids("eos_token_id"),
  };
}

/** The parameters by their names in the checkpoint, `prefix` being where the decoder begins. */
export function llamaParams(c: LlamaConfig, prefix = "") {
  const q = c.heads * c.headDim;
  const kv = c.kvHeads * c.headDim;
  const embed = matrix(`${prefix}model.embed_tokens.weight`, [c.vocab, c.width]);
  const layer = (l: number) => {
    const at = `${prefix}model.layers.${l}.`;
    const attn = `${at}self_attn.`;
    return {
      attnNorm: vector(`${at}input_layernorm.weight`, c.width),
      // q, k and v in one product
      qkv: matrix(
        [`${attn}q_proj.weight`, `${attn}k_proj.weight`, `${attn}v_proj.weight`],
        [q + 2 * kv, c.width],
      ),
      o: matrix(`${attn}o_proj.weight`, [c.width, q]),
      ffnNorm: vector(`${at}post_attention_layernorm.weight`, c.width),
      gateUp: matrix([`${at}mlp.gate_proj.weight`, `${at}mlp.up_proj.weight`], [2 * c.ffn, c.width]),
      down: matrix(`${at}mlp.down_proj.weight`, [c.width, c.ffn]),
    };
  };
  return {
    embed,
    layers: Array.from({ length: c.layers }, (_, l) => layer(l)),
    norm: vector(`${prefix}model.norm.weight`, c.width),
    head: c.tied ? embed : matrix(`${prefix}lm_head.weight`, [c.vocab, c.width]),
  };
}

/** Tables of angles that old files keep, computed here (see `ropeAngles`). */
export const isRotaryTable = (name: string): boolean => name.endsWith(".rotary_emb.inv_freq");

export type LlamaWeights = Loaded<ReturnType<typeof llamaParams>>;
type Layer = LlamaWeights["layers"][number];

function selfAttention(
  ops: Ops,
  c: LlamaConfig,
  w: Layer,
  lora: LoraLayer | undefined,
  l: number,
  x: Tensor,
  step: Step,
  cache: KeysValues,
): Tensor {
  const { k, v } = cache.layer(ops, l);
  const heads = { heads: c.heads, kvHeads: c.kvHeads, headDim: c.headDim };
  const gates = step.gates && { tensor: step.gates, layer: l };
  const n = ops.rmsNorm(x, w.attnNorm, c.eps);
  const learned = lora && ops.matmul(ops.matmul(n, lora.a), lora.b); // s·B·A·n
  const qkv = ops.matmul(n, w.qkv, { residual: learned });
  const q = ops.rope(qkv, k, v, {
    ...heads,
    angles: cache.angles,
    positions: step.positions,
    rows: step.rows,
  });
  const z =
    "tiles" in step
      ? ops.attention(q, k, v, { ...heads, tiles: step.tiles, causal: true, gates })
      : ops.attentionDecode(q, k, v, { ...heads, table: step.table, last: step.positions, gates });
  return ops.matmul(z, w.o, { residual: x });
}

function feedForward(ops: Ops, c: LlamaConfig, w: Layer, x: Tensor): Tensor {
  const gateUp = ops.matmul(ops.rmsNorm(x, w.ffnNorm, c.eps), w.gateUp);
  return ops.matmul(ops.swiglu(gateUp), w.down, { residual: x });
}

/** The decoder over loaded weights, with what LoRA adds to its layers' q and v, if anything. */
export function llama(gpu: Gpu, c: LlamaConfig, w: LlamaWeights, lora?: Lora): LanguageModel {
  return {
    gpu,
    ...c,
    embed: (ops, ids) => ops.embed(w.embed, ids),
    forward(ops, x, step, cache) {
      let h = x;
      for (const [l, layer] of w.layers.entries()) {
        const before = h;
        h = ops.block(
          () => feedForward(ops, c, layer, selfAttention(ops, c, layer, lora?.[l], l, before, step, cache)),
          l > 0 ? before : undefined, // x is the caller's
        );
      }
      return h;
    },
    head: w.head,
    norm: (ops, h) => ops.rmsNorm(h, w.norm, c.eps),
  };
}
