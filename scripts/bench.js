// `npm run bench [-- names]`: makes the checkout ready, then runs the benches named, one after the other; all without a name.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { environment, inOurPlace, typescript } from "./run.js";
import { ROOT, setup } from "./setup.js";

const SUFFIX = ".bench.ts";
const known = readdirSync(join(ROOT, "bench"))
  .filter((name) => name.endsWith(SUFFIX))
  .map((name) => name.slice(0, -SUFFIX.length));
const names = process.argv.slice(2);
const unknown = names.filter((name) => !known.includes(name));
if (unknown.length) {
  console.error(`bench: expected names out of ${known.join(", ")}, got ${unknown.join(", ")}`);
  process.exit(2);
}

setup();
const env = await environment();
for (const name of names.length ? names : known) {
  await inOurPlace(typescript(join(ROOT, "bench", name + SUFFIX)), env);
  if (process.exitCode) break;
}
