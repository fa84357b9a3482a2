import type { Pcm } from "./pcm.ts";

/**
 * One channel out of many: their "mean" (librosa, so Qwen2-Audio) or the "first" (SALMONN).
 *
 * @returns [frames]; of a mono file the channel itself, not a copy
 */
export function toMono(pcm: Pick<Pcm, "channels">, channels: "mean" | "first"): Float32Array {
  const first = pcm.channels[0]!;
  if (channels === "first" || pcm.channels.length === 1) return first;
  return first.map(
    (_, i) => pcm.channels.reduce((sum, samples) => sum + samples[i]!, 0) / pcm.channels.length,
  );
}
