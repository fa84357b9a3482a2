// Writes models/demo/data/TASK.learn.jsonl and TASK.eval.jsonl from clips.jsonl (what is true of each clip) and
// instructions.json (how a task's answer is made from it): node scripts/demo-data.js
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const DEMO = new URL("../models/demo/", import.meta.url);
const TASKS = {
  speech: ["asr", "s2tt", "gr", "ser", "asr_ser", "gr_ser", "asr_ser_json", "asr_gr"],
  sound: ["aac"],
};

const read = (name) => readFileSync(new URL(name, DEMO), "utf8");
const clips = read("clips.jsonl")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));
const templates = JSON.parse(read("instructions.json"));

/** The template with each `{name}` of a truth replaced; other braces stay. */
const fill = (template, truths) =>
  template.replace(/\{(\w+)\}/g, (whole, name) => (typeof truths[name] === "string" ? truths[name] : whole));

mkdirSync(new URL("data/", DEMO), { recursive: true });
for (const [kind, tasks] of Object.entries(TASKS)) {
  for (const task of tasks) {
    for (const split of ["learn", "eval"]) {
      const rows = clips
        .filter((clip) => clip.kind === kind && clip.split === split)
        .map((clip) => ({ audio: `../${clip.audio}`, text: fill(templates[task].answer, clip), task }));
      const text = rows.map((row) => `${JSON.stringify(row)}\n`).join("");
      writeFileSync(new URL(`data/${task}.${split}.jsonl`, DEMO), text);
    }
  }
}
