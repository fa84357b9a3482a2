import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { test } from "uvu";
import * as assert from "uvu/assert";
import tsdown from "../tsdown.config.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const MANIFEST = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

/** Who may import whom: ARCHITECTURE.md has the reasons. `index` is src/index.ts. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  gpu: [],
  audio: [],
  text: [],
  io: ["gpu"],
  kernels: ["gpu", "shaders"],
  autograd: ["gpu", "kernels"],
  model: ["gpu", "kernels", "io", "audio", "text"],
  mask: ["gpu", "kernels", "autograd", "model", "io", "text"],
  tasks: ["gpu", "audio", "text", "io", "kernels", "autograd", "model", "mask"],
  experiments: ["gpu", "audio", "text", "io", "kernels", "autograd", "model", "mask", "tasks"],
  cli: [
    "gpu",
    "audio",
    "text",
    "io",
    "kernels",
    "autograd",
    "model",
    "mask",
    "tasks",
    "experiments",
    "index",
  ],
  index: ["gpu", "audio", "text", "io", "kernels", "autograd", "model", "mask", "tasks"],
  examples: ["index"],
  bench: ["index", "gpu", "kernels"],
  web: ["index"],
};

/** The only files that may import these packages, which not every platform has. */
const PACKAGE_HOMES: Readonly<Record<string, RegExp>> = {
  webgpu: /^src\/gpu\/adapter-node\.ts$/,
  commander: /^src\/cli\//,
  "cli-progress": /^src\/cli\//,
  "@observablehq/plot": /^src\/experiments\/plot\.ts$/,
  linkedom: /^src\/experiments\/plot\.ts$/,
};

interface Source {
  readonly path: string;
  readonly text: string;
  /** Paths from the root, or names of packages. */
  readonly imports: readonly string[];
  /** Those among them that are still there when the types are erased. */
  readonly loads: readonly string[];
}

/** The TypeScript files of a folder, with what they import; `#name` stands for each file it may resolve to. */
function sources(folder: string): Source[] {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name) && !name.endsWith(".d.ts"))
    .map((name) => {
      const path = relative(ROOT, join(ROOT, folder, name)).replaceAll("\\", "/");
      const text = readFileSync(join(ROOT, path), "utf8");
      const named = (code: string) =>
        ts.preProcessFile(code, true, true).importedFiles.flatMap(({ fileName }) => resolve(path, fileName));
      const untyped = text.replace(/^(import|export) type [^;]*? from "[^"]+";$/gm, "");
      return { path, text, imports: named(text), loads: named(untyped) };
    });
}

function resolve(from: string, specifier: string): string[] {
  if (specifier.startsWith("#")) {
    return Object.values(MANIFEST.imports[specifier] as Record<string, string>).map((path) =>
      posix.normalize(path),
    );
  }
  return [specifier.startsWith(".") ? posix.join(posix.dirname(from), specifier) : specifier];
}

/** The row of the table that a path belongs to; a file directly in src is named by its stem. */
const home = (path: string) => path.replace(/^src\//, "").replace(/[/.].*$/, "");

const SRC = sources("src");

/** Fails with the list of what is wrong, one a line. */
function none(complaints: readonly string[]) {
  assert.is(complaints.join("\n"), "");
}

test("folders import only what the table allows", () => {
  const bad = (source: Source, target: string) => {
    const [from, to] = [home(source.path), home(target)];
    if (!target.includes("/") || !existsSync(join(ROOT, target))) return false; // a package
    return from !== to && !MAY_IMPORT[from]?.includes(to);
  };
  const files = [...SRC, ...sources("examples"), ...sources("bench"), ...sources("web/src")];
  none(files.flatMap((s) => s.imports.filter((i) => bad(s, i)).map((i) => `${s.path} imports ${i}`)));
});

test("every folder of src has a row in the table", () => {
  none([...new Set(SRC.map(({ path }) => home(path)))].filter((name) => !(name in MAY_IMPORT)));
});

test("every import of a file names one that is there", () => {
  const missing = (path: string) => /^(src|shaders)\//.test(path) && !existsSync(join(ROOT, path));
  none(SRC.flatMap((s) => s.imports.filter(missing).map((i) => `${s.path} imports ${i}`)));
});

test("no file loads itself by way of others", () => {
  const loads = new Map(SRC.map((s) => [s.path, s.loads]));
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]) => {
    const seen = trail.indexOf(path);
    if (seen >= 0) cycles.push([...trail.slice(seen), path].join(" -> "));
    if (seen >= 0 || done.has(path)) return;
    for (const next of loads.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const { path } of SRC) visit(path, []);
  none(cycles);
});

test("Node's modules are imported only by the command and by *-node.ts, and the platform is nowhere asked for", () => {
  const free = SRC.filter(({ path }) => !/^src\/cli\/|-node\.ts$/.test(path));
  none(
    free.flatMap((s) => s.imports.filter((i) => i.startsWith("node:")).map((i) => `${s.path} imports ${i}`)),
  );
  none(
    free
      .filter(({ text }) => /typeof (window|document|process|navigator)\b/.test(text))
      .map(({ path }) => `${path} asks where it runs; put the difference behind #files or #adapter`),
  );
});

test("packages are declared, and stay where their platform is", () => {
  none(
    SRC.flatMap((s) =>
      s.imports
        .filter((i) => !/^(node:|src\/|shaders\/|\.)/.test(i))
        .map((i) => i.match(/^(@[^/]+\/)?[^/]+/)?.[0] as string)
        .filter((name) => !(name in MANIFEST.dependencies) || PACKAGE_HOMES[name]?.test(s.path) === false)
        .map((name) => `${s.path} imports ${name}`),
    ),
  );
});

test("files stay short, and the type checker is not talked out of it", () => {
  const all = ["src", "test", "bench", "examples", "web"].flatMap(sources);
  none(
    all.filter(({ text }) => text.split("\n").length > 500).map(({ path }) => `${path} has over 500 lines`),
  );
  const escapes = new RegExp(
    ["\\bas any\\b", ": any\\b", "<any>", "@ts-(ignore|nocheck|expect-error)"].join("|"),
  );
  none(SRC.filter(({ text }) => escapes.test(text)).map(({ path }) => `${path} escapes the type checker`));
});

test("package.json's exports and bin point at what the build makes", () => {
  const built = (tsdown as unknown as { entry: Record<string, string>; outDir: string }[]).flatMap(
    ({ entry, outDir }) =>
      Object.keys(entry).flatMap((name) => [`./${outDir}/${name}.js`, `./${outDir}/${name}.d.ts`]),
  );
  const targets = Object.values(MANIFEST.exports).flatMap((entry) =>
    Object.values(entry as Record<string, string>),
  );
  none(targets.filter((path) => !built.includes(path)));
  const command = join(ROOT, MANIFEST.bin.ahamask);
  const main = readFileSync(command, "utf8").match(/"(\.\.\/dist\/[^"]+)"/)?.[1] as string;
  assert.ok(built.includes(`./${relative(ROOT, join(dirname(command), main)).replaceAll("\\", "/")}`));
  none(
    Object.values(MANIFEST.imports as Record<string, Record<string, string>>)
      .flatMap((paths) => Object.values(paths))
      .filter((path) => !existsSync(join(ROOT, path))),
  );
});

test.run();
