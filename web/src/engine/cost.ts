import type { Question as Asked } from "../../../src/index.ts";
import type { Clips } from "./clips.ts";
import type { Cost, CostQuestion } from "./engine.ts";
import type { Host, Loaded } from "./host.ts";
import { toMask } from "./masks.ts";

const RUNS = 5; // of each, after one that is not counted

/**
 * What a request costs under an instruction and under a mask alone: from the sound to the first token, each measured by
 * itself, in turn, so that a machine that slows down slows both.
 *
 * @throws MaskError for a mask of another model, the signal's reason
 */
export async function cost(
  host: Host,
  clips: Clips,
  { clip, prompt, mask: bits }: CostQuestion,
  signal: AbortSignal,
): Promise<Cost> {
  const mask = toMask(bits);
  const measure = (question: Omit<Asked, "audio">) =>
    host.run(
      async (loaded) => firstToken(loaded, { audio: await clips.samples(loaded.model, clip), ...question }),
      { signal },
    );
  const [instructed, masked]: [Measured[], Measured[]] = [[], []];
  for (let run = 0; run <= RUNS; run++) {
    instructed.push(await measure({ prompt }));
    masked.push(await measure({ mask }));
  }
  return { instruction: typical(instructed), mask: typical(masked), runs: RUNS };
}

type Measured = Cost["mask"];

async function firstToken({ model }: Loaded, question: Asked): Promise<Measured> {
  const start = performance.now();
  await model.answer([question], { maxNewTokens: 1, beams: 1 });
  const firstTokenSeconds = (performance.now() - start) / 1000;
  return { promptTokens: model.layOut(question).ids.length, firstTokenSeconds };
}

/** The median of all but the first. */
function typical([{ promptTokens }, ...counted]: readonly [Measured, ...Measured[]] | Measured[]): Measured {
  const seconds = counted.map(({ firstTokenSeconds }) => firstTokenSeconds).sort((a, b) => a - b);
  return { promptTokens, firstTokenSeconds: seconds[Math.floor(seconds.length / 2)]! };
}
