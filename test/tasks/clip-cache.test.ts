import { test } from "uvu";
import * as assert from "uvu/assert";
import { SourceError } from "../../src/io/source.ts";
import { memoryStore } from "../../src/io/store.ts";
import { ClipCache, type ClipEncoder } from "../../src/tasks/clip-cache.ts";
import { expectRejects } from "../reference/compare.ts";

/** Two tokens of width 3 a clip, which tell the clip; counts what it is asked. */
function encoder(fingerprint = "f00d", width = 3) {
  const asked: number[][] = [];
  const model: ClipEncoder = {
    fingerprint,
    family: { audioTokens: () => 2, lm: { width, gpu: { scalar: "f32" } } },
    async encode(clips) {
      asked.push(clips.map((clip) => clip[0]!));
      return clips.map((clip) => ({ tokens: 2, embeddings: new Float32Array(2 * width).fill(clip[0]!) }));
    },
  };
  return { model, asked };
}

const clip = (value: number) => new Float32Array(4).fill(value);
const firsts = (encoded: readonly { embeddings: Float32Array }[]) => encoded.map((e) => e.embeddings[0]);

test("each distinct clip is encoded once, alone, and given back in the order asked", async () => {
  const { model, asked } = encoder();
  const cache = new ClipCache(model, undefined);
  const values = [3, 1, 3, 2, 4, 5, 6, 7, 8, 9, 1];
  assert.equal(firsts(await cache.get(values.map(clip))), values);
  assert.equal(asked, [[3], [1], [2], [4], [5], [6], [7], [8], [9]]);
  assert.equal(firsts(await cache.get([clip(9), clip(10)])), [9, 10]);
  assert.equal(asked.slice(9), [[10]]);
});

test("a store serves later runs of the same model", async () => {
  const store = memoryStore();
  const first = encoder();
  const made = await new ClipCache(first.model, store).get([clip(1), clip(2)]);
  assert.is((await store.list()).length, 2);
  assert.ok((await store.list()).every((path) => /^f00d-f32-1\/[0-9a-f]{64}\.safetensors$/.test(path)));

  const second = encoder();
  assert.equal(await new ClipCache(second.model, store).get([clip(2), clip(1)]), made.toReversed());
  assert.equal(second.asked, []);

  const other = encoder("beef");
  await new ClipCache(other.model, store).get([clip(1)]);
  assert.equal(other.asked, [[1]]);
});

test("stored clips are fetched when they are needed; without a store they stay at hand", async () => {
  const store = memoryStore();
  const { model, asked } = encoder();
  for (const kept of [store, undefined]) {
    const clips = await new ClipCache(model, kept, 0).stored([clip(1), clip(2)]);
    assert.equal(
      clips.map(({ tokens }) => tokens),
      [2, 2],
    );
    assert.equal(firsts(await Promise.all(clips.map((c) => c.load()))), [1, 2]);
  }
  assert.is(asked.length, 4);
  const [gone] = await new ClipCache(model, store, 0).stored([clip(1)]);
  for (const path of await store.list()) await store.remove(path);
  await expectRejects(
    gone!.load(),
    SourceError,
    /^cache: expected f00d-f32-1\/.* to stay as it was written, got none/,
  );
});

test("damaged, cut and mis-shaped entries are made anew", async () => {
  const store = memoryStore();
  await new ClipCache(encoder().model, store).get([clip(1)]);
  const [path] = (await store.list()) as [string];
  const good = (await store.read(path))!;
  const flipped = good.slice();
  flipped[flipped.length - 3]! ^= 1;
  const empty = new Uint8Array();
  for (const bad of [flipped, good.slice(0, -1), good.slice(0, 20), empty]) {
    await store.write(path, bad);
    const { model, asked } = encoder();
    assert.equal(firsts(await new ClipCache(model, store).get([clip(1)])), [1]);
    assert.equal(asked, [[1]]);
    assert.equal(await store.read(path), good);
  }
  const wider = encoder("f00d", 4);
  assert.is((await new ClipCache(wider.model, store).get([clip(1)]))[0]!.embeddings.length, 8);
  assert.equal(wider.asked, [[1]]);
});

test("memory is bounded: the longest unused goes first", async () => {
  const { model, asked } = encoder();
  const cache = new ClipCache(model, undefined, 2 * 24); // two clips of 24 bytes
  await cache.get([clip(1), clip(2)]);
  await cache.get([clip(1)]);
  assert.equal(firsts(await cache.get([clip(3), clip(4), clip(5), clip(1)])), [3, 4, 5, 1]);
  assert.equal(asked, [[1], [2], [3], [4], [5]]);
  await cache.get([clip(5), clip(1)]);
  await cache.get([clip(2)]);
  assert.equal(asked.slice(5), [[2]]);
});

test.run();
