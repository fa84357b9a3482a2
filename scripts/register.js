// Loaded with `node --import`: TypeScript through tsx, and `.wgsl` files as strings, so that the sources run unbuilt.
import { register } from "node:module";
import "tsx";

const loadWgsl = `
import { readFile } from "node:fs/promises";
export async function load(url, context, next) {
  if (!url.endsWith(".wgsl")) return next(url, context);
  const code = await readFile(new URL(url), "utf8");
  return { format: "module", shortCircuit: true, source: "export default " + JSON.stringify(code) };
}`;
register(`data:text/javascript,${encodeURIComponent(loadWgsl)}`);
