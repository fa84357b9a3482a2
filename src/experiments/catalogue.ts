import { algebra } from "./algebra.ts";
import { composite } from "./composite.ts";
import { type CostOptions, cost } from "./cost.ts";
import type { Findings } from "./findings.ts";
import type { Lab } from "./lab.ts";
import { overlap } from "./overlap.ts";
import { pathway } from "./pathway.ts";
import { rome } from "./rome.ts";
import { sensitivity } from "./sensitivity.ts";
import { single } from "./single.ts";
import type { Study } from "./study.ts";
import { transfer } from "./transfer.ts";

/** What an experiment may need beside the model and the study. */
export interface ExperimentOptions {
  readonly cost: CostOptions;
  /** Another model, for `transfer`. */
  readonly other?: Lab;
}

export type Experiment = (lab: Lab, study: Study, options: ExperimentOptions) => Promise<Findings>;

/** The experiments by their names, in the order of the paper. */
export const EXPERIMENTS = {
  single,
  composite,
  sensitivity,
  overlap: async (_lab, { tasks }) => overlap(tasks.flatMap(({ masks }) => masks.slice(0, 1))),
  pathway,
  rome,
  algebra,
  transfer: (lab, study, { other }) => transfer(lab, study, other),
  cost: (lab, study, options) => cost(lab, study, options.cost),
} as const satisfies Readonly<Record<string, Experiment>>;

export type ExperimentName = keyof typeof EXPERIMENTS;
