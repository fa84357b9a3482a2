import { test } from "uvu";
import * as assert from "uvu/assert";
import { defineKernel, openGpu, Recorder, ShaderError } from "../../src/gpu/index.ts";
import { expectRejects } from "../reference/compare.ts";
import { scale, within } from "./helpers.ts";

const gpu = await openGpu();
test.after(() => gpu.dispose());

test("bindings and parameters are read from the shader's text", () => {
  assert.equal(
    [...scale.bindings],
    [
      ["x", 0],
      ["y", 1],
    ],
  );
  assert.equal(scale.params, [
    { name: "count", type: "u32" },
    { name: "shift", type: "i32" },
    { name: "factor", type: "f32" },
  ]);
  assert.is(scale.paramsBinding, 2);
});

test("a pipeline is compiled once for each set of overrides", () => {
  const wide = gpu.pipelines.get(scale, { WG: 64 });
  assert.is(gpu.pipelines.get(scale, { WG: 64 }), wide);
  assert.is.not(gpu.pipelines.get(scale, { WG: 32 }), wide);
  assert.is(wide.label, "scale(WG=64) f32");
});

test("two kernels of one name are two kernels", async () => {
  const store = (value: number) =>
    defineKernel(
      "twin",
      `@group(0) @binding(0) var<storage, read_write> y: array<f32>;
       @compute @workgroup_size(1) fn main() { y[0] = ${value}; }`,
    );
  for (const value of [3, 5]) {
    const y = gpu.upload("y", [4], new Float32Array(4));
    const recorder = new Recorder(gpu, "twins");
    recorder.dispatch(store(value), { bind: { y }, grid: [1] });
    assert.is(new Float32Array(await within(10, recorder.submit(y)))[0], value);
    recorder.dispose();
    y.dispose();
  }
});

test("what cannot be read from a shader's text is refused, comments are passed over", () => {
  const uniform = "@group(0) @binding(1) var<uniform> p: Params;";
  const define = (code: string) => () => defineKernel("odd", code);
  assert.throws(
    define(`struct Params { size: vec2u } ${uniform}`),
    /^defineKernel odd: expected .* got 'size: vec2u'/,
  );
  assert.throws(define("@group(0) var<storage> x: array<f32>;"), /got '@group\(0\) var<storage> x/);
  const { params, bindings, paramsBinding } = defineKernel(
    "odd",
    `struct Params { a: u32, // not b: f32
                     c: i32, }
     @binding(3) @group(0) var<storage, read> x: array<f32>; // var<storage> y
     ${uniform}`,
  );
  assert.equal(
    params.map(({ name }) => name),
    ["a", "c"],
  );
  assert.equal([...bindings], [["x", 3]]);
  assert.is(paramsBinding, 1);
});

/** The error with which a read ends on a device where this kernel was dispatched. */
async function failure(name: string, code: string): Promise<string> {
  const broken = await openGpu(); // a device never recovers from a broken shader
  try {
    const kernel = defineKernel(name, code);
    const y = broken.upload("y", [4], new Float32Array(4));
    const recorder = new Recorder(broken, "broken");
    recorder.dispatch(kernel, { bind: { y }, grid: [1] });
    return await expectRejects(within(10, recorder.submit(y)), ShaderError, /^internal: /);
  } finally {
    broken.dispose();
  }
}

test("a shader that does not parse: file, line, column and the source line", async () => {
  const code = `// broken
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1)
fn main() {
  y[0] = nothing;
}
`;
  const message = await failure("broken", code);
  assert.match(message, /shaders\/broken\.wgsl:5:10: .*unresolved value 'nothing'/);
  assert.ok(message.includes("    " + "  y[0] = nothing;"), message);
});

test("a shader that parses but makes no pipeline: the kernel's name and WebGPU's words", async () => {
  const code = `override WG: u32 = 0;
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(WG)
fn main() { y[0] = 1; }
`;
  assert.match(await failure("no-threads", code), /^internal: no-threads\(\) f32 does not compile\n.+/);
});

test.run();
