/** A page that has the library at hand, as `ahamask`, in its window and in a worker. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Rolldown } from "tsdown";

declare global {
  /** In pages and workers of a site. */
  var ahamask: typeof import("../../src/index.ts");
}

/** Functions that tests hand to a page are compiled to call this. */
const NAMES = "globalThis.__name = (f) => f;";
const SCRIPT = `${NAMES} import * as ahamask from "/ahamask.js"; globalThis.ahamask = ahamask;`;

async function library(): Promise<string> {
  const bundle = await Rolldown.rolldown({
    input: join(fileURLToPath(new URL("../..", import.meta.url)), "src/index.ts"),
    platform: "browser",
    moduleTypes: { ".wgsl": "text" },
    onLog() {},
  });
  const { output } = await bundle.generate({ format: "esm", codeSplitting: false });
  await bundle.close();
  return output[0].code;
}

export interface Site {
  readonly url: string;
  close(): Promise<void>;
}

/** Answers on a port of this machine until it is closed. @param port 0 for any */
export async function listen(answer: RequestListener, port = 0): Promise<Site> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A site whose page has the library, which a worker at /worker.js has as well; `answer` gives all other addresses. */
export async function openSite(answer: RequestListener = notFound, port = 0): Promise<Site> {
  const code = await library();
  const files: Record<string, readonly [type: string, text: string]> = {
    "/": ["text/html", `<!doctype html><link rel=icon href=data:><script type=module>${SCRIPT}</script>`],
    "/worker.js": ["text/javascript", SCRIPT],
    "/ahamask.js": ["text/javascript", code],
  };
  return listen((request, response) => {
    const file = files[request.url ?? ""];
    if (file) response.writeHead(200, { "content-type": file[0] }).end(file[1]);
    else answer(request, response);
  }, port);
}

function notFound(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(404).end();
}
