// `node scripts/demo-masks.js [TASK …] [--out DIR]`: learns the demo model's masks with three seeds each, by the command
// that it prints, scores each on the clips that were not learned from, and prints a table. What is in DIR (default runs/)
// already is not made again. The masks of seed 0 are those in models/demo/masks, the other seeds' of single tasks those in
// its folder seeds.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { environment } from "./run.js";
import { ROOT, setup } from "./setup.js";

const SEEDS = [0, 1, 2];
const DEMO = join("models", "demo");

/** What PyTorch's masks score (models/demo/README.md), and where our settings differ from SETTINGS. */
const TASKS = {
  asr: { reference: 93.8 },
  s2tt: { reference: 52.1 },
  gr: { reference: 79.2 },
  ser: { reference: 85.4 },
  aac: { reference: 100, rate: 0.15 },
  asr_ser: { reference: 10.4 },
  gr_ser: { reference: 39.6 },
  asr_ser_json: { reference: 83.3 },
  asr_gr: {}, // which the model was never trained for
};
const SETTINGS = ["--steps", "200", "--batch", "8"];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: "string", default: "runs" } },
});
const unknown = positionals.find((task) => !(task in TASKS));
if (unknown) {
  console.error(`demo-masks: expected tasks out of ${Object.keys(TASKS).join(", ")}, got ${unknown}`);
  process.exit(2);
}

setup();
const env = await environment();

/** Runs the command as a user would; its output goes to stderr, and what it prints on stdout comes back. */
function ahamask(...args) {
  console.error(`$ npx ahamask ${args.join(" ")}`);
  const { status, stdout } = spawnSync(process.execPath, [join("bin", "ahamask.js"), ...args], {
    cwd: ROOT,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) process.exit(status ?? 1);
  return stdout;
}

/** Learns one mask, unless it is there, and gives its exact matches in %. */
function learn(task, seed) {
  const { rate = 0.3 } = TASKS[task];
  const run = join(values.out, `${task}-${seed}`);
  if (!existsSync(join(ROOT, run, "mask.safetensors")))
    ahamask(
      "learn",
      ...["--model", join(DEMO, "model"), "--data", join(DEMO, "data", `${task}.learn.jsonl`), "--out", run],
      ...SETTINGS,
      ...["--rate", `${rate}`, "--rate-end", `${rate / 100}`, "--seed", `${seed}`],
      ...["--cache", join(values.out, "cache")],
      ...(existsSync(join(ROOT, run)) ? ["--resume"] : []),
    );
  const document = ahamask(
    "eval",
    ...[
      "--model",
      join(DEMO, "model"),
      "--data",
      join(DEMO, "data", `${task}.eval.jsonl`),
      "--metrics",
      "exact",
    ],
    ...["--mask", join(run, "mask.safetensors"), "--out", join(run, "eval.jsonl"), "--json"],
    ...["--cache", join(values.out, "cache")],
  );
  return JSON.parse(document).scores[0].value;
}

mkdirSync(join(ROOT, values.out), { recursive: true });
const tasks = positionals.length ? positionals : Object.keys(TASKS);
const scores = new Map(tasks.map((task) => [task, []]));
for (const seed of SEEDS) for (const task of tasks) scores.get(task).push(learn(task, seed));

console.log(
  `${"task".padEnd(14)}${SEEDS.map((s) => `seed ${s}`.padStart(8)).join("")}    mean  spread  PyTorch`,
);
for (const [task, list] of scores) {
  const mean = list.reduce((a, b) => a + b, 0) / list.length;
  const cells = [mean, Math.max(...list) - Math.min(...list), TASKS[task].reference];
  console.log(task.padEnd(14) + [...list, ...cells].map((x) => (x?.toFixed(1) ?? "–").padStart(8)).join(""));
}
