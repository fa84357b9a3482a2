import { realpath } from "node:fs/promises";
import { basename } from "node:path";
import { Argument, Command } from "commander";
import { readFile, writeFileAtomic } from "#files";
import { type Combination, combineMasks, compareMasks, headsPerLayer } from "../mask/analyze.ts";
import { type HeadMask, MaskError } from "../mask/head-mask.ts";
import { type MaskShape, readMask, writeMask } from "../mask/mask-file.ts";
import { headMapSvg } from "../tasks/head-map-svg.ts";
import { headMap, headMapLegend } from "./head-map.ts";
import { whole } from "./numbers.ts";
import { columns, note, painter, pairs, printable } from "./terminal.ts";

interface ShapeOptions {
  readonly layers?: number;
  readonly heads?: number;
}

const HELP = `
Examples:
  ahamask mask show asr.safetensors --svg asr.svg
  ahamask mask show asr.pth --layers 40 --heads 40
  ahamask mask compare asr.safetensors gender.safetensors
  ahamask mask combine and asr.safetensors gender.safetensors --out both.safetensors
  ahamask mask convert asr.pth asr.safetensors --layers 40 --heads 40
  ahamask mask convert asr.safetensors asr.bits

Masks are read from safetensors, from published .pth files (nothing in them is
run), and from bare bits; the last two need --layers and --heads. A file named
.safetensors is written as safetensors, with the logits if there are any; any
other as bare bits: heads in order, least significant bit first.

Exit codes: 0 fine, 1 it cannot be read or written, 2 bad usage.`;

export function maskCommand(): Command {
  const mask = new Command("mask")
    .description("show, compare, combine and convert head masks")
    .addHelpText("after", HELP);
  for (const command of [showCommand(), compareCommand(), combineCommand(), convertCommand()])
    mask.addCommand(command);
  return mask;
}

const withShape = (command: Command) =>
  command
    .option("--layers <n>", "layers of the model, for .pth and bare bits", whole(1))
    .option("--heads <n>", "query heads of a layer, for .pth and bare bits", whole(1));

/** Ends with a usage error when one is given without the other. */
function shapeOf({ layers, heads }: ShapeOptions, command: Command): MaskShape | undefined {
  if (layers === undefined && heads === undefined) return undefined;
  if (layers === undefined || heads === undefined)
    command.error("error: --layers and --heads go together; give both");
  return { layers, heads };
}

/** Whether a mask could not be read for want of its size. */
export const lacksShape = (error: unknown): error is MaskError =>
  error instanceof MaskError && error.message.includes("the model's layers and heads");

async function read(path: string, shape: MaskShape | undefined): Promise<HeadMask> {
  const bytes = await readFile(path);
  return readMask(bytes, path, shape).catch((error) => {
    if (!lacksShape(error)) throw error;
    throw new MaskError(`${error.message}; pass --layers and --heads`);
  });
}

const readAll = async (paths: readonly string[], shape: MaskShape | undefined): Promise<HeadMask[]> => {
  const masks: HeadMask[] = [];
  for (const path of paths) masks.push(await read(path, shape));
  return masks;
};

function showCommand(): Command {
  return withShape(new Command("show"))
    .description("draw masks: a row for each layer")
    .argument("<file...>", "masks")
    .option("--svg <file>", "also draw it into an SVG file; for one mask")
    .action(async (paths: string[], options: ShapeOptions & { svg?: string }, command: Command) => {
      const shape = shapeOf(options, command);
      if (options.svg !== undefined && paths.length > 1) command.error("error: --svg takes one mask");
      if (options.svg !== undefined) await checkOutput(options.svg, paths);
      const masks = await readAll(paths, shape);
      process.stdout.write(masks.map((mask, i) => drawn(paths[i]!, mask)).join("\n"));
      if (options.svg !== undefined) await writeSvg(options.svg, paths[0]!, masks[0]!);
    });
}

const gatesOf = (mask: HeadMask) => {
  const gates = mask.gates();
  return Array.from({ length: mask.layers }, (_, l) => [
    ...gates.subarray(l * mask.heads, (l + 1) * mask.heads),
  ]);
};

function drawn(path: string, mask: HeadMask): string {
  const [paint, width] = [painter(process.stdout), columns(process.stdout)];
  const gates = gatesOf(mask);
  const facts = pairs([
    ["size", `${mask.layers} layers × ${mask.heads} heads`],
    ["logits", mask.logits ? "yes" : "no: on or off only"],
    ...Object.entries(mask.metadata),
  ]);
  const map = [...headMap(gates, width, paint), "", headMapLegend(gates, width)];
  const lines = [paint("bold", printable(path)), ...facts.map(printable), "", ...map];
  return `${lines.join("\n")}\n`;
}

