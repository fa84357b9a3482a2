// `node scripts/tiny-salmonn.js OUT [--seed N]`: writes a SALMONN with random weights into the folder OUT, in the files
// that its authors publish: OUT/config.yaml names the others. It hears 30 s as the real one does, but is narrow and
// shallow, so that it answers, nonsense, in a second or two on a CPU.
import { parseArgs } from "node:util";
import { setup } from "./setup.js";

function commandLine() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { seed: { type: "string", default: "0" } },
    });
    const seed = Number(values.seed);
    if (positionals.length !== 1) throw new Error(`expected one folder, got ${positionals.length}`);
    if (!Number.isSafeInteger(seed))
      throw new Error(`expected --seed to be a whole number, got ${values.seed}`);
    return { folder: positionals[0], seed };
  } catch (error) {
    console.error(`tiny-salmonn: ${error.message}`);
    process.exit(2);
  }
}

const { folder, seed } = commandLine();
setup();
await import("./register.js");
const { writeRandomSalmonn } = await import("./random-salmonn.ts");
writeRandomSalmonn(folder, seed);
console.log(`${folder}/config.yaml`);
