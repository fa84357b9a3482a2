import { basename, join, relative } from "node:path";
import { Command } from "commander";
import { readFile } from "#files";
import type { AudioLanguageModel, HeadMask } from "../index.ts";
import {
  CLIPS,
  type Condition,
  type DemoClip,
  readDemo,
  TASKS,
  type Task,
  type Truths,
} from "./demo-clips.ts";
import { type Engine, loadWithProgress, withEngine } from "./engine.ts";
import { whole } from "./numbers.ts";
import { columns, painter, pairs, printable, Waiting, wrap } from "./terminal.ts";

const paint = painter(process.stdout);
const say = (...lines: readonly string[]) => process.stdout.write(`${lines.join("\n")}\n`);
const clock = () => performance.now() / 1000;

/** Seconds after which no clip is begun unless asked for: a slow adapter must not make the show long. */
const ENOUGH = 35;

export function demoCommand(): Command {
  return new Command("demo")
    .description("answer about bundled clips under instructions, under none and under head masks")
    .option(
      "--clips <n>",
      `how many clips, 1 to ${CLIPS} (default: ${CLIPS}, begun within ${ENOUGH} s)`,
      whole(1, CLIPS),
    )
    .addHelpText("after", "\nExit codes: 0 fine, 1 failed, 2 bad usage, 130 interrupted.")
    .action(({ clips }: { clips?: number }) => withEngine((engine) => demo(engine, clips)));
}

/** What the answers so far amount to. */
interface Tally {
  readonly right: Record<"instruction" | "mask", number>;
  readonly asked: Record<"instruction" | "mask", number>;
  answers: number;
  tokens: number;
  seconds: number;
}

async function demo(engine: Engine, howMany: number | undefined): Promise<void> {
  const { folder, clips, truth } = await readDemo(howMany ?? CLIPS);
  const start = clock();
  using model = await loadWithProgress(engine, join(folder, "model"));
  introduce(engine, model, clock() - start);
  const masks = await readMasks(engine, model, folder, clips);
  const tally: Tally = {
    right: { instruction: 0, mask: 0 },
    asked: { instruction: 0, mask: 0 },
    answers: 0,
    tokens: 0,
    seconds: 0,
  };
  const show = new Show(engine, model, masks, truth, tally);
  for (const [i, clip] of clips.entries()) {
    if (howMany === undefined && clock() - start > ENOUGH) {
      say(`This adapter is slow; \`--clips ${CLIPS}\` shows the other ${CLIPS - i} clips too.`, "");
      break;
    }
    await show.clip(`${i + 1}/${clips.length}`, join(folder, clip.truths.audio), clip);
  }
  conclude(tally, relative(process.cwd(), folder) || ".", model);
}

function introduce({ adapter }: Engine, model: AudioLanguageModel, seconds: number): void {
  const heads = model.layers * model.heads;
  say(
    paint("bold", "One model, steered by its attention heads"),
    "",
    `A small audio language model hears a clip and answers: under an instruction,`,
    `under none, and under a mask that switches some of its ${heads} attention heads`,
    `off. The mask is ${bytes(heads)} long and takes the instruction's place.`,
    "",
    ...pairs([
      ["adapter", adapter],
      ["model", `${model.layers} layers × ${model.heads} heads, loaded in ${seconds.toFixed(2)} s`],
    ]),
    "",
  );
}

const bytes = (heads: number) => `${Math.ceil(heads / 8)} bytes`;

async function readMasks(
  { ahamask }: Engine,
  model: AudioLanguageModel,
  folder: string,
  clips: readonly DemoClip[],
): Promise<ReadonlyMap<Task, HeadMask>> {
  const tasks = new Set(
    clips.flatMap((clip) => clip.conditions.flatMap((c) => (c && "mask" in c ? c.mask : []))),
  );
  const read = async (task: Task) => {
    const path = join(folder, "masks", `${task}.safetensors`);
    return [task, await ahamask.readMask(await readFile(path), path, model)] as const;
  };
  return new Map(await Promise.all([...tasks].map(read)));
}

const WIDTHS = { condition: 24, cost: 8 } as const;
const INDENT = "  ";

/** Shows clips: all conditions of a clip are one batch, each row under its own mask. */
class Show {
  constructor(
    private readonly engine: Engine,
    private readonly model: AudioLanguageModel,
    private readonly masks: ReadonlyMap<Task, HeadMask>,
    private readonly truth: (task: Task, truths: Truths) => string,
    private readonly tally: Tally,
  ) {}

