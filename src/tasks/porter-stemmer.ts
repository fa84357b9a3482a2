/** The Porter stemmer, with the departures from the paper that NLTK makes by default. */

/** Words that the rules get wrong. */
const IRREGULAR: Readonly<Record<string, string>> = {
  skies: "sky",
  sky: "sky",
  dying: "die",
  lying: "lie",
  tying: "tie",
  news: "news",
  innings: "inning",
  inning: "inning",
  outings: "outing",
  outing: "outing",
  cannings: "canning",
  canning: "canning",
  howe: "howe",
  proceed: "proceed",
  exceed: "exceed",
  succeed: "succeed",
};

type Rule = readonly [suffix: string, replacement: string];
const rules = (text: string): Rule[] => text.split(" ").map((rule) => rule.split(">") as [string, string]);

// Of several that fit, the first one counts.
const STEP_2 = rules(
  "ational>ate tional>tion enci>ence anci>ance izer>ize bli>ble alli>al entli>ent eli>e ousli>ous ization>ize ation>ate " +
    "ator>ate alism>al iveness>ive fulness>ful ousness>ous aliti>al iviti>ive biliti>ble fulli>ful",
);
const STEP_3 = rules("icate>ic ative> alize>al iciti>ic ical>ic ful> ness>");
const STEP_4 = rules(
  "al> ance> ence> er> ic> able> ible> ant> ement> ment> ent> ion> ou> ism> ate> iti> ous> ive> ize>",
);

/** A word as consonants c and vowels v; y is a vowel after a consonant. */
function shape(word: string): string {
  let shape = "";
  for (const letter of word) {
    const vowel = letter === "y" ? shape.endsWith("c") : "aeiou".includes(letter);
    shape += vowel ? "v" : "c";
  }
  return shape;
}

/** Porter's m: how often a consonant follows a vowel. */
const measure = (stem: string) => shape(stem).split("vc").length - 1;
const hasVowel = (stem: string) => shape(stem).includes("v");
const isDouble = (word: string) =>
  word.length > 1 && word.at(-1) === word.at(-2) && shape(word).endsWith("c");
/** Porter's *o, and words of a vowel and a consonant. */
const isShort = (word: string) =>
  (shape(word).endsWith("cvc") && !/[wxy]$/.test(word)) || shape(word) === "vc";

/** The first rule whose suffix the word has, if its stem fulfils the condition; no later one is tried. */
function replaceSuffix(word: string, table: readonly Rule[], fulfils: (stem: string) => boolean): string {
  const rule = table.find(([suffix]) => word.endsWith(suffix));
  if (!rule) return word;
  const stem = word.slice(0, word.length - rule[0].length);
  return fulfils(stem) ? stem + rule[1] : word;
}

/** Plurals: step 1a. */
function singular(word: string): string {
  if (word.endsWith("ies")) return word.length === 4 ? word.slice(0, -1) : word.slice(0, -2);
  if (word.endsWith("sses")) return word.slice(0, -2);
  return word.endsWith("s") && !word.endsWith("ss") ? word.slice(0, -1) : word;
}

/** -ed and -ing: step 1b. */
function present(word: string): string {
  if (word.endsWith("ied")) return word.length === 4 ? word.slice(0, -1) : word.slice(0, -2);
  if (word.endsWith("eed")) return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word;
  const stem = word.replace(/(ed|ing)$/, "");
  if (stem === word || !hasVowel(stem)) return word;
  if (/(at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (isDouble(stem)) return /[lsz]$/.test(stem) ? stem : stem.slice(0, -1);
  return measure(stem) === 1 && isShort(stem) ? `${stem}e` : stem;
}

/** -y after a consonant: step 1c. */
function softened(word: string): string {
  const stem = word.slice(0, -1);
  return word.endsWith("y") && stem.length > 1 && shape(stem).endsWith("c") ? `${stem}i` : word;
}

function step2(word: string): string {
  const positive = (stem: string) => measure(stem) > 0;
  if (word.endsWith("alli") && positive(word.slice(0, -4))) return step2(word.slice(0, -2));
  const known = STEP_2.some(([suffix]) => word.endsWith(suffix));
  if (!known && word.endsWith("logi")) return positive(word.slice(0, -3)) ? word.slice(0, -1) : word;
  return replaceSuffix(word, STEP_2, positive);
}

/** A last e, and ll: step 5. */
function trimmed(word: string): string {
  const stem = word.slice(0, -1);
  const drop = word.endsWith("e") && (measure(stem) > 1 || (measure(stem) === 1 && !isShort(stem)));
  const short = drop ? stem : word;
  return short.endsWith("ll") && measure(short.slice(0, -1)) > 1 ? short.slice(0, -1) : short;
}

/** The stem of a lower-case English word (Porter 1980); equal to NLTK's `PorterStemmer`. */
export function porterStem(word: string): string {
  if (Object.hasOwn(IRREGULAR, word)) return IRREGULAR[word]!;
  if (word.length <= 2) return word;
  const step3 = replaceSuffix(step2(softened(present(singular(word)))), STEP_3, (stem) => measure(stem) > 0);
  const step4 = replaceSuffix(step3, STEP_4, (stem) => {
    return measure(stem) > 1 && (!step3.endsWith("ion") || /[st]$/.test(stem));
  });
  return trimmed(step4);
}
