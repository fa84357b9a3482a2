import { decodeText, SourceError } from "../io/source.ts";
import type { Store } from "../io/store.ts";

const FILE = "answers.jsonl";

/** Answers by what they were made from, in a file that grows: a run that was killed loses at most its last batch. */
export class AnswerBook {
  private constructor(
    private readonly store: Store,
    private readonly answers: Map<string, string>,
  ) {}

  /** Opens the book of a folder, or begins it; a last line that was cut short is dropped. @throws SourceError */
  static async open(store: Store): Promise<AnswerBook> {
    const bytes = (await store.read(FILE)) ?? new Uint8Array();
    const whole = bytes.subarray(0, bytes.lastIndexOf(10) + 1);
    if (whole.length < bytes.length) await store.write(FILE, whole);
    const lines = decodeText(`${store.name}/${FILE}`, whole).split("\n").filter(Boolean);
    return new AnswerBook(
      store,
      new Map(lines.map((line, i) => parse(`${store.name}/${FILE}`, line, i + 1))),
    );
  }

  get(key: string): string | undefined {
    return this.answers.get(key);
  }

  async add(answers: readonly (readonly [key: string, text: string])[]): Promise<void> {
    const lines = answers.map((answer) => `${JSON.stringify(answer)}\n`).join("");
    await this.store.append(FILE, new TextEncoder().encode(lines));
    for (const [key, text] of answers) this.answers.set(key, text);
  }
}

function parse(file: string, line: string, at: number): [key: string, text: string] {
  try {
    const [key, text] = JSON.parse(line) as unknown[];
    if (typeof key === "string" && typeof text === "string") return [key, text];
  } catch {
    // said below
  }
  throw new SourceError(
    `answers: ${file}: expected an answer in line ${at}, got '${line.slice(0, 40)}'; delete that line, or the file`,
  );
}
