/**
 * A SALMONN with random weights in the files its authors publish, narrow and shallow but with the real window of 30 s.
 * Names and shapes are those that the models declare; the rest of the layouts is here.
 */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeSafetensors } from "../src/io/safetensors.ts";
import { beatsParams } from "../src/model/beats.ts";
import { llamaParams } from "../src/model/llama.ts";
import { loraParams } from "../src/model/lora.ts";
import { connectorParams } from "../src/model/salmonn.ts";
import { type SalmonnConfig, salmonnConfig } from "../src/model/salmonn-config.ts";
import { type WhisperConfig, whisperParams } from "../src/model/whisper.ts";
import { randomTensor, randomTensors, type Tensors } from "./random-weights.ts";
import { TensorSource, type TorchSource, writeTorch } from "./torch-writer.ts";

const TOKENIZER = fileURLToPath(new URL("../test/fixtures/text/vicuna/tokenizer.model", import.meta.url));
const SHARDS = 3; // as Vicuna-13B
const RANK = 8;
const ALPHA = 32;

const QFORMER = { hidden_size: 96, intermediate_size: 192, num_attention_heads: 12 };

const WHISPER = {
  architectures: ["WhisperForConditionalGeneration"],
  model_type: "whisper",
  activation_function: "gelu",
  d_model: 64,
  encoder_layers: 2,
  encoder_attention_heads: 4,
  encoder_ffn_dim: 128,
  num_mel_bins: 80,
  max_source_positions: 1500,
  decoder_layers: 1,
  decoder_attention_heads: 4,
  decoder_ffn_dim: 128,
  max_target_positions: 448,
  scale_embedding: false,
  vocab_size: 64,
  bos_token_id: 1,
  eos_token_id: 2,
  pad_token_id: 0,
  decoder_start_token_id: 1,
  torch_dtype: "float32",
};

const BEATS = {
  encoder_layers: 2,
  encoder_embed_dim: 64,
  encoder_ffn_embed_dim: 128,
  encoder_attention_heads: 4,
  activation_fn: "gelu",
  layer_wise_gradient_decay_ratio: 0.6,
  layer_norm_first: false,
  deep_norm: true,
  dropout: 0,
  attention_dropout: 0,
  activation_dropout: 0,
  encoder_layerdrop: 0.05,
  dropout_input: 0,
  conv_pos: 128,
  conv_pos_groups: 16,
  relative_position_embedding: true,
  num_buckets: 320,
  max_distance: 800,
  gru_rel_pos: true,
  finetuned_model: true,
  predictor_dropout: 0,
  predictor_class: 527,
  input_patch_size: 16,
  embed_dim: 48,
  conv_bias: false,
};

/** Vicuna's has neither rope_theta nor num_key_value_heads. */
const LLAMA = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  bos_token_id: 1,
  eos_token_id: 2,
  pad_token_id: 0,
  hidden_act: "silu",
  hidden_size: 128,
  initializer_range: 0.02,
  intermediate_size: 320,
  max_position_embeddings: 2048,
  num_attention_heads: 8,
  num_hidden_layers: 4,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: false,
  torch_dtype: "float16",
  use_cache: true,
  vocab_size: 1200, // the tokenizer's
};

const YAML = `model:
  # paths
  llama_path: "llama"
  whisper_path: "whisper"
  beats_path: "beats.pt"

  ckpt: "salmonn_v1.pth" # model used for decoding

  freeze_whisper: True
  freeze_beats: True

  # window-level Q-Former
  use_speech_Qformer: True
  freeze_speech_QFormer: False
  window_level_Qformer: True
  num_speech_query_token: 1
  second_per_window: 0.333333
  second_stride: 0.333333
  qformer_config: ${JSON.stringify(QFORMER)} # the real one is as wide as bert-base

  speech_llama_proj_model: ""
  freeze_speech_llama_proj: False

  # LoRA
  lora: True
  lora_rank: ${RANK}
  lora_alpha: ${ALPHA}
  lora_dropout: 0.1

  multi_prompt: True
  prompt_template: "USER: {}\\nASSISTANT:"
  prompt_path: "prompts/train_prompt.json"
  test_prompt_path: "prompts/test_prompt.json"
  max_txt_len: 300
  end_sym: "</s>"

generate:
  max_new_tokens: 100
  num_beams: 4
  do_sample: False
  min_length: 1
  temperature: 1.0
  top_p: 0.9
  repetition_penalty: 1.0
  length_penalty: 1.0
`;

/** Writes config.yaml and all it names into the folder, which is made; the same bytes for the same seed. */
export function writeRandomSalmonn(folder: string, seed: number): void {
  const c = salmonnConfig(
    JSON.stringify({
      model_type: "salmonn",
      speech_config: WHISPER,
      beats_config: BEATS,
      text_config: LLAMA,
      qformer_config: QFORMER,
    }),
  );
  const at = (...path: string[]) => join(folder, ...path);
  for (const part of ["whisper", "llama"]) mkdirSync(at(part), { recursive: true });
  writeFileSync(at("config.yaml"), YAML);
  writeWhisper(at("whisper"), c.speech, seed);
  writeTorch(at("beats.pt"), { cfg: BEATS, model: randomTensors(beatsParams(c.audio), "F32", seed) });
  writeLlama(at("llama"), randomTensors(llamaParams(c.text), "F16", seed));
  writeTorch(at("salmonn_v1.pth"), trained(c, seed));
}

