// `npm run demo [-- arguments]`: makes the checkout ready, then runs `ahamask demo`.
import { join } from "node:path";
import { inOurPlace } from "./run.js";
import { ROOT, setup } from "./setup.js";

setup();
await inOurPlace([join(ROOT, "bin/ahamask.js"), "demo", ...process.argv.slice(2)]);
