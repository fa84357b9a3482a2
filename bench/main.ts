import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { openGpu } from "../src/gpu/index.ts";
import { Bench, HEADER } from "./harness.ts";
import { probe } from "./probe.ts";
import { SIZES } from "./sizes.ts";
import { clock } from "./timing.ts";

// `npm run bench -- [names] [--shapes tiny|7b|13b] [--layers N]`: docs/bench.md. The last line is one JSON document.

const SUFFIX = ".bench.ts";
const known = readdirSync(new URL(".", import.meta.url))
  .filter((name) => name.endsWith(SUFFIX))
  .map((name) => name.slice(0, -SUFFIX.length))
  .sort();

const { names, shapes, layers } = commandLine();
using gpu = await openGpu();
const chosen = shapes ?? (gpu.software ? "tiny" : "7b");
const adapter = gpu.info.description || gpu.info.device;
console.log(`${adapter} · shapes ${chosen} · ${clock(gpu)}`);
if (gpu.software) console.log("A CPU plays the GPU here: these numbers say nothing about GPUs.");
const peaks = await probe(gpu);
for (const [scalar, flops] of Object.entries(peaks.flops))
  console.log(`peak of ${scalar} arithmetic ${(flops / 1e9).toFixed(1)} GFLOP/s`);
console.log(`peak of bandwidth ${(peaks.bytes / 1e9).toFixed(1)} GB/s\n\n${HEADER}`);

const bench = new Bench(gpu, { ...SIZES[chosen]!, ...(layers && { layers }) }, peaks, console.log);
for (const name of names) {
  const file = (await import(`./${name}${SUFFIX}`)) as { default: (b: Bench) => Promise<void> };
  await bench.run(name, file.default);
}
const document = {
  adapter,
  driver: { vendor: gpu.info.vendor, architecture: gpu.info.architecture, device: gpu.info.device },
  software: gpu.software,
  date: new Date().toISOString(),
  commit: commit(),
  shapes: chosen,
  clock: clock(gpu),
  peaks: { flopPerSecond: peaks.flops, bytesPerSecond: peaks.bytes },
  rows: bench.results,
};
console.log(`\n${JSON.stringify(document)}`);

function commandLine() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { shapes: { type: "string" }, layers: { type: "string" } },
    });
    const unknown = positionals.filter((name) => !known.includes(name));
    if (unknown.length)
      throw new Error(`expected names out of ${known.join(", ")}, got ${unknown.join(", ")}`);
    if (values.shapes !== undefined && !(values.shapes in SIZES))
      throw new Error(`expected --shapes ${Object.keys(SIZES).join(" or ")}, got ${values.shapes}`);
    const layers = Number(values.layers);
    if (values.layers !== undefined && !(Number.isSafeInteger(layers) && layers > 0))
      throw new Error(`expected --layers to be a whole number above 0, got ${values.layers}`);
    return { names: positionals.length ? positionals : known, shapes: values.shapes, layers };
  } catch (error) {
    console.error(`bench: ${(error as Error).message}`);
    process.exit(2);
  }
}

/** What was measured; `-dirty` when the working tree differs from it, nothing outside a checkout. */
function commit(): string | undefined {
  const { status, stdout } = spawnSync("git", ["describe", "--always", "--dirty"], {
    cwd: new URL(".", import.meta.url),
    encoding: "utf8",
  });
  return status === 0 ? stdout.trim() : undefined;
}
