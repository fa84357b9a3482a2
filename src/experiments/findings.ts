import type { Scored } from "./score.ts";

/** A score and what it is of; `compare` finds its fellow in another file by the three names. */
export interface Finding extends Scored {
  readonly task: string;
  readonly condition: string;
}

export type TableCell = string | number | null;

/** Numbers are shown as they are: round them first. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly TableCell[])[];
  /** What the columns mean. */
  readonly note?: string;
}

export interface Figure {
  /** Its file's stem. */
  readonly name: string;
  readonly title: string;
  readonly caption: string;
  readonly svg: string;
}

/** What the model said, for a person to judge. */
export interface Example {
  readonly task: string;
  readonly condition: string;
  readonly clip: string;
  readonly hypothesis: string;
  readonly reference: string;
}

/** What an experiment has found. */
export interface Findings {
  readonly name: string;
  readonly title: string;
  /** What the paper says, and how it is looked at here. */
  readonly question: string;
  readonly tables: readonly Table[];
  readonly figures: readonly Figure[];
  readonly scores: readonly Finding[];
  readonly examples: readonly Example[];
  /** What a reader must know to not misread it. */
  readonly remarks: readonly string[];
}

/** An estimate as tables have it: "93.8 [85.4, 100]". */
export const shown = ({
  value,
  low,
  high,
}: {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}): string => `${round(value)} [${round(low)}, ${round(high)}]`;

/** One digit behind the point, none where it is 0. */
export const round = (value: number): number => Math.round(value * 10) / 10;
