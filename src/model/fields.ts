/** A checkpoint's config.json does not say what the model needs; the message has one line for each problem. */
export class ConfigError extends Error {
  override name = "ConfigError";
}

type Json = { readonly [key: string]: unknown };

/**
 * Reads a config's fields by the checkpoint's own names, filling in defaults, and collects every problem, so that one
 * error names them all.
 */
export class Fields {
  private constructor(
    readonly json: Json,
    private readonly path: string,
    private readonly problems: string[],
  ) {}

  static parse(text: string, file: string): Fields {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (error) {
      throw new ConfigError(`${file}: expected JSON, got ${(error as Error).message}; fetch the file again`);
    }
    return Fields.of(json, file);
  }

  /** From an object, or a dict that torch.save wrote; `path` leads to it, for messages. */
  static of(value: unknown, path: string): Fields {
    const object = value instanceof Map ? Object.fromEntries(value) : value;
    if (!isObject(object)) {
      throw new ConfigError(
        `${path}: expected an object, got ${JSON.stringify(object)}; fetch the file again`,
      );
    }
    return new Fields(object, path, []);
  }

  has(key: string): boolean {
    return this.json[key] !== undefined && this.json[key] !== null;
  }

  /** Those of the fields that are there, as they are. */
  pick(keys: readonly string[]): Record<string, unknown> {
    return Object.fromEntries(keys.filter((key) => this.has(key)).map((key) => [key, this.json[key]]));
  }

  /** An integer of at least 1; NaN where it is wrong. */
  size(key: string, fallback?: number): number {
    return this.#integer(key, fallback, "a positive integer", 1, Number.NaN);
  }

  /** An integer of at least 0. */
  whole(key: string, fallback?: number): number {
    return this.#integer(key, fallback, "a whole number", 0, 0);
  }

  /** A token id. */
  id(key: string, fallback?: number): number {
    return this.#integer(key, fallback, "a token id", 0, 0);
  }

  number(key: string, fallback?: number): number {
    return this.#value(
      key,
      fallback,
      "a positive number",
      (v): v is number => typeof v === "number" && v > 0,
      1,
    );
  }

  /** A number of either sign. */
  real(key: string, fallback?: number): number {
    return this.#value(key, fallback, "a number", (v): v is number => Number.isFinite(v), 1);
  }

  flag(key: string, fallback: boolean): boolean {
    return this.#value(key, fallback, "true or false", (v): v is boolean => typeof v === "boolean", fallback);
  }

  /** A field that must have the one value this engine implements, or be absent where that means the same. */
  only<T extends string | boolean | number>(key: string, value: T, absent: T = value): void {
    this.#value<string | boolean | number>(
      key,
      absent,
      JSON.stringify(value),
      (v): v is T => v === value,
      value,
    );
  }

  /** Token ids given as one number or as a list; empty when absent. */
  ids(key: string): number[] {
    const value = this.json[key];
    const list = Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
    if (list.every((id) => Number.isInteger(id) && id >= 0)) return list as number[];
    this.problems.push(`${key}: expected token ids, got ${JSON.stringify(value)}`);
    return [];
  }

  text(key: string, fallback?: string): string {
    return this.#value(key, fallback, "a string", (v): v is string => typeof v === "string", "");
  }

  /** Notes every field that is not one of `keys`. */
  known(keys: readonly string[]): void {
    for (const key of Object.keys(this.json).filter((key) => !keys.includes(key)))
      this.problems.push(`${this.#name(key)}: expected no such field`);
  }

  /** Notes that a field does not go with others; compare so that NaN, which stands for a wrong one, goes with all. */
  conflict(isOne: boolean, key: string, expected: string, got: number | string): void {
    if (isOne) this.problems.push(`${this.#name(key)}: expected ${expected}, got ${JSON.stringify(got)}`);
  }

  /** A nested object; an empty one when absent, so that defaults apply. */
  child(key: string): Fields {
    const value = this.json[key] ?? {};
    if (!isObject(value)) this.problems.push(`${key}: expected an object, got ${JSON.stringify(value)}`);
    return new Fields(isObject(value) ? value : {}, key, this.problems);
  }

  /** Throws one error with everything that was wrong. */
  check(): void {
    if (this.problems.length === 0) return;
    throw new ConfigError(
      `${this.path}: expected every field to be there and right, got ${this.problems.length} wrong; correct the file, or fetch it again\n  ${this.problems.join("\n  ")}`,
    );
  }

  #integer(key: string, fallback: number | undefined, expected: string, least: number, dummy: number) {
    const ok = (v: unknown): v is number => Number.isInteger(v) && (v as number) >= least;
    return this.#value(key, fallback, expected, ok, dummy);
  }

  #value<T>(key: string, fallback: T | undefined, expected: string, ok: (v: unknown) => v is T, dummy: T): T {
    const value = this.json[key] ?? fallback;
    if (ok(value)) return value;
    this.problems.push(
      `${this.#name(key)}: expected ${expected}, got ${value === undefined ? "nothing" : JSON.stringify(value)}`,
    );
    return dummy;
  }

  #name(key: string): string {
    return /\.(json|ya?ml)$/i.test(this.path) ? key : `${this.path}.${key}`;
  }
}

const isObject = (v: unknown): v is Json => typeof v === "object" && v !== null && !Array.isArray(v);
