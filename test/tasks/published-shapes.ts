/** The tensors of the public architectures, written down from their papers and reference code, not from this engine's trees. */

export type Shapes = Readonly<Record<string, readonly number[]>>;

const linear = (name: string, out: number, from: number): Shapes => ({
  [`${name}.weight`]: [out, from],
  [`${name}.bias`]: [out],
});
const norm = (name: string, width: number): Shapes => ({
  [`${name}.weight`]: [width],
  [`${name}.bias`]: [width],
});
const layers = (count: number, layer: (l: number) => Shapes): Shapes =>
  Object.assign({}, ...Array.from({ length: count }, (_, l) => layer(l)));

/** Whisper's encoder, large: 32 layers of width 1280. */
export const whisperEncoder = (mels: number): Shapes => ({
  "conv1.weight": [1280, mels, 3],
  "conv1.bias": [1280],
  "conv2.weight": [1280, 1280, 3],
  "conv2.bias": [1280],
  "embed_positions.weight": [1500, 1280],
  ...layers(32, (l) => whisperLayer(`layers.${l}`, ["self_attn"])),
  ...norm("layer_norm", 1280),
});

/** Whisper large-v2's decoder, which SALMONN has no use for; its head is the embedding. */
export const whisperDecoder: Shapes = {
  "embed_tokens.weight": [51_865, 1280],
  "embed_positions.weight": [448, 1280],
  ...layers(32, (l) => whisperLayer(`layers.${l}`, ["self_attn", "encoder_attn"])),
  ...norm("layer_norm", 1280),
};

function whisperLayer(at: string, attentions: readonly string[]): Shapes {
  const attention = (name: string): Shapes => ({
    ...linear(`${at}.${name}.q_proj`, 1280, 1280),
    [`${at}.${name}.k_proj.weight`]: [1280, 1280],
    ...linear(`${at}.${name}.v_proj`, 1280, 1280),
    ...linear(`${at}.${name}.out_proj`, 1280, 1280),
    ...norm(`${at}.${name}_layer_norm`, 1280),
  });
  return {
    ...Object.assign({}, ...attentions.map(attention)),
    ...linear(`${at}.fc1`, 5120, 1280),
    ...linear(`${at}.fc2`, 1280, 5120),
    ...norm(`${at}.final_layer_norm`, 1280),
  };
}

/** BEATs' encoder: 12 layers of width 768; the table of distances is the first layer's. */
export const beats: Shapes = {
  "patch_embedding.weight": [512, 1, 16, 16],
  ...norm("layer_norm", 512),
  ...linear("post_extract_proj", 768, 512),
  "encoder.pos_conv.0.weight_v": [768, 48, 128],
  "encoder.pos_conv.0.weight_g": [1, 1, 128],
  "encoder.pos_conv.0.bias": [768],
  ...norm("encoder.layer_norm", 768),
  "encoder.layers.0.self_attn.relative_attention_bias.weight": [320, 12],
  ...layers(12, (l) => ({
    ...linear(`encoder.layers.${l}.self_attn.q_proj`, 768, 768),
    ...linear(`encoder.layers.${l}.self_attn.k_proj`, 768, 768),
    ...linear(`encoder.layers.${l}.self_attn.v_proj`, 768, 768),
    ...linear(`encoder.layers.${l}.self_attn.out_proj`, 768, 768),
    ...linear(`encoder.layers.${l}.self_attn.grep_linear`, 8, 64),
    [`encoder.layers.${l}.self_attn.grep_a`]: [1, 12, 1, 1],
    ...norm(`encoder.layers.${l}.self_attn_layer_norm`, 768),
    ...linear(`encoder.layers.${l}.fc1`, 3072, 768),
    ...linear(`encoder.layers.${l}.fc2`, 768, 3072),
    ...norm(`encoder.layers.${l}.final_layer_norm`, 768),
  })),
};

