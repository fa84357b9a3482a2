// `npm run web [-- --port N]`: makes the checkout ready, builds the page into web/dist and serves it on this machine.
// `npm run web:build` builds only: web/dist is a folder of files that works from any host and path.
import { join } from "node:path";
import util from "node:util";
import { ROOT, setup } from "./setup.js";

const { port, build } = commandLine();

function commandLine() {
  try {
    const { values } = util.parseArgs({ options: { port: { type: "string" }, build: { type: "boolean" } } });
    const port = Number(values.port ?? 8080);
    if (Number.isInteger(port) && port >= 0 && port < 2 ** 16) return { ...values, port };
    throw new Error(`expected --port to be a whole number below 65536, got ${values.port}`);
  } catch (error) {
    console.error(`${error.message.split(". ")[0]}; usage: npm run web [-- --port N]`);
    process.exit(2);
  }
}

setup();
const vite = await import("vite");
const configFile = join(ROOT, "web/vite.config.ts");
await vite.build({ configFile, logLevel: build ? "info" : "warn" });
if (!build) {
  const server = await vite.preview({ configFile, logLevel: "warn", preview: { port } });
  console.log(`ahamask: open ${server.resolvedUrls.local[0]}`);
}
