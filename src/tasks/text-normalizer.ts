import spellings from "./british-spellings.json" with { type: "json" };
import { spellNumbers } from "./english-numbers.ts";

/** Whole words that are written out. */
const LONG_FORMS: Readonly<Record<string, string>> = {
  "won't": "will not",
  "can't": "can not",
  "let's": "let us",
  "ain't": "aint",
  "y'all": "you all",
  wanna: "want to",
  gotta: "got to",
  gonna: "going to",
  "i'ma": "i am going to",
  imma: "i am going to",
  woulda: "would have",
  coulda: "could have",
  shoulda: "should have",
  "ma'am": "madam",
  mr: "mister ",
  mrs: "missus ",
  st: "saint ",
  dr: "doctor ",
  prof: "professor ",
  capt: "captain ",
  gov: "governor ",
  ald: "alderman ",
  gen: "general ",
  sen: "senator ",
  rep: "representative ",
  pres: "president ",
  rev: "reverend ",
  hon: "honorable ",
  asst: "assistant ",
  assoc: "associate ",
  lt: "lieutenant ",
  col: "colonel ",
  jr: "junior ",
  sr: "senior ",
  esq: "esquire ",
};

/** Ends of words that are written out; those that a participle tells apart stand before the general ones. */
const LONG_ENDINGS: Readonly<Record<string, string>> = {
  "'d been": " had been",
  "'s been": " has been",
  "'d gone": " had gone",
  "'s gone": " has gone",
  "'d done": " had done",
  "'s got": " has got",
  "n't": " not",
  "'re": " are",
  "'s": " is",
  "'d": " would",
  "'ll": " will",
  "'t": " not",
  "'ve": " have",
  "'m": " am",
};

/** Letters that Unicode does not take apart into a letter and a mark. */
const LETTERS: Readonly<Record<string, string>> = {
  œ: "oe",
  ø: "o",
  æ: "ae",
  ß: "ss",
  đ: "d",
  ð: "d",
  þ: "th",
  ł: "l",
};

// JavaScript's \b knows ASCII letters only.
const BEFORE_WORD = "(?<![\\p{L}\\p{N}_])";
const AFTER_WORD = "(?![\\p{L}\\p{N}_])";
const anyOf = (table: object) => `(?:${Object.keys(table).join("|")})`;

const FILLER = new RegExp(`${BEFORE_WORD}(?:hmm|mm|mhm|mmm|uh|um)${AFTER_WORD}`, "gu");
const LONG_FORM = new RegExp(BEFORE_WORD + anyOf(LONG_FORMS) + AFTER_WORD, "gu");
const LONG_ENDING = new RegExp(anyOf(LONG_ENDINGS) + AFTER_WORD, "gu");
const AMERICAN = new Map(
  [...spellings.pairs, ...spellings.added].flatMap((line) =>
    line.split(" ").map((pair) => pair.split("=") as [string, string]),
  ),
);

/** Drops diacritics, and puts a space for other symbols and punctuation, except those that numbers need. */
function plainLetters(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/[œøæßđðþł]/g, (letter) => LETTERS[letter]!)
    .replace(/\p{Mn}/gu, "")
    .replace(/(?![.%$¢€£])[\p{M}\p{S}\p{P}]/gu, " ");
}

/**
 * English text in the form in which Whisper's authors compare transcripts (Radford et al. 2022, appendix C; transformers'
 * `EnglishTextNormalizer`): lower case; text in brackets and fillers gone; contractions and titles written out; numbers in
 * digits, with currencies and percent signs at them; American spelling; no diacritics, no other symbols, single spaces.
 * Text of other languages loses its symbols and diacritics.
 *
 * The spellings are those of british-spellings.json, 1746 pairs of the list that Whisper's own 1739 come from. Sixteen
 * differ in which of two spellings is written ("busses" or "buses"): what is equal stays equal. Whisper's does not know
 * ten ("optimisation", "initialisation", "featurise", "parametrise", …) and misspells "archaeology"; its "flyer / flier",
 * "mhm" and "mmm" are left out, for no text holds them at that point. Digits are ASCII's.
 */
export function normalizeEnglish(text: string): string {
  const words = text
    .toLowerCase()
    .replace(/[<[][^>\]]*[>\]]/g, "")
    .replace(/\([^)]+\)/g, "")
    .replace(FILLER, "")
    .replace(/\s+'/g, "'")
    .replace(LONG_FORM, (form) => LONG_FORMS[form]!)
    .replace(LONG_ENDING, (ending) => LONG_ENDINGS[ending]!)
    .replace(/(\d),(\d)/g, "$1$2")
    .replace(/\.([^0-9]|$)/g, " $1");
  return spellNumbers(plainLetters(words))
    .split(/\s+/)
    .map((word) => AMERICAN.get(word) ?? word)
    .join(" ")
    .replace(/[.$¢€£]([^0-9])/g, " $1")
    .replace(/([^0-9])%/g, "$1 ")
    .replace(/\s+/g, " ");
}