async function writeSvg(path: string, from: string, mask: HeadMask): Promise<void> {
  const { layers, heads, logits } = mask;
  const svg = headMapSvg({ layers, heads, on: mask.gates(), logits, title: basename(from) });
  await writeFileAtomic(path, new TextEncoder().encode(svg));
  note(`wrote ${path}`);
}

function compareCommand(): Command {
  return withShape(new Command("compare"))
    .description("say how far two masks agree, and how much of it is chance")
    .argument("<a>", "a mask")
    .argument("<b>", "another of the same size")
    .option("--json", "print one JSON document")
    .action(async (a: string, b: string, options: ShapeOptions & { json?: boolean }, command: Command) => {
      const masks = await readAll([a, b], shapeOf(options, command));
      const text = options.json
        ? JSON.stringify({ a, b, ...compareMasks(masks[0]!, masks[1]!) }, null, 2)
        : compared([a, b], masks[0]!, masks[1]!);
      process.stdout.write(`${text}\n`);
    });
}

function compared(names: readonly [string, string], a: HeadMask, b: HeadMask): string {
  const c = compareMasks(a, b);
  const all = a.layers * a.heads;
  const apart = headsPerLayer(combineMasks("xor", [bare(a), bare(b)]));
  const most = Math.max(...apart);
  const where = `in layer ${apart.indexOf(most)}: ${most} of ${a.heads} heads`;
  return pairs([
    ["a", printable(`${names[0]}: ${a.count} of ${all} heads on`)],
    ["b", printable(`${names[1]}: ${b.count} of ${all} heads on`)],
    ["on in both", `${c.both}`],
    ["only in a", `${c.onlyA}`],
    ["only in b", `${c.onlyB}`],
    ["off in both", `${c.neither}`],
    ["agree", `${(100 * c.agree).toFixed(1)} % of the heads`],
    ["Jaccard", `${c.jaccard.toFixed(3)}; masks this dense but independent: ${c.expectedJaccard.toFixed(3)}`],
    ["phi", `${c.phi.toFixed(3)} (1 equal, 0 chance, -1 opposite)`],
    ["most apart", most === 0 ? "nowhere: they are equal" : where],
  ]).join("\n");
}

/** Without its metadata: masks of two models may be compared, though not combined. */
const bare = (mask: HeadMask) => mask.withMetadata({});

function combineCommand(): Command {
  const operation = new Argument(
    "<operation>",
    "and (on in all), or (in any), xor (in an odd number), majority",
  );
  return withShape(new Command("combine"))
    .description("make one mask out of several, head by head")
    .addArgument(operation.choices(["and", "or", "xor", "majority"]))
    .argument("<file...>", "masks of one size")
    .requiredOption("--out <file>", "where to write it")
    .action(
      async (
        operation: Combination,
        paths: string[],
        options: ShapeOptions & { out: string },
        command: Command,
      ) => {
        const shape = shapeOf(options, command);
        await checkOutput(options.out, paths);
        await write(options.out, combineMasks(operation, await readAll(paths, shape)));
      },
    );
}

function convertCommand(): Command {
  return withShape(new Command("convert"))
    .description("write a mask in another format: safetensors, or bare bits")
    .argument("<in>", "a mask")
    .argument("<out>", "the file to write; .safetensors, or any other ending for bare bits")
    .action(async (from: string, to: string, options: ShapeOptions, command: Command) => {
      const shape = shapeOf(options, command);
      await checkOutput(to, [from]);
      await write(to, await read(from, shape));
    });
}

/** An output that is an input would be lost; a .pth of ours would not be read as one. */
async function checkOutput(path: string, inputs: readonly string[]): Promise<void> {
  if (/\.(pth|pt)$/.test(path))
    throw new MaskError(
      `mask: expected an output in safetensors or bare bits, got '${path}'; name it otherwise`,
    );
  const real = (file: string) => realpath(file).catch(() => file);
  const out = await real(path);
  for (const input of inputs)
    if ((await real(input)) === out)
      throw new MaskError(`mask: expected an output that is none of the inputs, got '${path}' for both`);
}

async function write(path: string, mask: HeadMask): Promise<void> {
  const bytes = path.endsWith(".safetensors") ? writeMask(mask) : mask.toBits();
  await writeFileAtomic(path, bytes);
  const { layers, heads, count } = mask;
  note(`wrote ${path}: ${count} of ${layers} × ${heads} heads on, ${bytes.length} bytes`);
}
