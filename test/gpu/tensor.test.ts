import { test } from "uvu";
import * as assert from "uvu/assert";
import { count, type DType, Tensor } from "../../src/gpu/index.ts";

/** Hands out numbered sizes in place of buffers and remembers what came back. */
class Ledger {
  readonly taken: number[] = [];
  given = 0;
  take(_label: string, bytes: number): GPUBuffer {
    this.taken.push(bytes);
    return { size: bytes } as GPUBuffer;
  }
  give(): void {
    this.given++;
  }
}

test("count multiplies; a scalar is one element", () => {
  assert.is(count([]), 1);
  assert.is(count([2, 3, 4]), 24);
  assert.is(count([2, 0]), 0);
});

test("bytes follow the type; buffers are whole vec4s", () => {
  for (const [dtype, bytes, buffer] of [
    ["f32", 60, 64],
    ["u32", 60, 64],
    ["i32", 60, 64],
    ["f16", 30, 32],
    ["bf16", 30, 32],
  ] as [DType, number, number][]) {
    const ledger = new Ledger();
    assert.is(new Tensor("t", [3, 5], dtype, ledger).byteLength, bytes);
    assert.equal(ledger.taken, [buffer]);
  }
});

test("rows are all but the last dimension", () => {
  const t = new Tensor("t", [2, 3, 5], "f32", new Ledger());
  assert.equal([t.length, t.rows, t.width], [30, 6, 5]);
  assert.is(`${t}`, "t [2, 3, 5] f32");
});

test("the buffer goes back once", () => {
  const ledger = new Ledger();
  const t = new Tensor("t", [1], "f32", ledger);
  assert.not(t.disposed);
  t.dispose();
  t.dispose();
  assert.ok(t.disposed);
  assert.is(ledger.given, 1);
});

test.run();
