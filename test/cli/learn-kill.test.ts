import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { philox } from "../../src/mask/noise.ts";
import { start, withFolder } from "./command.ts";

const KILLS = 10;
const STEPS = 16;
const FILES = ["mask.bits", "mask.safetensors", "best.safetensors"];

/** Numbers from 0 to 1, the same in every run of this test. */
const random = (i: number) => philox([i, 0, 0, 0], 20_250_901)[0] / 2 ** 32;

const logged = (out: string) =>
  readFileSync(join(out, "log.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { step: number; loss: number; validation?: number; ms: number });

const stepsIn = (folder: string): number => {
  const log = join(folder, "log.jsonl");
  return existsSync(log) ? readFileSync(log, "utf8").split("\n").length - 1 : 0;
};

test(`a run killed ${KILLS} times at random and resumed ends as one that was left alone, bit for bit`, () =>
  withFolder(async (folder) => {
    const learn = (out: string) =>
      start([
        ...["learn", "--model", "models/demo/model", "--data", "models/demo/data/gr.learn.jsonl"],
        ...["--limit", "4", "--steps", `${STEPS}`, "--batch", "2", "--rate", "1", "--eval-every", "5"],
        ...["--checkpoint-every", "3", "--cache", `${out}-cache`, "--out", out, "--resume"],
      ]);
    const [whole, killed] = [join(folder, "whole"), join(folder, "killed")];
    const left = await learn(whole).outcome;
    assert.is(left.code, 0, left.stderr);
    const step = logged(whole).reduce((sum, { ms }) => sum + ms, 0) / STEPS;

    let alive = 0;
    for (let i = 0; i < KILLS; i++) {
      const before = stepsIn(killed);
      const { child, outcome } = learn(killed);
      // One in five while it starts, the others once a step is done, within the two after it.
      if (random(2 * i) < 0.2) await sleep(random(2 * i + 1) * 1500);
      else {
        while (child.exitCode === null && stepsIn(killed) <= before) await sleep(2);
        await sleep(random(2 * i + 1) * 2 * step);
      }
      child.kill("SIGKILL");
      const { code, stderr } = await outcome;
      alive += Number(code === null);
      assert.ok(code === null || (code === 0 && stepsIn(killed) === STEPS), `kill ${i}: ${code} ${stderr}`);
    }
    const { code, stderr } = await learn(killed).outcome;
    assert.is(code, 0, stderr);

    assert.ok(alive >= KILLS / 2, `only ${alive} kills met a run under way`);

    for (const file of FILES)
      assert.equal(readFileSync(join(killed, file)), readFileSync(join(whole, file)), file);
    const losses = (out: string) =>
      logged(out).map(({ step: at, loss, validation }) => [at, loss, validation]);
    assert.equal(losses(killed), losses(whole));
    const bits = readFileSync(join(whole, "mask.bits"));
    assert.ok(
      bits.some((byte) => byte !== 255) && bits.some((byte) => byte !== 0),
      "a mask that says something",
    );
  }));

test.run();
