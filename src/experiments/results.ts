import type { Finding, Findings } from "./findings.ts";

/** What results.json holds: everything an experiment found, with its pictures in files beside it. */
export interface Results extends Omit<Findings, "figures"> {
  readonly ahamask: "experiment";
  /** Where the numbers come from; null where no model was needed. */
  readonly model: string | null;
  readonly fingerprint: string | null;
  readonly adapter: string | null;
  readonly study: string;
  /** The command that makes it. */
  readonly command: string;
  readonly figures: readonly { readonly file: string; readonly title: string; readonly caption: string }[];
}

/** Where results come from. */
export type Origin = Pick<Results, "model" | "fingerprint" | "adapter" | "study" | "command">;

export const results = (findings: Findings, origin: Origin): Results => ({
  ahamask: "experiment",
  ...findings,
  ...origin,
  figures: findings.figures.map(({ name, title, caption }) => ({ file: `${name}.svg`, title, caption })),
});

/** As a file: a line a score, so that a change of one is a line's. */
export function formatResults({ scores, ...rest }: Results): string {
  const lines = scores.map((score) => `\n  ${JSON.stringify(score)}`);
  return `${JSON.stringify(rest, null, 1).slice(0, -2)},\n "scores": [${lines.join(",")}\n ]\n}\n`;
}

/** A file that is no experiment's results. */
export class ResultsError extends Error {
  override name = "ResultsError";
}

const isFinding = (score: Partial<Finding> | null): boolean =>
  typeof score?.value === "number" && typeof score.low === "number" && Array.isArray(score.parts);

/** @throws ResultsError */
export function parseResults(text: string, name: string): Results {
  let json: Partial<Results> | null = null;
  try {
    json = JSON.parse(text) as Partial<Results> | null;
  } catch {
    // said below
  }
  if (json?.ahamask === "experiment" && Array.isArray(json.scores) && json.scores.every(isFinding))
    return json as Results;
  throw new ResultsError(
    `results: expected ${name} to be the results.json of an experiment, got something else`,
  );
}
