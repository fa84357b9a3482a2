import { mean, type Pair } from "./metric-types.ts";
import { porterStem } from "./porter-stemmer.ts";

const ALPHA = 0.9;
const BETA = 3;
const GAMMA = 0.5;

/** Lower-case words without punctuation; apostrophes within a word stay. */
const tokens = (text: string) => text.toLowerCase().match(/[\p{L}\p{N}]+(?:['’][\p{L}\p{N}]+)*/gu) ?? [];

/** `partner[i]` is the place in the reference of the hypothesis' word i, or -1. */
function align(hypothesis: readonly string[], reference: readonly string[]): number[] {
  const partner = hypothesis.map(() => -1);
  const taken = new Set<number>();
  for (const form of [(word: string) => word, porterStem]) {
    const expected = reference.map(form);
    // From the end, each word with the last free one that equals it: NLTK's greedy choice.
    for (let i = hypothesis.length - 1; i >= 0; i--) {
      if (partner[i]! >= 0) continue;
      const word = form(hypothesis[i]!);
      const place = expected.findLastIndex((other, j) => other === word && !taken.has(j));
      if (place < 0) continue;
      partner[i] = place;
      taken.add(place);
    }
  }
  return partner;
}

/**
 * METEOR of one pair, 0 … 1 (Lavie and Agarwal 2007), with its stages of exact words and of Porter stems only: no synonyms,
 * so at most what nltk's `meteor_score` gives with WordNet, and equal to it without. α = 0.9, β = 3, γ = 0.5.
 */
export function meteorOf({ hypothesis, reference }: Pair): number {
  const [answer, expected] = [tokens(hypothesis), tokens(reference)];
  const partner = align(answer, expected);
  const matches = partner.filter((place) => place >= 0).length;
  if (matches === 0) return 0;
  const continued = partner.filter(
    (place, i) => i > 0 && partner[i - 1]! >= 0 && place === partner[i - 1]! + 1,
  );
  const chunks = matches - continued.length;
  const precision = matches / answer.length;
  const recall = matches / expected.length;
  const mean = (precision * recall) / (ALPHA * precision + (1 - ALPHA) * recall);
  return mean * (1 - GAMMA * (chunks / matches) ** BETA);
}

/** METEOR: the mean over the pairs, 0 … 1; see `meteorOf`. */
export function meteor(pairs: readonly Pair[]): number {
  return mean(pairs, meteorOf);
}
