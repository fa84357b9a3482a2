/** Spelled-out English numbers as digits, in Whisper's way (Radford et al. 2022, appendix C, items 8 to 10). */

const SMALL =
  "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen";
const ROUND = "twenty thirty forty fifty sixty seventy eighty ninety";
const LARGE =
  "thousand million billion trillion quadrillion quintillion sextillion septillion octillion nonillion decillion";

const ZEROS = new Set(["o", "oh", "zero"]);
const ONES = new Map(SMALL.split(" ").map((word, i) => [word, BigInt(i + 1)]));
const TENS = new Map(ROUND.split(" ").map((word, i) => [word, BigInt(10 * (i + 2))]));
const MULTIPLIERS = new Map([
  ["hundred", 100n],
  ...LARGE.split(" ").map((word, i): [string, bigint] => [word, 1000n ** BigInt(i + 1)]),
]);

interface Suffixed {
  readonly number: bigint;
  readonly suffix: string;
}
const suffixed = (
  entries: Iterable<readonly [string, bigint]>,
  suffix: string,
  word: (name: string) => string,
) => [...entries].map(([name, number]): [string, Suffixed] => [word(name), { number, suffix }]);

/** Plurals and ordinals. Only regular ordinals are known, so "ninth" stays a word: the published normalizer's choice. */
const SUFFIXED_COUNTS = new Map<string, Suffixed>([
  ...suffixed(ONES, "s", (name) => (name === "six" ? "sixes" : `${name}s`)),
  ...suffixed(
    [...ONES].filter(([, n]) => n > 3n && n !== 5n && n !== 12n),
    "th",
    (name) => name + (name.endsWith("t") ? "h" : "th"),
  ),
  ["zeroth", { number: 0n, suffix: "th" }],
  ["first", { number: 1n, suffix: "st" }],
  ["second", { number: 2n, suffix: "nd" }],
  ["third", { number: 3n, suffix: "rd" }],
  ["fifth", { number: 5n, suffix: "th" }],
  ["twelfth", { number: 12n, suffix: "th" }],
  ...suffixed(TENS, "s", (name) => name.replace("y", "ies")),
  ...suffixed(TENS, "th", (name) => name.replace("y", "ieth")),
]);
const SUFFIXED_MULTIPLIERS = new Map<string, Suffixed>([
  ...suffixed(MULTIPLIERS, "s", (name) => `${name}s`),
  ...suffixed(MULTIPLIERS, "th", (name) => `${name}th`),
]);

const SIGNS = new Map([
  ["minus", "-"],
  ["negative", "-"],
  ["plus", "+"],
  ["positive", "+"],
]);
const CURRENCIES = new Map([
  ["pound", "£"],
  ["pounds", "£"],
  ["euro", "€"],
  ["euros", "€"],
  ["dollar", "$"],
  ["dollars", "$"],
  ["cent", "¢"],
  ["cents", "¢"],
]);
const PERCENT = new Set(["per", "percent"]);
const SPECIALS = new Set(["and", "double", "triple", "point"]);
const KNOWN = new Set(
  [
    ONES,
    TENS,
    MULTIPLIERS,
    SUFFIXED_COUNTS,
    SUFFIXED_MULTIPLIERS,
    SIGNS,
    CURRENCIES,
    ZEROS,
    PERCENT,
    SPECIALS,
  ].flatMap((table: { keys(): Iterable<string> }) => [...table.keys()]),
);

const NUMERAL = /^\d+(\.\d+)?$/;
const MONEY = /^([£€$¢]?)(\d+)(?:\.(\d+))?$/;

type Word = string | undefined;

const isDigit = (word: Word) => word !== undefined && (ZEROS.has(word) || ONES.has(word));
const isDecimal = (word: Word) => word !== undefined && (isDigit(word) || TENS.has(word));
const canBeNumber = (word: Word) => word !== undefined && (KNOWN.has(word) || NUMERAL.test(word));

/** Reads words one by one; what may still grow is the number so far. */
class NumberReader {
  readonly out: string[] = [];
  /** An integer, or digits that were said one by one or that have a decimal point. */
  #number: bigint | string | undefined;
  #prefix = "";

  /** Takes one word; true when the next one is used up too. */
  read(word: string, previous: Word, next: Word): boolean {
    const count = ONES.get(word) ?? TENS.get(word);
    const multiplier = MULTIPLIERS.get(word);
    const money = MONEY.exec(word);
    if (money) this.#numeral(word, money[1]!, money[2]!, money[3]);
    else if (ZEROS.has(word)) this.#number = `${this.#digits()}0`;
    else if (count !== undefined) this.#number = this.#joined(count, previous);
    else if (multiplier !== undefined) this.#number = this.#multiplied(multiplier);
    else if (SUFFIXED_COUNTS.has(word)) {
      const { number, suffix } = SUFFIXED_COUNTS.get(word)!;
      this.#emit(`${this.#joined(number, previous)}${suffix}`);
    } else if (SUFFIXED_MULTIPLIERS.has(word)) {
      const { number, suffix } = SUFFIXED_MULTIPLIERS.get(word)!;
      this.#emit(`${this.#multiplied(number)}${suffix}`);
    } else if (SIGNS.has(word) && canBeNumber(next)) {
      this.flush();
      this.#prefix = SIGNS.get(word)!;
    } else if (CURRENCIES.has(word) && this.#number !== undefined) {
      this.#prefix = CURRENCIES.get(word)!;
      this.flush();
    } else if (this.#number !== undefined && (word === "percent" || (word === "per" && next === "cent"))) {
      this.#emit(`${this.#number}%`);
      return word === "per";
    } else if (SPECIALS.has(word) && canBeNumber(next)) return this.#special(word, previous, next);
    else this.#plain(word);
    return false;
  }

