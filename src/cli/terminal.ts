import { styleText } from "node:util";
import { Presets, SingleBar } from "cli-progress";

type Style = Parameters<typeof styleText>[0];
type Stream = NodeJS.WriteStream;

const CLEAR_LINE = "\r\u001b[K";

/** Colours text for a stream: only where it is a terminal, and the user has not said NO_COLOR. */
export const painter =
  (stream: Stream) =>
  (style: Style, text: string): string =>
    stream.isTTY && !process.env.NO_COLOR ? styleText(style, text, { validateStream: false }) : text;

/** Text from a model or a file without the control characters that could steer the terminal. */
export const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, "\ufffd");

/** A line on stderr about what goes on, apart from the results on stdout. */
export function note(text: string): void {
  say((line) => painter(process.stderr)("dim", line), text);
}

/** Says on stderr what went wrong. */
export function complain(text: string): void {
  say((line) => line, text);
}

/** Over whatever counts up or fills on that line. */
function say(paint: (line: string) => string, text: string): void {
  const clear = process.stderr.isTTY ? CLEAR_LINE : "";
  process.stderr.write(`${clear}${paint(`ahamask: ${printable(text)}`)}\n`);
}

/** Columns of a terminal; 80 where there is none. */
export const columns = (stream: Stream): number => Math.max(stream.columns || 80, 40);

/** Breaks text at spaces into lines of at most `width` characters; a longer word stays whole. */
export function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line === "") lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Names in one column, values in the next. */
export function pairs(rows: readonly (readonly [name: string, value: string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
}

/** Bytes in decimal units, as disks and downloads are counted. */
export function megabytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const [power, unit] = bytes < 1e6 ? [1e3, "kB"] : bytes < 1e9 ? [1e6, "MB"] : [1e9, "GB"];
  return `${(bytes / power).toFixed(1)} ${unit}`;
}

/** Bytes in binary units, as memory and limits are counted; rounded down. */
export function binary(bytes: number): string {
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), 4);
  return `${Math.floor((bytes / 1024 ** power) * 10) / 10} ${["B", "KiB", "MiB", "GiB", "TiB"][power]}`;
}

const PATIENCE = 1000; // ms of work before it is worth a bar

/** A bar on stderr for what takes over a second; nothing where that is no terminal. */
export class Progress {
  readonly #start = performance.now();
  readonly #bar: SingleBar | undefined;
  #shown = false;

  constructor(label: string, formatValue: (value: number) => string) {
    if (!process.stderr.isTTY) return;
    const format = `${label} {bar} {percentage}  {value} of {total}`;
    const bar = {
      format,
      barsize: 30,
      clearOnComplete: true,
      formatValue: (value: number, _: unknown, type: string) =>
        type === "percentage" ? `${value} %`.padStart(5) : formatValue(value),
    };
    this.#bar = new SingleBar({ ...bar, stream: process.stderr }, Presets.shades_classic);
  }

  update(value: number, total: number): void {
    if (this.#shown) {
      this.#bar?.setTotal(total);
      this.#bar?.update(value);
    } else if (performance.now() - this.#start > PATIENCE && value < total) {
      this.#bar?.start(total, value);
      this.#shown = true;
    }
  }

  [Symbol.dispose](): void {
    if (this.#shown) this.#bar?.stop();
    this.#shown = false;
  }
}

/** Seconds counting up on stderr while there is nothing else to see; nothing where that is no terminal. */
export class Waiting {
  readonly #start = performance.now();
  readonly #ticker = process.stderr.isTTY ? setInterval(() => this.#tick(), 1000) : undefined;
  #shown = false;

  constructor(private readonly label: string) {}

  #tick(): void {
    const seconds = Math.floor((performance.now() - this.#start) / 1000);
    process.stderr.write(`\r${painter(process.stderr)("dim", `${this.label} … ${seconds} s`)}`);
    this.#shown = true;
  }

  /** Clears the line. */
  stop(): void {
    clearInterval(this.#ticker);
    if (this.#shown) process.stderr.write(CLEAR_LINE);
    this.#shown = false;
  }

  [Symbol.dispose](): void {
    this.stop();
  }
}
