import { test } from "uvu";
import * as assert from "uvu/assert";
import { conv, leaves, mapTree, matrix, storedAs, vector } from "../../src/io/params.ts";

test("what is declared", () => {
  assert.equal(matrix("w", [2, 3]).parts, [{ name: "w", shape: [2, 3] }]);
  assert.equal(matrix(["q", "k"], [6, 3]).parts, [
    { name: "q", shape: [null, 3] },
    { name: "k", shape: [null, 3] },
  ]);
  assert.equal(vector(["a", null], [2, 3]).shape, [5]);
  assert.equal(conv("c", [4, 3, 2]).shape, [4, 6]);
  const kept = storedAs(matrix("p", [4, 6]), [4, 1, 2, 3]);
  assert.equal([kept.shape, kept.parts], [[4, 6], [{ name: "p", shape: [4, 1, 2, 3] }]]);
  assert.throws(
    () => vector(["a", null], [2]),
    /internal: vector: expected a length for each of 2 names, got 1/,
  );
});

test("a tree keeps its form; a Param that stands twice is one leaf", () => {
  const tied = matrix("embed", [2, 3]);
  const tree = { embed: tied, layers: [{ b: vector("b0", 1) }, { b: vector("b1", 1) }], head: tied };
  assert.equal([...leaves(tree).values()], ["embed", "layers.0.b", "layers.1.b"]);
  const names: unknown = mapTree(tree, (param) => param.parts[0]?.name);
  assert.equal(names, { embed: "embed", layers: [{ b: "b0" }, { b: "b1" }], head: "embed" });
});

test.run();
