/** Several checkpoints seen as one. */
import { type Checkpoint, CheckpointError, fingerprint } from "./checkpoint.ts";
import type { TensorInfo } from "./safetensors.ts";

/** A checkpoint's share of a joined one. */
export interface Share {
  readonly checkpoint: Checkpoint;
  /** A tensor's name in the joined checkpoint; undefined for one that is left out. */
  readonly rename: (name: string) => string | undefined;
}

/**
 * A model whose parts were published apart, as one checkpoint; closing it closes them.
 * @throws CheckpointError when two tensors get the same name
 */
export function joinCheckpoints(name: string, shares: readonly Share[]): Checkpoint {
  const tensors = new Map<string, TensorInfo>();
  const problems: string[] = [];
  for (const { checkpoint, rename } of shares)
    for (const info of checkpoint.tensors.values()) {
      const joined = rename(info.name);
      if (joined === undefined) continue;
      const twin = tensors.get(joined);
      if (twin) problems.push(`twice: ${joined}, in ${twin.source.name} and ${info.source.name}`);
      tensors.set(joined, { ...info, name: joined });
    }
  if (problems.length)
    throw new CheckpointError(`checkpoint: expected each tensor of ${name} once, got`, problems);
  let print: Promise<string> | undefined;
  return {
    name,
    tensors,
    files: new Map(shares.flatMap(({ checkpoint }) => [...checkpoint.files])),
    fingerprint() {
      print ??= fingerprint(tensors);
      return print;
    },
    close: async () => {
      await Promise.all(shares.map(({ checkpoint }) => checkpoint.close()));
    },
  };
}