/** Its classifier of AudioSet's 527 classes. */
export const beatsPredictor: Shapes = linear("predictor", 527, 768);

/** Of SALMONN's checkpoint: norms, the two layers of BERT that are its Q-Former, and the projection to 5120. */
export const connector: Shapes = {
  ...norm("ln_speech", 1280),
  ...norm("ln_audio", 768),
  speech_query_tokens: [1, 1, 768],
  ...norm("embeddings.LayerNorm", 768),
  ...layers(2, (l) => ({
    ...bertAttention(`layer.${l}.attention`, 768),
    ...bertAttention(`layer.${l}.crossattention`, 1280 + 768),
    ...linear(`layer.${l}.intermediate_query.dense`, 3072, 768),
    ...linear(`layer.${l}.output_query.dense`, 768, 3072),
    ...norm(`layer.${l}.output_query.LayerNorm`, 768),
  })),
  ...linear("speech_llama_proj", 5120, 768),
};

function bertAttention(at: string, from: number): Shapes {
  return {
    ...linear(`${at}.self.query`, 768, 768),
    ...linear(`${at}.self.key`, 768, from),
    ...linear(`${at}.self.value`, 768, from),
    ...linear(`${at}.output.dense`, 768, 768),
    ...norm(`${at}.output.LayerNorm`, 768),
  };
}

/** LLaMA of 13 billion: 40 layers of width 5120, no biases. */
export const llama13b: Shapes = {
  "model.embed_tokens.weight": [32_000, 5120],
  ...layers(40, (l) => decoderLayer(`model.layers.${l}`, 5120, 13_824)),
  "model.norm.weight": [5120],
  "lm_head.weight": [32_000, 5120],
};

/** LoRA of rank 8 on its q and v. */
export const lora: Shapes = layers(40, (l) => ({
  [`${l}.q_proj.lora_A`]: [8, 5120],
  [`${l}.q_proj.lora_B`]: [5120, 8],
  [`${l}.v_proj.lora_A`]: [8, 5120],
  [`${l}.v_proj.lora_B`]: [5120, 8],
}));

/** Qwen2-Audio's decoder: 32 layers of width 4096, biases on q, k and v. */
export const qwen7b: Shapes = {
  "model.embed_tokens.weight": [156_032, 4096],
  ...layers(32, (l) => ({
    ...decoderLayer(`model.layers.${l}`, 4096, 11_008),
    [`model.layers.${l}.self_attn.q_proj.bias`]: [4096],
    [`model.layers.${l}.self_attn.k_proj.bias`]: [4096],
    [`model.layers.${l}.self_attn.v_proj.bias`]: [4096],
  })),
  "model.norm.weight": [4096],
  "lm_head.weight": [156_032, 4096],
};

function decoderLayer(at: string, width: number, ffn: number): Shapes {
  return {
    [`${at}.input_layernorm.weight`]: [width],
    [`${at}.self_attn.q_proj.weight`]: [width, width],
    [`${at}.self_attn.k_proj.weight`]: [width, width],
    [`${at}.self_attn.v_proj.weight`]: [width, width],
    [`${at}.self_attn.o_proj.weight`]: [width, width],
    [`${at}.post_attention_layernorm.weight`]: [width],
    [`${at}.mlp.gate_proj.weight`]: [ffn, width],
    [`${at}.mlp.up_proj.weight`]: [ffn, width],
    [`${at}.mlp.down_proj.weight`]: [width, ffn],
  };
}

/** Qwen2-Audio's projection. */
export const projector: Shapes = linear("multi_modal_projector.linear", 4096, 1280);

/** Elements of all tensors, or of those of one dimension. */
export function elements(shapes: Shapes, only: (shape: readonly number[]) => boolean = () => true): number {
  return Object.values(shapes)
    .filter(only)
    .reduce((sum, shape) => sum + shape.reduce((n, d) => n * d, 1), 0);
}
