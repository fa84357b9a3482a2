// `npm run bench -- [names] [--shapes NAME]`: makes the checkout ready, then runs bench/main.ts with these arguments.
import { join } from "node:path";
import { environment, inOurPlace, typescript } from "./run.js";
import { ROOT, setup } from "./setup.js";

setup();
await inOurPlace(typescript(join(ROOT, "bench/main.ts"), ...process.argv.slice(2)), await environment());
