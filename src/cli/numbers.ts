import { InvalidArgumentError } from "commander";

/** Parses an option that is a whole number, and says what it must be when it is not. */
export const whole =
  (least: number, most = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
    throw new InvalidArgumentError(`Expected a whole number ${range}.`);
  };

/** Parses an option that is a number within bounds; `expected` says which. */
export const real =
  (expected: string, ok: (value: number) => boolean) =>
  (text: string): number => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (Number.isFinite(value) && ok(value)) return value;
    throw new InvalidArgumentError(`Expected ${expected}.`);
  };