const writeJson = (path: string, json: object) => writeFileSync(path, `${JSON.stringify(json, null, 2)}\n`);

/** The encoder, and a decoder of one layer, which nobody needs. */
function writeWhisper(folder: string, c: WhisperConfig, seed: number): void {
  const decoder = [
    ...randomTensors(
      whisperParams({ ...c, layers: 1, positions: WHISPER.max_target_positions }, "model.decoder."),
      "F32",
      seed,
    ),
  ]
    .filter(([name]) => !name.includes(".conv"))
    .flatMap(([name, tensor]) =>
      [...new Set([name, name.replace("self_attn", "encoder_attn")])].map((name) => [name, tensor] as const),
    );
  const words = "model.decoder.embed_tokens.weight";
  const tensors = [
    ...randomTensors(whisperParams(c, "model.encoder."), "F32", seed),
    [words, randomTensor(words, [WHISPER.vocab_size, c.width], "F32", seed)] as const,
    ...decoder,
  ];
  const file = encodeSafetensors(
    tensors.map(([name, { dtype, shape, pieces }]) => ({
      name,
      dtype,
      shape,
      bytes: Buffer.concat([...pieces()]),
    })),
  );
  writeFileSync(join(folder, "model.safetensors"), file);
  writeJson(join(folder, "config.json"), WHISPER);
}

/** In shards of as many tensors each. */
function writeLlama(folder: string, tensors: Tensors): void {
  const names = [...tensors.keys()];
  const each = Math.ceil(names.length / SHARDS);
  const file = (i: number) => `pytorch_model-0000${Math.floor(i / each) + 1}-of-0000${SHARDS}.bin`;
  for (let i = 0; i < names.length; i += each)
    writeTorch(
      join(folder, file(i)),
      new Map(names.slice(i, i + each).map((name) => [name, tensors.get(name)!])),
    );
  writeJson(join(folder, "pytorch_model.bin.index.json"), {
    metadata: { total_size: [...tensors.values()].reduce((sum, { bytes }) => sum + bytes, 0) },
    weight_map: Object.fromEntries(names.map((name, i) => [name, file(i)])),
  });
  writeJson(join(folder, "config.json"), LLAMA);
  writeJson(join(folder, "generation_config.json"), { bos_token_id: 1, eos_token_id: 2, pad_token_id: 0 });
  copyFileSync(TOKENIZER, join(folder, "tokenizer.model"));
}

/** What SALMONN's training saved: what was trained, some that was not, and the optimiser's state. */
function trained(c: SalmonnConfig, seed: number): TorchSource {
  const { text: llama, audio: beats } = c;
  const tensor = (name: string, shape: readonly number[]) =>
    [name, randomTensor(name, shape, "F32", seed)] as const;
  const peft = (name: string) => `llama_model.base_model.model.${name.replace(/weight$/, "default.weight")}`;
  const lora = randomTensors(loraParams({ rank: RANK }, llama).stored, "F32", seed);
  const angles = Array.from({ length: llama.layers }, (_, l) =>
    tensor(peft(`model.layers.${l}.self_attn.rotary_emb.inv_freq`), [llama.headDim / 2]),
  );
  const tables = Array.from({ length: beats.layers - 1 }, (_, l) =>
    tensor(`beats.encoder.layers.${l + 1}.self_attn.relative_attention_bias.weight`, [
      beats.buckets,
      beats.heads,
    ]),
  );
  const positions = BigInt64Array.from({ length: 512 }, (_, i) => BigInt(i));
  const model = new Map<string, TensorSource>([
    ...[...lora].map(([name, source]) => [peft(name), source] as const),
    ...angles,
    ...tables,
    [
      "speech_Qformer.bert.embeddings.position_ids",
      new TensorSource("I64", [1, 512], () => [new Uint8Array(positions.buffer)]),
    ],
    ...randomTensors(connectorParams(c), "F32", seed),
  ]);
  const state = [...model.values()]
    .filter(({ dtype }) => dtype === "F32")
    .map(({ shape }, i): [number, TorchSource] => [
      i,
      {
        step: randomTensor("step", [], "F32", seed),
        exp_avg: randomTensor("exp_avg", shape, "F32", seed),
        exp_avg_sq: randomTensor("exp_avg_sq", shape, "F32", seed),
      },
    ]);
  return {
    model,
    optimizer: {
      state: new Map(state),
      param_groups: [
        { lr: 3e-5, eps: 1e-8, weight_decay: 0.05, foreach: null, params: state.map(([i]) => i) },
      ],
    },
    config: { model: { lora_rank: RANK, lora_alpha: ALPHA, end_sym: "</s>" }, run: { seed } },
    scaler: null,
    epoch: 0,
  };
}
