import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { defineKernel, openGpu } from "../src/gpu/index.ts";

const root = new URL("../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");
const shaders = readdirSync(new URL("shaders/", root)).filter((name) => name.endsWith(".wgsl"));

const gpu = await openGpu();
test.after(() => gpu.dispose());

/** Stems of shaders that are one of several passes of an op: its files are those of the op. Probes belong to the bench. */
const OP_OF: Readonly<Record<string, string>> = {
  "matmul-cpu": "matmul",
  "matmul-dx-cpu": "matmul-dx",
  "attention-merge": "attention-decode",
  "attention-delta": "attention-dx",
  "attention-dq": "attention-dx",
  "attention-dkv": "attention-dx",
  "attention-dgate": "attention-dx",
};
const isProbe = (stem: string) => stem.startsWith("probe-");

/** What the comment that a shader opens with says. */
function contract(code: string) {
  const lines = code.split("\n");
  const end = lines.findIndex((line) => !line.startsWith("//"));
  const text = lines.slice(0, end).map((line) => line.slice(3));
  const fields = (key: string) =>
    text.flatMap((line) => (line.startsWith(`${key} `) ? [line.slice(key.length).trim()] : []));
  return {
    title: text[0] ?? "",
    bindings: fields("binding").map((line) => {
      const [, number, name, what] = /^(\d+)\s+(\w+)\s+(\S.*)$/.exec(line) ?? [];
      return { number: Number(number), name, what };
    }),
    overrides: fields("override").flatMap((line) =>
      /^([A-Z_]+(?:, [A-Z_]+)*)\s/.exec(line)?.[1]?.split(", "),
    ),
    grid: fields("grid"),
    numerics: fields("numerics"),
  };
}

/** What the shader declares, in the same form. */
function declared(code: string) {
  const bindings = [...code.matchAll(/@binding\((\d+)\)\s*var<[^>]*>\s*(\w+)/g)];
  return {
    bindings: bindings.map(([, number, name]) => `${number} ${name}`),
    // an override that is computed from others is none of the caller's
    overrides: [...code.matchAll(/^override (\w+):[^=]*=([^;]*);/gm)]
      .filter(([, , value]) => !/[A-Za-z_]{2,}|\b[A-Z]\b/.test(value!.replace(/\btrue\b|\bfalse\b/, "")))
      .map(([, name]) => name),
  };
}

for (const file of shaders) {
  const stem = file.replace(".wgsl", "");
  const code = read(`shaders/${file}`);

  test(`${file}: the comment it opens with says what it declares`, () => {
    const said = contract(code);
    const is = declared(code);
    assert.ok(said.title.startsWith(`${stem}: `), `opens with "${stem}: " and the maths`);
    assert.equal(
      said.bindings.map(({ number, name }) => `${number} ${name}`),
      is.bindings,
      "bindings, in order",
    );
    for (const { name, what } of said.bindings) {
      assert.match(what ?? "", /\[.+\]|^Params$/, `binding ${name} has a shape`);
    }
    assert.equal([...said.overrides].sort(), [...is.overrides].sort(), "overrides");
    assert.is(said.grid.length, 1, "one grid");
    assert.is(said.numerics.length, 1, "one line of numerics");
  });

  test(`${file}: bindings are numbered from 0 without a gap`, () => {
    const numbers = declared(code).bindings.map((line) => Number(line.split(" ")[0]));
    assert.equal(
      numbers,
      numbers.map((_, i) => i),
    );
  });

  test(`${file}: compiles`, async () => {
    const kernel = defineKernel(stem, code);
    gpu.pipelines.get(kernel, {}, "f32");
    if (/\bscalar\b/.test(code) && gpu.features.has("shader-f16")) gpu.pipelines.get(kernel, {}, "f16");
    await gpu.pipelines.check();
  });

  if (!isProbe(stem))
    test(`${file}: has a kernel and its test under the same stem`, () => {
      const op = OP_OF[stem] ?? stem;
      for (const path of [`src/kernels/${op}.ts`, `test/kernels/${op}.test.ts`])
        assert.ok(existsSync(new URL(path, root)), `${path} is missing`);
      assert.ok(
        read(`src/kernels/${op}.ts`).includes(`shaders/${file}`),
        `src/kernels/${op}.ts uses ${file}`,
      );
    });
}

test.run();
