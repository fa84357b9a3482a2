import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeAudio } from "../../src/audio/decode.ts";
import { checkClose, checkDecoded, checkRejects, latin1, readFixture } from "./fixtures.ts";

// Two builds of the same decoder round their sums differently.
const TOLERANCE = 1e-6;

for (const [name, rate] of Object.entries({ "mono.ogg": 16000, "stereo.ogg": 44100 })) {
  test(`${name} decodes to soundfile's samples`, async () => {
    checkDecoded(name, await decodeAudio(readFixture(name), name), rate, TOLERANCE);
  });
}

test("decoding stops at the wanted seconds, and still tells the length", async () => {
  const file = readFixture("mono.ogg");
  const whole = await decodeAudio(file, "x.ogg");
  const part = await decodeAudio(file, "x.ogg", 0.1);
  checkClose("first 0.1 s", part.channels[0]!, whole.channels[0]!.subarray(0, 1600), 0);
  assert.is(part.seconds, whole.seconds);
});

/** Where the pages begin. */
function pages(file: Uint8Array): number[] {
  const text = new TextDecoder("latin1").decode(file);
  return [...text.matchAll(/OggS/g)].map((match) => match.index);
}

test("truncated within a page and between pages", async () => {
  const file = readFixture("mono.ogg");
  for (const length of [10, 27, 58, 1000, file.length - 1, ...pages(file).slice(1)]) {
    await checkRejects(() => decodeAudio(file.subarray(0, length), "x.ogg"), /marked as the last.*truncated/);
  }
});

test("damage and missing pages", async () => {
  const file = readFixture("mono.ogg");
  const flipped = file.slice();
  flipped[3000]! ^= 16;
  await checkRejects(() => decodeAudio(flipped, "x.ogg"), /right checksum, got damage at byte \d+/);
  const [, second, third] = pages(file);
  const missing = Uint8Array.from([...file.subarray(0, second), ...file.subarray(third)]);
  await checkRejects(() => decodeAudio(missing, "x.ogg"), /expected Ogg page 1 at byte \d+, got page 2/);
});

test("a chain of files", async () => {
  const file = readFixture("mono.ogg");
  const unfinished = file.subarray(0, pages(file).at(-1));
  const chain = Uint8Array.from([...unfinished, ...file]);
  await checkRejects(() => decodeAudio(chain, "x.ogg"), /expected one stream, got several/);
});

/** One page, first and last, that holds `packet`. */
function onePage(packet: string): Uint8Array {
  const page = new Uint8Array(28 + packet.length);
  page.set(latin1("OggS"), 0);
  page[5] = 6;
  page[26] = 1;
  page[27] = packet.length;
  page.set(latin1(packet), 28);
  let crc = 0;
  for (const byte of page) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  new DataView(page.buffer).setInt32(22, crc, true);
  return page;
}

test("another codec in Ogg is named, and 0 Hz and no channels are seen", async () => {
  await checkRejects(
    () => decodeAudio(onePage("OpusHead\x01\x02"), "x.opus"),
    /Vorbis in Ogg, got Opus; convert/,
  );
  await checkRejects(() => decodeAudio(onePage("\x80theora"), "x.ogv"), /got another codec/);
  const header = (channels: string, rate: string) =>
    onePage(`\x01vorbis\0\0\0\0${channels}${rate}${"\0".repeat(12)}\xb8\x01`);
  await checkRejects(() => decodeAudio(header("\x01", "\0\0\0\0"), "x.ogg"), /got 0 Hz/);
  await checkRejects(() => decodeAudio(header("\0", "\x80\x3e\0\0"), "x.ogg"), /got 0 channels/);
  await checkRejects(
    () => decodeAudio(header("\x01", "\x80\x3e\0\0"), "x.ogg"),
    /at least one sample, got none/,
  );
});

test.run();
