/** The tiny Qwen2-Audio of the goldens, and its forward over whole sequences as learning and these tests need it. */
import { openFolder } from "#files";
import { locate } from "#fixtures";
import type { Gpu, Tensor } from "../../src/gpu/index.ts";
import { openCheckpoint } from "../../src/io/checkpoint.ts";
import { loadWeights } from "../../src/io/load.ts";
import type { Folder } from "../../src/io/source.ts";
import type { Ops } from "../../src/kernels/index.ts";
import { KvCache } from "../../src/model/kv-cache.ts";
import type { LanguageModel } from "../../src/model/language-model.ts";
import { qwen2 } from "../../src/model/qwen2.ts";
import {
  publishedName,
  type Qwen2AudioConfig,
  type Qwen2AudioWeights,
  qwen2AudioConfig,
  qwen2AudioParams,
} from "../../src/model/qwen2-audio.ts";
import { encodeSamples } from "../../src/model/qwen2-audio-family.ts";

export interface GoldenModel {
  readonly config: Qwen2AudioConfig;
  readonly weights: Qwen2AudioWeights;
  readonly lm: LanguageModel;
}

/** A prompt with one placeholder a clip, and its clips with the audio tokens that each becomes. */
export interface Row {
  readonly ids: readonly number[];
  readonly clips: readonly { readonly samples: Float32Array; readonly tokens: number }[];
}

export const goldenFolder = (variant: string): Folder =>
  openFolder(locate(`test/fixtures/qwen2audio/${variant}`));

export async function loadGoldenModel(gpu: Gpu, folder: Folder): Promise<GoldenModel> {
  const config = qwen2AudioConfig(await folder.text("config.json"));
  const checkpoint = await openCheckpoint(folder);
  try {
    const weights = await loadWeights(gpu, checkpoint, qwen2AudioParams(config), { rename: publishedName });
    return { config, weights, lm: qwen2(gpu, config.text, weights.text) };
  } finally {
    await checkpoint.close();
  }
}

/** A row's ids with each placeholder repeated once an audio token. */
export function expand({ ids, clips }: Row, audioToken: number): number[] {
  let clip = 0;
  return ids.flatMap((id) => (id === audioToken ? Array<number>(clips[clip++]!.tokens).fill(id) : [id]));
}

/** The embeddings of packed rows, audio among the words: [Σ length, C]. */
export function embed(ops: Ops, { config, weights, lm }: GoldenModel, rows: readonly Row[]): Tensor {
  const audio = encodeSamples(
    ops,
    config,
    weights,
    rows.flatMap(({ clips }) => clips.map(({ samples }) => samples)),
  );
  const ids = rows.flatMap((row) => expand(row, config.audioToken));
  const x = lm.embed(ops, ops.upload("ids", [ids.length], Uint32Array.from(ids)));
  let from = 0;
  for (const [at, id] of ids.entries()) if (id === config.audioToken) ops.copyRows(audio, from++, x, at, 1);
  return x;
}

/** Logits of every position of packed rows under one head mask: [Σ length, V]. The cache is for the caller to free. */
export function forward(
  ops: Ops,
  { lm }: Pick<GoldenModel, "lm">,
  x: Tensor,
  lengths: readonly number[],
  gates?: Float32Array,
): { logits: Tensor; cache: KvCache } {
  const total = lengths.reduce((a, b) => a + b, 0);
  const cache = new KvCache(lm.gpu, lm, total, Math.max(...lengths));
  const positions = lengths.flatMap((length) => Array.from({ length }, (_, i) => i));
  let at = 0;
  const segments = lengths.map((length) => {
    const segment = { query: at, queries: length, key: at, keys: length, first: 0, gate: 0 };
    at += length;
    return segment;
  });
  const u32 = (label: string, values: Iterable<number>) =>
    ops.upload(label, [total], Uint32Array.from(values));
  const step = {
    positions: u32("positions", positions),
    rows: u32("rows", positions.keys()),
    tiles: ops.attentionTiles(segments),
    ...(gates && { gates: ops.upload("gates", [1, lm.layers, lm.heads], gates) }),
  };
  return { logits: ops.matmul(lm.norm(ops, lm.forward(ops, x, step, cache)), lm.head), cache };
}
