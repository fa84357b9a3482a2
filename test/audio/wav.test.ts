import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeAudio } from "../../src/audio/decode.ts";
import {
  bytesOf,
  checkClose,
  checkDecoded,
  checkRejects,
  makeChunk,
  makeWav,
  readFixture,
} from "./fixtures.ts";

const RATES: Record<string, number> = {
  "u8.wav": 8000,
  "s16.wav": 44100,
  "s24.wav": 48000,
  "s32.wav": 16000,
  "f32.wav": 16000,
  "f64.wav": 22050,
  "s16-extensible.wav": 16000,
  "s24-extensible.wav": 96000,
  "f32-extensible.wav": 96000,
  "s16.rf64.wav": 16000,
};

for (const [name, rate] of Object.entries(RATES)) {
  test(`${name} decodes to soundfile's samples exactly`, async () => {
    checkDecoded(name, await decodeAudio(readFixture(name), name), rate, 0);
  });
}

const samples = Int16Array.from([0, 1, -1, 32767, -32768, 256]);
const want = Array.from(samples, (value) => value / 32768);
const decode = async (file: Uint8Array, maxSeconds?: number) => {
  const pcm = await decodeAudio(file, "x.wav", maxSeconds);
  return pcm.channels[0]!;
};

test("chunks around the data are skipped, odd ones with their padding", async () => {
  const list = makeChunk("LIST", new Uint8Array(5).fill(7));
  const before = new Uint8Array(14); // 8 + 5 + 1 of padding
  before.set(list);
  checkClose("odd LIST", await decode(makeWav(bytesOf(samples), { before })), want, 0);
  const after = makeChunk("id3 ", new Uint8Array(40).fill(1));
  checkClose("id3 behind", await decode(makeWav(bytesOf(samples), { after })), want, 0);
});

test("a size that a streaming writer left open means: to the end", async () => {
  for (const dataSize of [0, 0xffffffff, 0x7ffff000]) {
    const file = makeWav(bytesOf(samples), { dataSize, riffSize: dataSize });
    checkClose(`size ${dataSize}`, await decode(file), want, 0);
  }
});

test("bytes that lie at an odd address in their buffer", async () => {
  const file = makeWav(bytesOf(samples));
  const shifted = new Uint8Array(file.length + 1);
  shifted.set(file, 1);
  checkClose("shifted", await decode(shifted.subarray(1)), want, 0);
});

test("an incomplete last frame is dropped", async () => {
  const pcm = await decodeAudio(makeWav(new Uint8Array(7), { channels: 2, bits: 8 }), "x.wav");
  assert.equal([pcm.channels.length, pcm.channels[0]!.length], [2, 3]);
});

test("only the wanted seconds are converted", async () => {
  const file = makeWav(new Uint8Array(16000 * 7200).fill(128), { rate: 16000, bits: 8 });
  const pcm = await decodeAudio(file, "long.wav", 1.5);
  assert.equal([pcm.channels[0]!.length, pcm.seconds], [24000, 7200]);
});

test("truncated data says how much is missing", async () => {
  const file = makeWav(bytesOf(new Int16Array(1000)));
  await checkRejects(
    () => decodeAudio(file.subarray(0, file.length - 300), "x.wav"),
    /expected 2000 bytes of samples, got 1700 \(300 bytes are missing\)/,
  );
});

test("a truncated or damaged header", async () => {
  const file = readFixture("s16.wav");
  for (let length = 12; length < 44; length++) {
    await checkRejects(() => decodeAudio(file.subarray(0, length), "x.wav"), /chunk/);
  }
  const noFormat = file.slice();
  noFormat.set([0x78], 12);
  await checkRejects(() => decodeAudio(noFormat, "x.wav"), /'fmt ' chunk before 'data'/);
});

test("impossible headers: 0 Hz, 4 GHz, no channels, no samples", async () => {
  const data = bytesOf(samples);
  await checkRejects(() => decodeAudio(makeWav(data, { rate: 0 }), "x.wav"), /got 0 Hz/);
  await checkRejects(() => decodeAudio(makeWav(data, { rate: 0xffffffff }), "x.wav"), /got 4294967295 Hz/);
  await checkRejects(() => decodeAudio(makeWav(data, { channels: 0 }), "x.wav"), /got 0 channels/);
  await checkRejects(() => decodeAudio(makeWav(new Uint8Array(0)), "x.wav"), /at least one sample, got none/);
});

test("formats that are not read are named", async () => {
  const data = bytesOf(samples);
  await checkRejects(() => decodeAudio(makeWav(data, { tag: 7, bits: 8 }), "x.wav"), /mu-law; convert/);
  await checkRejects(
    () => decodeAudio(makeWav(data, { tag: 2, bits: 4 }), "x.wav"),
    /Microsoft ADPCM; convert/,
  );
  await checkRejects(() => decodeAudio(makeWav(data, { tag: 3 }), "x.wav"), /format tag 3 with 16 bits/);
});

test.run();