  flush(): void {
    if (this.#number !== undefined) this.#emit(`${this.#number}`);
  }

  #emit(text: string): void {
    this.out.push(this.#prefix + text);
    this.#number = undefined;
    this.#prefix = "";
  }

  #plain(word: string): void {
    this.flush();
    this.#emit(word);
  }

  /** The number so far as digits to be continued; a zero is no beginning. */
  #digits(): string {
    return this.#number ? `${this.#number}` : "";
  }

  #numeral(word: string, currency: string, whole: string, decimals = ""): void {
    if (typeof this.#number === "string" && this.#number.endsWith(".")) {
      this.#number += word;
      return;
    }
    this.flush();
    this.#prefix = currency || this.#prefix;
    this.#number = /[1-9]/.test(decimals) ? `${whole}.${decimals}` : BigInt(whole);
  }

  /** "twenty" + "one" is a sum, "one" + "one" are digits side by side. */
  #joined(n: bigint, previous = ""): bigint | string {
    const number = this.#number;
    if (number === undefined) return n;
    if (typeof number === "string" || (n < 20n && ONES.has(previous))) {
      const kept = n < 10n && TENS.has(previous) ? `${number}`.slice(0, -1) : number;
      return `${kept}${n}`;
    }
    return number % (n < 10n ? 10n : 100n) === 0n ? number + n : `${number}${n}`;
  }

  /** The last three digits times a multiplier; digits are multiplied as a whole, when that gives an integer. */
  #multiplied(multiplier: bigint): bigint {
    const number = this.#number;
    if (number === undefined) return multiplier;
    if (typeof number === "bigint") return number - (number % 1000n) + (number % 1000n) * multiplier;
    const [, whole = "", decimals = ""] = /^(?=\.?\d)(\d*)(?:\.(\d*))?$/.exec(number) ?? [];
    const scale = 10n ** BigInt(decimals.length);
    const product = BigInt(whole + decimals) * multiplier;
    if (whole + decimals !== "" && product % scale === 0n) return product / scale;
    this.flush();
    return multiplier;
  }

  #special(word: string, previous: Word, next: Word): boolean {
    if (word === "point") {
      if (isDecimal(next) || NUMERAL.test(next!)) this.#number = `${this.#digits()}.`;
    } else if (word === "and") {
      if (previous === undefined || !MULTIPLIERS.has(previous)) this.#plain(word);
    } else if (isDigit(next)) {
      this.#number = this.#digits() + `${ONES.get(next!) ?? 0n}`.repeat(word === "double" ? 2 : 3);
      return true;
    } else this.#plain(word);
    return false;
  }
}

function read(words: readonly string[]): string[] {
  const reader = new NumberReader();
  for (let i = 0; i < words.length; i++) {
    if (reader.read(words[i]!, words[i - 1], words[i + 1])) i++;
  }
  reader.flush();
  return reader.out;
}

/** "two and a half" is "two point five"; letters and digits part, except in 1st or 1960s. */
function prepare(text: string): string {
  const segments = text.split(/\band\s+a\s+half\b/);
  const spoken = segments.flatMap((segment, i) => {
    if (segment.trim() === "") return [];
    if (i === segments.length - 1) return [segment];
    const last = segment.trim().split(/\s+/).at(-1)!;
    return [segment, isDecimal(last) || MULTIPLIERS.has(last) ? "point five" : "and a half"];
  });
  return spoken
    .join(" ")
    .replace(/([a-z])([0-9])/g, "$1 $2")
    .replace(/([0-9])([a-z])/g, "$1 $2")
    .replace(/([0-9])\s+(st|nd|rd|th|s)\b/g, "$1$2");
}

/**
 * The text with its numbers in digits: "twenty one" → "21", "one oh one" → "101", "five million dollars" → "$5000000",
 * "two dollars and seven cents" → "$2.07"; a bare 1 is written "one". Lower-case text without punctuation is expected.
 * A word that precedes nothing numeric stays.
 */
export function spellNumbers(text: string): string {
  const words = prepare(text).split(/\s+/).filter(Boolean);
  return read(words)
    .join(" ")
    .replace(/([€£$])([0-9]+) (?:and )?¢([0-9]{1,2})\b/g, (_, currency, whole, cents) => {
      return `${currency}${whole}.${cents.padStart(2, "0")}`;
    })
    .replace(/[€£$]0.([0-9]{1,2})\b/g, (_, cents) => `¢${Number(cents)}`)
    .replace(/(?<![\p{L}\p{N}_])1(s?)(?![\p{L}\p{N}_])/gu, "one$1");
}