  async clip(place: string, path: string, { truths, conditions }: DemoClip): Promise<void> {
    const { channels, windowSeconds } = this.model.family;
    const { samples, seconds } = await this.engine.ahamask.prepareAudio(await readFile(path), path, {
      channels,
      maxSeconds: windowSeconds,
    });
    say(
      `${paint("bold", `${place}  ${basename(path)}`)}  ${seconds.toFixed(1)} s`,
      ...wrap(describe(truths), columns(process.stdout) - 2).map((line) => INDENT + line),
      "",
      paint(
        "dim",
        `${INDENT}${"under".padEnd(WIDTHS.condition)}  ${"costs".padStart(WIDTHS.cost)}    answer`,
      ),
    );
    const questions = conditions.map((condition) => ({
      audio: samples,
      ...(condition && "ask" in condition && { prompt: condition.ask }),
      ...(condition && "mask" in condition && { mask: this.masks.get(condition.mask)! }),
    }));
    const texts = conditions.map(() => "");
    const done = conditions.map(() => false);
    let shown = 0;
    let tokens = 0;
    const start = clock();
    using waiting = new Waiting(`${INDENT}Listening`);
    for await (const { row, text, last } of this.model.stream(questions, { signal: this.engine.signal })) {
      texts[row] += text;
      tokens++;
      done[row] = last;
      if (done[shown]) waiting.stop();
      for (; done[shown]; shown++) this.#row(conditions[shown]!, texts[shown]!, truths);
    }
    const spent = clock() - start;
    this.tally.answers += conditions.length;
    this.tally.tokens += tokens;
    this.tally.seconds += spent;
    say(
      paint(
        "dim",
        `${INDENT}${tokens} tokens in ${spent.toFixed(1)} s, ${(tokens / spent).toFixed(1)} tokens/s`,
      ),
      "",
    );
  }

  #row(condition: Condition, text: string, truths: Truths): void {
    const { name, cost } = this.#label(condition);
    const room = columns(process.stdout) - INDENT.length - WIDTHS.condition - WIDTHS.cost - 6;
    const [first, ...rest] = wrap(printable(text), room);
    const front = `${INDENT}${name.padEnd(WIDTHS.condition)}  ${cost.padStart(WIDTHS.cost)}  `;
    const under = " ".repeat(front.length + 2);
    say(`${front}${this.#judge(condition, text, truths)} ${first}`, ...rest.map((line) => under + line));
  }

  #label(condition: Condition): { name: string; cost: string } {
    if (!condition) return { name: "nothing", cost: "0 tokens" };
    if ("mask" in condition)
      return { name: `mask: ${TASKS[condition.mask]}`, cost: bytes(this.model.layers * this.model.heads) };
    return {
      name: `“${condition.ask}”`,
      cost: `${this.model.family.tokenizer.encode(condition.ask).length} tokens`,
    };
  }

  /** Whether the answer is what is true of the clip; what nobody asked for cannot be wrong. */
  #judge(condition: Condition, text: string, truths: Truths): string {
    if (!condition) return " ";
    const [kind, task] =
      "mask" in condition ? (["mask", condition.mask] as const) : (["instruction", condition.task] as const);
    const right = text === this.truth(task, truths);
    this.tally.asked[kind]++;
    this.tally.right[kind] += Number(right);
    return right ? paint("green", "✓") : paint("red", "✗");
  }
}

function describe({ text, german, gender, emotion, caption }: Truths): string {
  if (caption !== undefined) return `The sound of ${caption}.`;
  return `A ${gender} voice, ${emotion}: “${text}” (“${german}”)`;
}

function conclude(
  { right, asked, answers, tokens, seconds }: Tally,
  folder: string,
  model: AudioLanguageModel,
): void {
  say(
    `${answers} answers, ${tokens} tokens in ${seconds.toFixed(1)} s, ${(tokens / seconds).toFixed(1)} tokens/s.`,
    `Right: ${right.instruction} of ${asked.instruction} under an instruction, ${right.mask} of ${asked.mask} under a mask of ${bytes(model.layers * model.heads)}`,
    `(✗ is an answer that differs from the truth; a mask can fail).`,
    "",
    paint("bold", "Try next"),
    `  npx ahamask run --model ${folder}/model \\`,
    `      --audio ${folder}/clips/eval/speech-040.flac \\`,
    `      --mask ${folder}/masks/ser.safetensors`,
    `  npx ahamask inspect ${folder}/masks/ser.safetensors`,
    "  npx ahamask run --help",
  );
}
