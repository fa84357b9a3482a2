/** A file that a publisher offers. */
export interface PublishedFile {
  readonly name: string;
  /** Parts of the model's `Blueprint` that are read of it; none for a tokenizer. */
  readonly parts: readonly string[];
  /** Bytes of the file, where they are known. */
  readonly bytes?: number;
  /** Bytes of its tensors, where some of them are of no use here. */
  readonly tensorBytes?: number;
}

/** A model as its authors publish it. */
export interface Published {
  readonly title: string;
  /** The text of its config.json, as published; of SALMONN, which has none, its parts' own and its YAML's `model`. */
  readonly config: string;
  readonly files: readonly PublishedFile[];
}

/** Qwen/Qwen2-Audio-7B-Instruct (arXiv 2407.10759). What it leaves out is as in transformers' classes. */
const QWEN2_AUDIO = {
  architectures: ["Qwen2AudioForConditionalGeneration"],
  audio_config: {
    model_type: "qwen2_audio_encoder",
    num_mel_bins: 128,
    encoder_layers: 32,
    encoder_attention_heads: 20,
    encoder_ffn_dim: 5120,
    encoder_layerdrop: 0,
    d_model: 1280,
    dropout: 0,
    attention_dropout: 0,
    activation_function: "gelu",
    activation_dropout: 0,
    scale_embedding: false,
    init_std: 0.02,
    max_source_positions: 1500,
  },
  audio_token_index: 151_646,
  ignore_index: -100,
  model_type: "qwen2_audio",
  text_config: {
    bos_token_id: 151_643,
    eos_token_id: 151_645,
    intermediate_size: 11_008,
    max_position_embeddings: 8192,
    model_type: "qwen2",
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    sliding_window: 32_768,
    torch_dtype: "bfloat16",
    use_mrope: false,
    vocab_size: 156_032,
  },
  torch_dtype: "bfloat16",
  vocab_size: 156_032,
};

/** openai/whisper-large-v2 (arXiv 2212.04356). */
const WHISPER_LARGE_V2 = {
  activation_function: "gelu",
  d_model: 1280,
  decoder_attention_heads: 20,
  decoder_ffn_dim: 5120,
  decoder_layers: 32,
  encoder_attention_heads: 20,
  encoder_ffn_dim: 5120,
  encoder_layers: 32,
  max_source_positions: 1500,
  max_target_positions: 448,
  model_type: "whisper",
  num_mel_bins: 80,
  scale_embedding: false,
  torch_dtype: "float32",
  vocab_size: 51_865,
};

/** The `cfg` of BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2.pt (arXiv 2212.09058). */
const BEATS = {
  encoder_layers: 12,
  encoder_embed_dim: 768,
  encoder_ffn_embed_dim: 3072,
  encoder_attention_heads: 12,
  activation_fn: "gelu",
  layer_norm_first: false,
  conv_bias: false,
  conv_pos: 128,
  conv_pos_groups: 16,
  relative_position_embedding: true,
  num_buckets: 320,
  max_distance: 800,
  gru_rel_pos: true,
  deep_norm: true,
  input_patch_size: 16,
  embed_dim: 512,
  finetuned_model: true,
  predictor_class: 527,
};

/** lmsys/vicuna-13b-v1.1: LLaMA (arXiv 2302.13971) of 13 billion parameters. */
const VICUNA_13B = {
  architectures: ["LlamaForCausalLM"],
  bos_token_id: 1,
  eos_token_id: 2,
  hidden_act: "silu",
  hidden_size: 5120,
  initializer_range: 0.02,
  intermediate_size: 13_824,
  max_position_embeddings: 2048,
  model_type: "llama",
  num_attention_heads: 40,
  num_hidden_layers: 40,
  pad_token_id: 0,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: false,
  torch_dtype: "float16",
  vocab_size: 32_000,
};

/** SALMONN (arXiv 2310.13289): bytedance/SALMONN's configuration, its Q-Former's bert-base with two layers. */
const SALMONN = {
  model_type: "salmonn",
  speech_config: WHISPER_LARGE_V2,
  beats_config: BEATS,
  text_config: VICUNA_13B,
  use_speech_Qformer: true,
  window_level_Qformer: true,
  num_speech_query_token: 1,
  second_per_window: 0.333333,
  second_stride: 0.333333,
  lora: true,
  lora_rank: 8,
  lora_alpha: 32,
  prompt_template: "USER: {}\nASSISTANT:",
  end_sym: "</s>",
  generate: {
    max_new_tokens: 200,
    num_beams: 4,
    do_sample: false,
    min_length: 1,
    temperature: 1,
    top_p: 0.9,
    repetition_penalty: 1,
    length_penalty: 1,
  },
  qformer_config: {
    hidden_size: 768,
    intermediate_size: 3072,
    num_attention_heads: 12,
    num_hidden_layers: 2,
  },
};

/** The models that this engine is for, by the names that `plan` and benches know. */
export const PUBLISHED = {
  "qwen2-audio-7b": {
    title: "Qwen/Qwen2-Audio-7B-Instruct",
    config: JSON.stringify(QWEN2_AUDIO),
    files: [
      { name: "model-*.safetensors", parts: ["Audio encoder", "Projector", "Language model"] },
      { name: "tokenizer.json", parts: [] },
    ],
  },
  "salmonn-13b": {
    title: "SALMONN with vicuna-13b-v1.1",
    config: JSON.stringify(SALMONN),
    files: [
      // all of Whisper: 1,543,304,960 numbers, the decoder's among them
      { name: "whisper-large-v2", parts: ["Whisper encoder"], tensorBytes: 6_173_219_840 },
      {
        name: "BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2.pt",
        parts: ["BEATs"],
        bytes: 363_145_291,
      },
      // the optimizer's state as well
      { name: "salmonn_v1.pth", parts: ["Q-Former", "LoRA"], bytes: 400_466_533 },
      { name: "vicuna-13b-v1.1", parts: ["LLaMA"] },
      { name: "tokenizer.model", parts: [], bytes: 499_723 },
    ],
  },
} satisfies Readonly<Record<string, Published>>;
