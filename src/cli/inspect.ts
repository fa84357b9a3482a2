import { stat } from "node:fs/promises";
import { Command, InvalidArgumentError } from "commander";
import { fileSource } from "#files";
import { httpSource } from "../io/http.ts";
import { PickleError } from "../io/pickle.ts";
import { parseHeader, type TensorInfo } from "../io/safetensors.ts";
import type { ByteSource } from "../io/source.ts";
import { readWeightFile, type WeightFile } from "../io/weight-file.ts";
import { type HeadMask, MaskError } from "../mask/head-mask.ts";
import { type MaskShape, readMask } from "../mask/mask-file.ts";
import { type CheckpointReport, inspectCheckpoint } from "./inspect-checkpoint.ts";
import { render } from "./inspect-render.ts";
import { lacksShape } from "./mask.ts";

/** What `inspect --json` prints for a mask. */
export interface MaskReport {
  readonly kind: "mask";
  readonly name: string;
  readonly layers: number;
  readonly heads: number;
  /** Heads on. */
  readonly on: number;
  /** Of its bits. */
  readonly bytes: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** [L][H] of 1 (on) and 0. */
  readonly map: readonly (readonly number[])[];
}

/** What `inspect --json` prints for another file of weights: safetensors, or torch.save's. */
export interface TensorsReport {
  readonly kind: "safetensors" | "torch";
  readonly name: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: readonly (Pick<TensorInfo, "name" | "dtype" | "shape"> & { readonly bytes: number })[];
}

export type Report = CheckpointReport | MaskReport | TensorsReport;

interface InspectOptions {
  readonly shape?: MaskShape;
  readonly model?: string;
  readonly json?: boolean;
}

const HELP = `
Examples:
  ahamask inspect models/demo/model
  ahamask inspect https://huggingface.co/Qwen/Qwen2-Audio-7B-Instruct
  ahamask inspect decode_config.yaml
  ahamask inspect salmonn_v1.pth
  ahamask inspect asr.safetensors
  ahamask inspect asr.bits --shape 8x8

A mask is drawn with a row for each layer: ■ is a head that is on, · one that
is off. Only headers are read, and no GPU is needed.

Exit codes: 0 fine, 1 it cannot be read, 2 bad usage.`;

export function inspectCommand(): Command {
  return new Command("inspect")
    .description("show what a checkpoint, a head mask or a file of weights holds")
    .argument("<path>", "a folder, a SALMONN .yaml, a file, or the URL of one")
    .option(
      "--shape <LxH>",
      "layers and heads of a published mask or one of bare bits, such as 40x40",
      parseShape,
    )
    .option(
      "--model <dir|url>",
      "the model that a mask is for: gives its shape, and must be the one it names",
    )
    .option("--json", "print one JSON document")
    .addHelpText("after", HELP)
    .action(async (path: string, options: InspectOptions) => {
      const report = await inspect(path, options);
      process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : render(report));
    });
}

function parseShape(text: string): MaskShape {
  const [, layers, heads] = /^([1-9]\d*)[x×]([1-9]\d*)$/.exec(text) ?? [];
  if (!layers || !heads) throw new InvalidArgumentError("Expected layers x heads, such as 40x40.");
  return { layers: Number(layers), heads: Number(heads) };
}

/** @throws SourceError, SafetensorsError, CheckpointError, ConfigError or MaskError, whatever is wrong with it */
async function inspect(path: string, options: InspectOptions): Promise<Report> {
  const isUrl = /^https?:\/\//.test(path);
  const isYaml = /\.ya?ml$/i.test(path);
  if (isYaml || (isUrl ? !/\.safetensors$/.test(new URL(path).pathname) : await isFolder(path)))
    return inspectCheckpoint(path);
  const source = await (isUrl ? httpSource(path) : fileSource(path));
  try {
    return await inspectFile(source, path, options);
  } finally {
    await source.close();
  }
}

const isFolder = async (path: string) => (await stat(path).catch(() => undefined))?.isDirectory() ?? false;

const MOST_MASK = 1 << 20; // bytes of a file that may still be a mask

async function inspectFile(source: ByteSource, name: string, options: InspectOptions): Promise<Report> {
  const bare = !/\.safetensors$/.test(name) && source.size <= MOST_MASK;
  const torch = await torchFile(source, name, bare);
  if (torch && !isPublishedMask(torch)) {
    const plain = [...torch.extra].filter(([, value]) =>
      ["string", "number", "boolean"].includes(typeof value),
    );
    const metadata = Object.fromEntries(plain.map(([key, value]) => [key, String(value)]));
    return { kind: "torch", name, metadata, tensors: listed(torch.tensors) };
  }
  const header = await parseHeader(source).catch((error) => {
    if (bare) return undefined;
    throw error;
  });
  const names = [...(header?.tensors.keys() ?? [])];
  const isMask =
    !header || (names.length > 0 && names.every((tensor) => tensor === "logits" || tensor === "bits"));
  if (isMask && source.size <= MOST_MASK) return inspectMask(source, name, options);
  return { kind: "safetensors", name, metadata: header!.metadata, tensors: listed(header!.tensors) };
}

const listed = (tensors: ReadonlyMap<string, TensorInfo>) =>
  [...tensors.values()].map(({ name, dtype, shape, begin, end }) => ({
    name,
    dtype,
    shape,
    bytes: end - begin,
  }));

/** A file that is named as torch.save's are and is one; a small one that is not may still be a mask's bits. */
async function torchFile(source: ByteSource, name: string, bare: boolean): Promise<WeightFile | undefined> {
  if (!/\.(pt|pth|bin)$/i.test(name)) return undefined;
  return readWeightFile(source, name).catch((error) => {
    if (bare && !(error instanceof PickleError)) return undefined;
    throw error;
  });
}

const isPublishedMask = ({ tensors }: WeightFile): boolean => tensors.size === 1 && tensors.has("tensor");

async function inspectMask(source: ByteSource, name: string, options: InspectOptions): Promise<MaskReport> {
  const model = options.model === undefined ? undefined : await modelOf(options.model);
  const shape = options.shape ?? model;
  const bytes = await source.read(0, source.size);
  const mask = await readMask(bytes, name, shape).catch((error) => {
    if (!lacksShape(error)) throw error;
    throw new MaskError(
      `${error.message}; for bare bits and published masks, pass --shape LxH or --model DIR`,
    );
  });
  if (model) mask.check(model);
  return describeMask(name, mask);
}

/** What a mask must fit. */
async function modelOf(location: string) {
  const { mask, fingerprint } = await inspectCheckpoint(location);
  if (!mask)
    throw new MaskError(
      `mask: expected ${location} to be a model of a known family; pass --shape LxH instead`,
    );
  return { ...mask, fingerprint };
}

function describeMask(name: string, mask: HeadMask): MaskReport {
  const { layers, heads, count, metadata } = mask;
  const gates = mask.gates();
  const map = Array.from({ length: layers }, (_, l) => [...gates.subarray(l * heads, (l + 1) * heads)]);
  return { kind: "mask", name, layers, heads, on: count, bytes: mask.toBits().length, metadata, map };
}
