import { type Combination, combineMasks } from "../mask/analyze.ts";
import type { HeadMask } from "../mask/head-mask.ts";
import { composites, direction, finding, type Measured, measure, type NamedCell } from "./conditions.ts";
import { type Findings, shown, type Table } from "./findings.ts";
import type { Lab } from "./lab.ts";
import { barOf, bars, COLOURS } from "./plot.ts";
import type { Study, StudyTask } from "./study.ts";

/** A composite with its two single tasks, all of which have masks. */
interface Triple {
  readonly whole: StudyTask;
  readonly parts: readonly [StudyTask, StudyTask];
}

/** What two tasks' masks make together. Majority is over the masks of all seeds of both: of two masks it would be their and. */
const COMBINED: readonly Combination[] = ["and", "or", "xor", "majority"];

/** Two tasks' masks joined: do they do both tasks, or the two at once? */
export async function algebra(lab: Lab, study: Study): Promise<Findings> {
  const triples = triplesOf(study);
  const measured = await measure(lab, triples.flatMap(cells));
  const group = ({ whole, task }: AlgebraCell) =>
    whole === task ? `${whole.title}: both` : `${whole.title}: ${task.title}`;
  const scores = measured.map((m) => barOf(group(m), m.how, m.score));
  return {
    name: "algebra",
    title: "Masks joined",
    question:
      "If heads were functional pathways that add up, the masks of two tasks joined should do both, or the composite of the two. Each " +
      "joined mask is tried on either task and on the composite.",
    tables: triples.map((triple) => table(triple, measured)),
    figures: [
      bars(
        "algebra",
        "Scores of joined masks",
        `Bars: score of the joined mask on either task, and on both at once.${direction(measured)}`,
        scores,
        { legend: COLOUR, label: "score (%)" },
      ),
    ],
    scores: measured.map(finding),
    examples: [],
    remarks:
      triples.length === 0
        ? ["No composite of this study names two tasks that have masks."]
        : [
            "Majority is over the masks of all seeds of both tasks; of two masks alone it would be their and.",
          ],
  };
}

const COLOUR = {
  "own mask": COLOURS[2],
  and: COLOURS[0],
  or: COLOURS[4],
  xor: COLOURS[1],
  majority: COLOURS[3],
} as const;

function triplesOf({ tasks }: Study): Triple[] {
  const named = (name: string) => tasks.find((task) => task.name === name);
  return composites(tasks).flatMap((whole) => {
    const [a, b] = (whole.of ?? []).map(named);
    return a?.masks.length && b?.masks.length ? [{ whole, parts: [a, b] as const }] : [];
  });
}

/** A joined mask on one of the three tasks. */
interface AlgebraCell extends NamedCell {
  readonly whole: StudyTask;
  readonly how: "own mask" | Combination;
}

function cells({ whole, parts }: Triple): AlgebraCell[] {
  const masksOf = (task: StudyTask) => task.masks.map(({ mask }) => mask);
  const [a, b] = [masksOf(parts[0]), masksOf(parts[1])];
  const joined = COMBINED.map(
    (how) => [how, combineMasks(how, how === "majority" ? [...a, ...b] : [a[0]!, b[0]!])] as const,
  );
  return [...parts, whole].flatMap((task) => {
    const own = task.masks[0]?.mask;
    const under = (how: AlgebraCell["how"], mask: HeadMask) => ({
      ...{ task, whole, how, mask },
      condition: `${how}, ${parts.map(({ name }) => name).join(" + ")}`,
    });
    return [...(own ? [under("own mask", own)] : []), ...joined.map(([how, mask]) => under(how, mask))];
  });
}

function table({ whole, parts }: Triple, measured: readonly Measured<AlgebraCell>[]): Table {
  const tasks = [...parts, whole];
  const rows = (["own mask", ...COMBINED] as const).map((how) => {
    const of = tasks.map((task) =>
      measured.find((m) => m.whole === whole && m.task === task && m.how === how),
    );
    const heads = how === "own mask" ? null : (of[0]?.mask?.count ?? null);
    return [how, heads, ...of.map((m) => (m ? shown(m.score) : null))];
  });
  return {
    title: `${whole.name}: ${parts.map(({ name }) => name).join(" and ")}`,
    columns: ["mask", "heads on", ...tasks.map(({ name, metric }) => `${name} (${metric}, %)`)],
    rows,
    note: "[ ] 95 % bootstrap interval over clips. Own mask: the one learned for the column's task.",
  };
}
