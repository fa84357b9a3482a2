import { test } from "uvu";
import * as assert from "uvu/assert";
import { runDecoder } from "../../src/audio/codec.ts";
import { checkRejects } from "./fixtures.ts";

const SLICE = 65536;

/** A decoder that turns each slice into one stereo sample, its length, and counts what is asked of it. */
function fakeDecoder(behaviour: { error?: string; thrown?: Error } = {}) {
  const decoder = {
    decoded: 0,
    flushed: 0,
    freed: 0,
    ready: Promise.resolve(),
    decode(slice: Uint8Array) {
      if (behaviour.thrown) throw behaviour.thrown;
      decoder.decoded++;
      const errors = behaviour.error ? [{ message: behaviour.error }] : [];
      const channelData = [Float32Array.of(slice.length), Float32Array.of(-slice.length)];
      return { channelData, samplesDecoded: 1, errors };
    },
    async flush() {
      decoder.flushed++;
      return { channelData: [], samplesDecoded: 0, errors: [] };
    },
    free: () => void decoder.freed++,
  };
  return decoder;
}

const input = new Uint8Array(2 * SLICE + 7);

test("feeds slices to the end, flushes, joins, frees", async () => {
  const decoder = fakeDecoder();
  const { channels, length } = await runDecoder(decoder, input, 100, "x");
  assert.is(length, 3);
  assert.equal(channels, [Float32Array.of(SLICE, SLICE, 7), Float32Array.of(-SLICE, -SLICE, -7)]);
  assert.equal([decoder.flushed, decoder.freed], [1, 1]);
});

test("stops at the wanted number of samples", async () => {
  const decoder = fakeDecoder();
  const { length } = await runDecoder(decoder, input, 2, "x");
  assert.equal([length, decoder.decoded, decoder.flushed, decoder.freed], [2, 2, 0, 1]);
});

test("no input, no channels", async () => {
  assert.equal(await runDecoder(fakeDecoder(), new Uint8Array(0), 9, "x"), { length: 0, channels: [] });
});

test("what a decoder reports or throws becomes an AudioError, and it is freed", async () => {
  for (const decoder of [
    fakeDecoder({ error: "LOST_SYNC" }),
    fakeDecoder({ thrown: new Error("LOST_SYNC") }),
  ]) {
    await checkRejects(
      () => runDecoder(decoder, input, 9, "x"),
      /expected data that decodes, got ".*LOST_SYNC"/,
    );
    assert.is(decoder.freed, 1);
  }
});

test.run();
