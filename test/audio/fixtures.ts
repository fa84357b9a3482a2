import * as assert from "uvu/assert";
import { readBytes } from "#fixtures";
import { AudioError, type Pcm } from "../../src/audio/decode.ts";
import { readGolden } from "../fixtures-reader.ts";

const expected = readGolden("test/fixtures/audio/expected.safetensors");

/** Bytes of a file in test/fixtures/audio. */
export const readFixture = (name: string): Uint8Array => readBytes(`test/fixtures/audio/${name}`);

/** Characters as bytes. */
export const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));

/** `pcm` is what soundfile decodes from the fixture, within `tolerance`. */
export function checkDecoded(name: string, pcm: Pcm, sampleRate: number, tolerance: number): void {
  const { shape, data } = expected.get(name)!;
  const [channels, frames] = [shape[0]!, shape[1]!];
  assert.is(pcm.sampleRate, sampleRate, `${name}: sample rate`);
  assert.equal([pcm.channels.length, pcm.channels[0]!.length], shape, `${name}: [channels, frames]`);
  assert.is(Math.round(pcm.seconds * sampleRate), frames, `${name}: seconds`);
  for (let c = 0; c < channels; c++) {
    checkClose(
      `${name} channel ${c}`,
      pcm.channels[c]!,
      data.subarray(c * frames, (c + 1) * frames),
      tolerance,
    );
  }
}

/** Every element within `tolerance`; a failure names the worst. */
export function checkClose(
  name: string,
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  tolerance: number,
): void {
  assert.is(got.length, want.length, `${name}: length`);
  let worst = 0;
  for (let i = 0; i < got.length; i++) {
    if (!(Math.abs(got[i]! - want[i]!) <= Math.abs(got[worst]! - want[worst]!))) worst = i;
  }
  const close = got.length === 0 || Math.abs(got[worst]! - want[worst]!) <= tolerance;
  assert.ok(close, `${name}: [${worst}] got ${got[worst]}, want ${want[worst]} (atol ${tolerance})`);
}

/** The call rejects with an AudioError whose message matches. */
export async function checkRejects(call: () => Promise<unknown>, message: RegExp): Promise<void> {
  try {
    await call();
  } catch (error) {
    assert.instance(error, AudioError);
    assert.match((error as Error).message, message);
    assert.match((error as Error).message, /^audio: [^:]+: expected .+, got .+; .+/s);
    return;
  }
  assert.unreachable(`expected an error like ${message}`);
}

interface WavParts {
  readonly rate?: number; // Hz
  readonly channels?: number;
  readonly bits?: number;
  readonly tag?: number; // 1 PCM, 3 float
  readonly dataSize?: number; // as the header says; the truth by default
  readonly riffSize?: number;
  readonly before?: Uint8Array; // chunks in front of 'data'
  readonly after?: Uint8Array; // chunks behind it
}

/** A WAV file in memory around the bytes of `data`. */
export function makeWav(data: Uint8Array, parts: WavParts = {}): Uint8Array {
  const { rate = 16000, channels = 1, bits = 16, tag = 1 } = parts;
  const { before = new Uint8Array(0), after = new Uint8Array(0) } = parts;
  const length = 44 + before.length + data.length + after.length;
  const bytesPerSecond = (rate * channels * bits) / 8;
  const file = new Uint8Array(length);
  const view = new DataView(file.buffer);
  file.set(latin1("RIFF"), 0);
  view.setUint32(4, parts.riffSize ?? length - 8, true);
  file.set(latin1("WAVEfmt "), 8);
  view.setUint32(16, 16, true);
  view.setUint16(20, tag, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, bytesPerSecond > 0xffffffff ? 0 : bytesPerSecond, true);
  view.setUint16(32, (channels * bits) / 8, true);
  view.setUint16(34, bits, true);
  file.set(before, 36);
  file.set(makeChunk("data", data, parts.dataSize), 36 + before.length);
  file.set(after, length - after.length);
  return file;
}

/** A RIFF chunk, padded to an even length only where asked for. */
export function makeChunk(id: string, body: Uint8Array, size = body.length): Uint8Array {
  const chunk = new Uint8Array(8 + body.length);
  chunk.set(latin1(id), 0);
  new DataView(chunk.buffer).setUint32(4, size, true);
  chunk.set(body, 8);
  return chunk;
}

export const bytesOf = (samples: ArrayBufferView): Uint8Array =>
  new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
