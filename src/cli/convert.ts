import { Command, Option } from "commander";
import { openFolder, openStore } from "#files";
import { openCheckpoint } from "../io/checkpoint.ts";
import { type Converted, convertCheckpoint } from "../io/convert.ts";
import { ConvertError, type FloatDType } from "../io/convert-values.ts";
import { openSource } from "./convert-source.ts";
import { interruptible } from "./interrupt.ts";
import { megabytes, note, Progress, painter, pairs, printable, Waiting } from "./terminal.ts";

interface ConvertCommandOptions {
  readonly out: string;
  readonly dtype?: FloatDType;
  readonly json?: boolean;
}

/** What `convert --json` prints. */
export interface ConvertDocument {
  readonly from: string;
  readonly out: string;
  /** Of float weights; `null` when each has the type it had. */
  readonly dtype: FloatDType | null;
  readonly files: readonly string[];
  readonly tensors: number;
  /** Of all tensors. */
  readonly bytes: number;
  /** Bytes of tensors that were there from an earlier attempt. */
  readonly kept: number;
  /** What was read back and compared with the source: everything, or nothing where all was finished before. */
  readonly verified: { readonly tensors: number; readonly bytes: number };
  /** Of the weights in `out`. */
  readonly fingerprint: string;
}

const HELP = `
Examples:
  ahamask convert DIR --out safe/ --dtype bf16
  ahamask convert configs/decode_config.yaml --out salmonn/
  ahamask convert BEATs.pt --out beats/

FROM is a Hugging Face folder with safetensors or pytorch_model.bin, the URL of
one, the YAML file of SALMONN's authors, or one file of weights (.safetensors,
.pt, .pth, .bin), of which only the tensors are written. Nothing in a PyTorch
file is run, and no GPU is needed.

--out gets model.safetensors, or shards of at most 2 GB with their index, the
tokenizer's and other small files as they are, and at last config.json. --dtype
rounds to the nearest value, ties to even; integers stay. Values too large for
f16 are refused.

Afterwards every tensor is read back and compared with FROM, which is read once
more. However a conversion ended, the same command goes on where it stopped and
comes to the same files, byte for byte.

--json prints {"from", "out", "dtype", "files", "tensors", "bytes", "kept",
"verified": {"tensors", "bytes"}, "fingerprint"}. "kept" are the bytes that an
earlier attempt had written; "dtype" is null where types stay.

Exit codes: 0 fine, 1 failed, 2 bad usage, 130 interrupted.`;

export function convertCommand(): Command {
  return new Command("convert")
    .description("write a model's weights as safetensors, and verify them")
    .argument("<from>", "a folder, its URL, a YAML file, or a file of weights")
    .requiredOption("--out <dir>", "where to write: a new folder, or an unfinished conversion's")
    .addOption(
      new Option("--dtype <type>", "type of float weights (default: as they are)").choices([
        "f16",
        "bf16",
        "f32",
      ]),
    )
    .option("--json", "print one JSON document")
    .addHelpText("after", HELP)
    .action(async (from: string, options: ConvertCommandOptions) => {
      const document = await convert(from, options);
      process.stdout.write(options.json ? `${JSON.stringify(document, null, 2)}\n` : summary(document));
    });
}

async function convert(from: string, { out, dtype }: ConvertCommandOptions): Promise<ConvertDocument> {
  const converted = await interruptible((signal) => follow(from, out, dtype, signal));
  const { files, tensors, bytes, kept } = converted;
  const verified = { tensors: converted.verified, bytes: converted.verified > 0 ? bytes : 0 };
  if (verified.tensors === 0) note(`${out} has it all from an earlier conversion: nothing was done`);
  const written = await openCheckpoint(openFolder(out));
  try {
    const fingerprint = await written.fingerprint();
    return { from, out, dtype: dtype ?? null, files, tensors, bytes, kept, verified, fingerprint };
  } finally {
    await written.close();
  }
}

/** Converts with a bar for each pass. */
async function follow(
  from: string,
  out: string,
  dtype: FloatDType | undefined,
  signal: AbortSignal,
): Promise<Converted> {
  using waiting = new Waiting("Looking at the weights");
  using writing = new Progress("Writing", megabytes);
  using verifying = new Progress("Verifying", megabytes);
  const { checkpoint, files } = await openSource(from, dtype);
  let begun = false;
  try {
    return await convertCheckpoint(checkpoint, openStore(out), {
      ...{ dtype, files, signal },
      onProgress(phase, bytes, total) {
        waiting.stop();
        if (!begun && bytes > 0) note(`${megabytes(bytes)} of ${megabytes(total)} are there; it goes on`);
        begun = true;
        if (phase === "verify") writing[Symbol.dispose]();
        (phase === "write" ? writing : verifying).update(bytes, total);
      },
    });
  } catch (error) {
    for (const bar of [writing, verifying]) bar[Symbol.dispose]();
    if (begun && !(error instanceof ConvertError))
      note(`what is written is kept in ${out}; the same command goes on with it`);
    throw error;
  } finally {
    await checkpoint.close();
  }
}

function summary(d: ConvertDocument): string {
  const size = (tensors: number, bytes: number) =>
    `${tensors} ${tensors === 1 ? "tensor" : "tensors"}, ${megabytes(bytes)}`;
  const [first, ...others] = d.files;
  const rows = pairs([
    ["weights", `${size(d.tensors, d.bytes)}, ${d.dtype ?? "each of the type it had"}`],
    [
      "verified",
      d.verified.tensors > 0 ? `${size(d.verified.tensors, d.verified.bytes)}` : "when it was written",
    ],
    ["fingerprint", d.fingerprint],
    ["files", first!],
    ...others.map((file) => ["", file] as const),
  ]);
  return `${[painter(process.stdout)("bold", printable(d.out)), ...rows.map(printable)].join("\n")}\n`;
}
