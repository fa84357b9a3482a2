import { type HeadMask, MaskError } from "../mask/head-mask.ts";
import { direction, finding, type Measured, measure, type NamedCell, singles } from "./conditions.ts";
import { type Findings, round, shown, type Table } from "./findings.ts";
import type { Lab } from "./lab.ts";
import { COLOURS, figure, INK, Plot, room } from "./plot.ts";
import type { Study, StudyTask } from "./study.ts";

/** Masks where they were not learned: on other tasks, on voices they have not heard, and on another model. */
export async function transfer(lab: Lab, study: Study, other?: Lab): Promise<Findings> {
  const tasks = singles(study.tasks).filter(({ masks }) => masks.length > 0);
  const across = await measure(
    lab,
    tasks.flatMap((task) => tasks.map((from) => under(task, from))),
  );
  const voices = await measure(lab, tasks.flatMap(byVoice));
  const home = tasks[0]?.masks[0]?.mask;
  const refused = other && home && refusal(home, other);
  const impossible = other && home && refusal(home.withMetadata({}), other);
  const elsewhere = other && !impossible ? await measure(other, tasks.map(forced)) : [];
  const cells = across.map((m) => ({ mask: m.from.title, task: m.task.title, value: m.score.value }));
  const titles = tasks.map(({ title }) => title);
  return {
    name: "transfer",
    title: "Masks away from home",
    question:
      "If a mask were a task's own pathway, it should do its task and no other, for voices that it was not learned from, too. And a mask " +
      "belongs to one model's heads: another model's mask is refused, unless one insists.",
    tables: [
      matrix(tasks, across),
      ...(voices.length > 0 ? [voiceTable(tasks, voices)] : []),
      ...(other ? [otherTable(tasks, across, elsewhere, other)] : []),
    ],
    figures: [
      figure(
        "transfer",
        "Each task's mask on each task",
        `Score in % of the row's mask on the column's task; the diagonal is the mask's own task.${direction(across)}`,
        {
          height: 150 + 44 * tasks.length,
          marginLeft: 24 + room(titles),
          marginBottom: 90,
          x: { label: "task", domain: titles },
          y: { label: "mask of", domain: titles },
          color: { type: "linear", range: ["#f6f6f4", COLOURS[0]], domain: [0, 100], interpolate: "rgb" },
          marks: [
            Plot.cell(cells, { x: "task", y: "mask", fill: "value", inset: 1 }),
            Plot.text(cells, {
              x: "task",
              y: "mask",
              text: ({ value }: { value: number }) => `${round(value)}`,
              fill: ({ value }: { value: number }) => (value > 60 ? "#fff" : INK),
            }),
          ],
        },
      ),
    ],
    scores: [...across, ...voices, ...elsewhere].map(finding),
    examples: [],
    remarks: [
      ...(refused
        ? [`${impossible ? "Even forced" : "Unless forced"}, the other model refuses: "${refused}"`]
        : []),
      ...(tasks.length === 0 ? ["No task of this study has a mask."] : []),
      ...(voices.length === 0 ? ["The study names no clips of unseen voices."] : []),
      ...(other ? [] : ["No other model was given (--other)."]),
    ],
  };
}

/** A task under another task's mask. */
interface TransferCell extends NamedCell {
  readonly from: StudyTask;
}

const under = (task: StudyTask, from: StudyTask): TransferCell => ({
  ...{ task, from },
  condition: `mask of ${from.name}`,
  mask: from.masks[0]!.mask,
});

/** Clips of voices that the mask was learned from, or of others; under the mask or, to compare, the instruction. */
interface VoiceCell extends NamedCell {
  readonly voices: "heard" | "unseen";
}

function byVoice(task: StudyTask): VoiceCell[] {
  const { mask } = task.masks[0]!;
  const isUnseen = ({ audio }: StudyTask["rows"][number]) => audio.some((file) => task.unseen.has(file));
  if (!task.rows.some(isUnseen)) return [];
  return (["heard", "unseen"] as const).flatMap((voices) => {
    const rows = task.rows.filter((row) => isUnseen(row) === (voices === "unseen"));
    return [
      { task, voices, rows, condition: `instruction, voices ${voices}`, prompt: task.instruction },
      { task, voices, rows, condition: `learned mask, voices ${voices}`, mask },
    ];
  });
}

/** A mask without its metadata is taken by any model of its size. */
const forced = (task: StudyTask): NamedCell => ({
  task,
  condition: "another model",
  mask: task.masks[0]!.mask.withMetadata({}),
});

/** What the other model says to a mask of this one. */
function refusal(mask: HeadMask, { model }: Lab): string | undefined {
  try {
    mask.check(model);
    return undefined;
  } catch (error) {
    if (error instanceof MaskError) return error.message;
    throw error;
  }
}

const matrix = (tasks: readonly StudyTask[], across: readonly Measured<TransferCell>[]): Table => ({
  title: "Scores in % of each task's mask on each task",
  columns: ["mask of", ...tasks.map(({ name, metric }) => `${name} (${metric})`)],
  rows: tasks.map((from) => [
    from.name,
    ...tasks.map((task) =>
      round(across.find((m) => m.task === task && m.from === from)?.score.value ?? Number.NaN),
    ),
  ]),
});

function voiceTable(tasks: readonly StudyTask[], measured: readonly Measured<VoiceCell>[]): Table {
  const rows = tasks.flatMap((task) =>
    (["heard", "unseen"] as const).flatMap((voices) => {
      const of = measured.filter((m) => m.task === task && m.voices === voices);
      const [learned, instruction] = [of.find(({ mask }) => mask), of.find(({ mask }) => !mask)];
      if (!learned || !instruction) return [];
      return [[task.name, voices, learned.score.clips, shown(instruction.score), shown(learned.score)]];
    }),
  );
  return {
    title: "Voices that the mask was learned from, and others",
    columns: ["task", "voices", "clips", "instruction", "learned mask"],
    rows,
    note: "Scores in %; [ ] 95 % bootstrap interval over clips. Unseen: the clips that the study names.",
  };
}

const otherTable = (
  tasks: readonly StudyTask[],
  across: readonly Measured<TransferCell>[],
  elsewhere: readonly Measured[],
  { model }: Lab,
): Table => ({
  title: `Another model: ${model.name}, fingerprint ${model.fingerprint}`,
  columns: ["task", "at home", "forced on the other model"],
  rows: tasks.map((task) => {
    const home = across.find((m) => m.task === task && m.from === task);
    const away = elsewhere.find((m) => m.task === task);
    return [task.name, home ? shown(home.score) : null, away ? shown(away.score) : null];
  }),
});
