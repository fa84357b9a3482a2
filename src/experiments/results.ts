import type { Example, Finding, Findings, Table } from "./findings.ts";

/** What results.json holds: everything an experiment found but its pictures. */
export interface Results {
  readonly ahamask: "experiment";
  readonly name: string;
  readonly title: string;
  readonly question: string;
  /** Where the numbers come from; null where no model was needed. */
  readonly model: string | null;
  readonly fingerprint: string | null;
  readonly adapter: string | null;
  readonly study: string;
  /** The command that makes it. */
  readonly command: string;
  readonly tables: readonly Table[];
  readonly scores: readonly Finding[];
  readonly examples: readonly Example[];
  readonly remarks: readonly string[];
  /** Files beside this one. */
  readonly figures: readonly { readonly file: string; readonly title: string; readonly caption: string }[];
}

/** Where results come from. */
export type Origin = Pick<Results, "model" | "fingerprint" | "adapter" | "study" | "command">;

export const results = (findings: Findings, origin: Origin): Results => ({
  ahamask: "experiment",
  name: findings.name,
  title: findings.title,
  question: findings.question,
  ...origin,
  tables: findings.tables,
  scores: findings.scores,
  examples: findings.examples,
  remarks: findings.remarks,
  figures: findings.figures.map(({ name, title, caption }) => ({ file: `${name}.svg`, title, caption })),
});

/** A file that is no experiment's results. */
export class ResultsError extends Error {
  override name = "ResultsError";
}

/** @throws ResultsError */
export function parseResults(text: string, name: string): Results {
  let json: Partial<Results> | null = null;
  try {
    json = JSON.parse(text) as Partial<Results> | null;
  } catch {
    // said below
  }
  if (json?.ahamask === "experiment" && Array.isArray(json.scores)) return json as Results;
  throw new ResultsError(
    `results: expected ${name} to be the results.json of an experiment, got something else`,
  );
}
