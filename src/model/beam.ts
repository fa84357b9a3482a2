import { GenerateError } from "./errors.ts";
import type { Candidates } from "./sample.ts";

export interface BeamOptions {
  /** Running hypotheses, and finished ones kept; ≥ 1. */
  readonly beams: number;
  /** A finished hypothesis scores its log-probability divided by length ** lengthPenalty: above 0 favours long ones. */
  readonly lengthPenalty: number;
  /**
   * When to stop once `beams` hypotheses have finished: true at once; false when the best running one, were it to finish
   * now, scores no better than the worst of them; "never" when it could not even at maxNewTokens.
   */
  readonly earlyStopping: boolean | "never";
  /** Token ids that finish a hypothesis. */
  readonly eos: readonly number[];
  /** ≥ 1. */
  readonly maxNewTokens: number;
  /**
   * Whether to search as transformers 4.28 does after a prompt of embeddings (SALMONN's code). Its output begins with a
   * start token that counts, and EOS does not: a hypothesis that ends is as long as here, one that runs or is cut off is
   * longer by one. All that are cut off are answers, not only those among the best `beams` candidates. And the search
   * goes on while the best candidate could do better, even if it is one that has just finished. Default false.
   */
  readonly startCounts?: boolean;
}

/** How the running hypotheses continue: hypothesis i is the former hypothesis parents[i] with tokens[i] behind it. */
export interface BeamStep {
  readonly parents: number[];
  readonly tokens: number[];
}

interface Hypothesis {
  readonly ids: readonly number[];
  /** Running: the sum of its tokens' log-probabilities. Finished: that divided by length ** lengthPenalty. */
  readonly score: number;
}

interface Extension {
  readonly parent: number;
  readonly token: number;
  readonly score: number;
}

/**
 * Beam search for one prompt, with the results of Hugging Face transformers 5 (one returned sequence, no sampling), or
 * of 4.28 with `startCounts`.
 * Scores are kept in f32. The caller runs the model: it gives the candidates of every running hypothesis and is told
 * which hypotheses to continue with which token.
 *
 * Candidates come from the model's own log-probabilities. Whoever adds a repetition penalty or forbids ids must, to get
 * what transformers gets, change log-probabilities and not logits: subtract the row's log-sum-exp first, change the
 * row, and pass its candidates with lse 0. They are then not normalised again. (In greedy search and sampling,
 * transformers changes logits.)
 */
export class BeamSearch {
  /**
   * Candidates needed of each running hypothesis: so many that `beams` remain when every one that could end does. The
   * vocabulary must be at least as large; with fewer candidates, fewer hypotheses run.
   */
  readonly width: number;
  readonly #options: BeamOptions;
  #length = 0;
  #running: readonly Hypothesis[] = [{ ids: [], score: 0 }];
  /** At most `beams`, falling by score. */
  #finished: readonly Hypothesis[] = [];
  #done = false;

  /** @throws GenerateError for options out of range */
  constructor(options: BeamOptions) {
    const { beams, lengthPenalty, eos, maxNewTokens } = options;
    const check = (ok: boolean, expected: string, got: number): void => {
      if (!ok) throw new GenerateError(`generate: expected ${expected}, got ${got}`);
    };
    check(Number.isInteger(beams) && beams >= 1, "1 beam or more", beams);
    check(Number.isFinite(lengthPenalty), "a finite lengthPenalty", lengthPenalty);
    check(Number.isInteger(maxNewTokens) && maxNewTokens >= 1, "maxNewTokens of 1 or more", maxNewTokens);
    this.#options = options;
    this.width = Math.max(2, 1 + eos.length) * beams;
  }

  /**
   * One token further.
   * @param candidates of each running hypothesis, in order; of the prompt alone at first
   * @returns how to go on, or undefined when the search is over
   * @throws GenerateError when logits were NaN
   */
  next(candidates: readonly Candidates[]): BeamStep | undefined {
    if (this.#done || candidates.length !== this.#running.length)
      throw new Error(
        `internal: beam search: expected candidates of ${this.#done ? 0 : this.#running.length} hypotheses, got ${candidates.length}`,
      );
    const { beams, eos, maxNewTokens, startCounts = false } = this.#options;
    this.#length++;
    const last = this.#length === maxNewTokens;
    const going: Extension[] = [];
    const ranked = this.#extend(candidates);
    if (ranked.length === 0 || ranked.some(({ score }) => Number.isNaN(score)))
      throw new GenerateError("generate: expected finite logits, got NaN; check the weights and the audio");
    for (const [rank, extension] of ranked.entries()) {
      if (!eos.includes(extension.token) && (!last || startCounts)) going.push(extension);
      else if (rank < beams) this.#finish(this.#hypothesis(extension), this.#length); // lower ranks only stand by to keep enough going
    }
    const kept = going.slice(0, beams);
    this.#running = kept.map((extension) => this.#hypothesis(extension));
    const best = startCounts ? ranked[0] : kept[0];
    this.#done = !best || this.#cannotImprove(best.score);
    if (last && !this.#done) {
      for (const cut of this.#running) this.#finish(cut, this.#length + 1);
      this.#done = true;
    }
    if (this.#done) return undefined;
    return { parents: kept.map(({ parent }) => parent), tokens: kept.map(({ token }) => token) };
  }

  /** The best finished hypothesis when the search is over: its ids, with the one that ended it, and its score. */
  best(): { ids: number[]; score: number } {
    const best = this.#finished[0];
    if (!this.#done || !best) throw new Error("internal: beam search: expected the search to be over");
    return { ids: [...best.ids], score: best.score };
  }

  /** The likeliest `width` of all ways to go on, falling; equal ones in order of hypothesis, then of candidate. */
  #extend(candidates: readonly Candidates[]): Extension[] {
    return candidates
      .flatMap(({ ids, scores, lse }, parent) =>
        Array.from(ids, (token, i) => {
          const logProbability = Math.fround(scores[i]! - lse);
          return { parent, token, score: Math.fround(this.#running[parent]!.score + logProbability) };
        }),
      )
      .sort((a, b) => b.score - a.score)
      .slice(0, this.width);
  }

  #hypothesis({ parent, token, score }: Extension): Hypothesis {
    return { ids: [...this.#running[parent]!.ids, token], score };
  }

  #finish({ ids, score }: Hypothesis, length: number): void {
    this.#finished = [...this.#finished, { ids, score: this.#normalise(score, length) }]
      .sort((a, b) => b.score - a.score)
      .slice(0, this.#options.beams);
  }

  #cannotImprove(best: number): boolean {
    const { beams, earlyStopping, lengthPenalty, maxNewTokens, startCounts } = this.#options;
    if (this.#finished.length < beams) return false;
    if (earlyStopping === true) return true;
    const length = earlyStopping === "never" && lengthPenalty > 0 ? maxNewTokens : this.#length;
    return this.#normalise(best, length + (startCounts ? 1 : 0)) <= this.#finished.at(-1)!.score;
  }

  #normalise(score: number, length: number): number {
    return Math.fround(score / length ** this.#options.lengthPenalty);
  }
}
