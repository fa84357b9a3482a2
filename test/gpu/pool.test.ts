import { test } from "uvu";
import * as assert from "uvu/assert";
import { Arena, GpuError, openGpu } from "../../src/gpu/index.ts";

const gpu = await openGpu();
test.after(() => gpu.dispose());
test.before.each(() => gpu.trim());

test("what is handed back is handed out again, relabelled", () => {
  const { pool } = gpu;
  const before = pool.bytes;
  const first = pool.take("first", 1000);
  const held = pool.bytes;
  pool.give(first);
  const second = pool.take("second", 1001);
  assert.is(second, first, "1000 and 1001 bytes are of one size class");
  assert.is(second.label, "second");
  assert.is(pool.bytes, held);
  assert.is.not(pool.take("third", 1000), second);
  assert.ok(pool.bytes > held && before < held);
});

test("a buffer is at most an eighth larger than asked for, at least 256 bytes", () => {
  for (const bytes of [1, 256, 257, 4097, 100_000, 1_000_001]) {
    const { size } = gpu.pool.take("size", bytes);
    assert.ok(
      size >= bytes && size % 16 === 0 && size <= Math.max(bytes * 1.125 + 256),
      `${bytes} → ${size}`,
    );
  }
});

test("what idles longest goes once 256 MiB idle and more is needed", () => {
  const base = gpu.bytes;
  const size = 100 * 2 ** 20;
  const tensors = [0, 1, 2, 3].map((i) => gpu.tensor(`idle ${i}`, [size / 4 + i * 4 * 2 ** 20]));
  for (const tensor of tensors) tensor.dispose();
  assert.ok(gpu.bytes - base > 4 * size);
  gpu.tensor("new", [1]).dispose();
  assert.ok(gpu.bytes - base < 257 * 2 ** 20, `${gpu.bytes - base} bytes`);
  const latest = gpu.bytes;
  gpu.tensor("the latest is still there", [size / 4 + 12 * 2 ** 20]).dispose();
  assert.is(gpu.bytes, latest);
});

test("trim destroys what is idle, and only that", () => {
  const base = gpu.bytes;
  const kept = gpu.tensor("kept", [1000]);
  const held = gpu.bytes;
  gpu.tensor("freed", [5000]).dispose();
  assert.ok(gpu.bytes > held);
  gpu.trim();
  assert.is(gpu.bytes, held);
  kept.dispose();
  gpu.trim();
  assert.is(gpu.bytes, base);
});

test("a buffer beyond the device's limit is an error that says what to do", () => {
  const elements = Math.ceil(gpu.limits.bufferBytes / 4) + 1;
  assert.throws(
    () => gpu.tensor("huge", [elements]),
    (error: Error) =>
      error instanceof GpuError &&
      /^gpu: expected at most \d+ bytes a buffer .*, got \d+ for huge; use/.test(error.message),
  );
});

test("an arena's buffers are its own until it is released", () => {
  const arena = new Arena(gpu.pool);
  const used = arena.take("used by a recorded command", 400);
  arena.give(used);
  const fresh = gpu.pool.take("a host upload", 400);
  assert.is.not(fresh, used, "the pool does not hand out what a recording still uses");
  assert.is(arena.take("a later command", 400), used, "the recording itself does");
  arena.give(used);
  arena.release();
  assert.is(gpu.pool.take("after the recording", 400), used);
  arena.give(fresh); // of a tensor that outlived the recording
  assert.is(gpu.pool.take("at once", 400), fresh);
});

test.run();
