import { count } from "../gpu/tensor.ts";
import { maskBytes } from "../mask/head-mask.ts";
import { familyOf, type ModelConfig, modelConfig } from "../model/model-config.ts";
import { openModelFiles } from "../model/open-model.ts";

/** What `inspect --json` prints for a checkpoint. */
export interface CheckpointReport {
  readonly kind: "checkpoint";
  readonly name: string;
  /** Its config's `model_type`. */
  readonly family: string;
  /** As the engine reads it; `null` for a family that it does not have. */
  readonly config: ModelConfig["config"] | null;
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
export async function inspectCheckpoint(from: string): Promise<CheckpointReport> {
  const { name, config: text, checkpoint } = await openModelFiles(from);
  try {
    const known = modelConfig(text);
    const tensors = [...checkpoint.tensors.values()];
    const bytes: Record<string, number> = {};
    for (const { dtype, begin, end } of tensors) bytes[dtype] = (bytes[dtype] ?? 0) + end - begin;
    return {
      kind: "checkpoint",
      name,
      family: familyOf(text),
      config: known?.config ?? null,
      tensors: tensors.length,
      parameters: tensors.reduce((sum, { shape }) => sum + count(shape), 0),
      bytes,
      files: [...checkpoint.files]
        .map(([name, bytes]) => ({ name: name.slice(name.lastIndexOf("/") + 1), bytes }))
        .sort(byName),
      fingerprint: await checkpoint.fingerprint(),
      mask: known ? maskOf(known.config.text) : null,
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
