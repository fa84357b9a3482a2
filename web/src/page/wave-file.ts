import type { Recording } from "../engine/engine.ts";

/** A recording as a WAV file of 32-bit floats, for the browser to play. */
export function waveFile({ samples, rate }: Recording): Blob {
  const header = new DataView(new ArrayBuffer(44));
  const word = (at: number, name: string) => {
    for (let i = 0; i < 4; i++) header.setUint8(at + i, name.charCodeAt(i));
  };
  word(0, "RIFF");
  header.setUint32(4, 36 + samples.byteLength, true);
  word(8, "WAVE");
  word(12, "fmt ");
  header.setUint32(16, 16, true); // bytes of the format
  header.setUint16(20, 3, true); // floats
  header.setUint16(22, 1, true); // channels
  header.setUint32(24, rate, true);
  header.setUint32(28, 4 * rate, true); // bytes a second
  header.setUint16(32, 4, true); // bytes a frame
  header.setUint16(34, 32, true); // bits a sample
  word(36, "data");
  header.setUint32(40, samples.byteLength, true);
  return new Blob([header, new Float32Array(samples)], { type: "audio/wav" });
}
