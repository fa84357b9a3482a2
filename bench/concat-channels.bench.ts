import type { Bench } from "./harness.ts";

/** Whisper's frames and BEATs', three fifths as wide: T·(A + B) read and written. */
export default async function concatChannels(b: Bench): Promise<void> {
  const rows = b.sizes.frames / 2;
  const [a, c] = [b.sizes.audioWidth, Math.ceil((b.sizes.audioWidth * 3) / 5)];
  await b.measure(() => {
    const speech = b.input("a", [rows, a]);
    const audio = b.input("b", [rows, c]);
    return {
      shape: `T ${rows} · A ${a} · B ${c}`,
      flops: 0,
      bytes: 4 * 2 * rows * (a + c),
      run: (ops) => ops.concatChannels(speech.tensor, audio.tensor),
      want(i) {
        const [t, channel] = [Math.floor(i / (a + c)), i % (a + c)];
        return channel < a ? speech.at(t * a + channel) : audio.at(t * c + channel - a);
      },
    };
  });
}
