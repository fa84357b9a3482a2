import { count } from "../gpu/tensor.ts";
import { openCheckpoint } from "../io/checkpoint.ts";
import type { Folder } from "../io/source.ts";
import { maskBytes } from "../mask/head-mask.ts";
import { Fields } from "../model/fields.ts";
import { type Qwen2AudioConfig, qwen2AudioConfig } from "../model/qwen2-audio.ts";

/** What `inspect --json` prints for a checkpoint. */
export interface CheckpointReport {
  readonly kind: "checkpoint";
  readonly name: string;
  /** Its config's `model_type`. */
  readonly family: string;
  /** As the engine reads it; `null` for a family that it does not have. */
  readonly config: Qwen2AudioConfig | null;
  readonly tensors: number;
  readonly parameters: number;
  /** Bytes of the weights by their type. */
  readonly bytes: Readonly<Record<string, number>>;
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  readonly fingerprint: string;
  /** The size of its head masks. */
  readonly mask: { readonly layers: number; readonly heads: number; readonly bytes: number } | null;
}

/** Reads a model's config and its files' headers. */
export async function inspectCheckpoint(folder: Folder): Promise<CheckpointReport> {
  const text = await folder.text("config.json");
  const fields = Fields.parse(text, "config.json");
  const family = fields.text("model_type");
  fields.check();
  const config = family === "qwen2_audio" ? qwen2AudioConfig(text) : null;
  const checkpoint = await openCheckpoint(folder);
  try {
    const tensors = [...checkpoint.tensors.values()];
    const bytes: Record<string, number> = {};
    for (const { dtype, begin, end } of tensors) bytes[dtype] = (bytes[dtype] ?? 0) + end - begin;
    const files = new Map(tensors.map(({ source }) => [source.name, source.size]));
    return {
      kind: "checkpoint",
      name: folder.name,
      family,
      config,
      tensors: tensors.length,
      parameters: tensors.reduce((sum, { shape }) => sum + count(shape), 0),
      bytes,
      files: [...files]
        .map(([name, bytes]) => ({ name: name.slice(name.lastIndexOf("/") + 1), bytes }))
        .sort(byName),
      fingerprint: await checkpoint.fingerprint(),
      mask: config && maskOf(config.text),
    };
  } finally {
    await checkpoint.close();
  }
}

const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);

const maskOf = ({ layers, heads }: { layers: number; heads: number }) => ({
  layers,
  heads,
  bytes: maskBytes(layers, heads),
});
