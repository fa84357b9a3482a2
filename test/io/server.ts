/** A web server of the tests in Node, which can misbehave. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Runs `use` against a server on this machine that answers by `answer`; everything is shut afterwards. */
export async function withServer(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  use: (url: string) => Promise<unknown>,
): Promise<void> {
  const server: Server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Answers as a good server does: Range, 404, HEAD. */
export function serve(files: Record<string, Uint8Array>) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const bytes = files[decodeURIComponent((request.url ?? "").slice(1))];
    if (!bytes) {
      response.writeHead(404).end();
      return;
    }
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    if (!range) {
      response
        .writeHead(200, { "content-length": bytes.length })
        .end(request.method === "HEAD" ? undefined : bytes);
      return;
    }
    const [begin, end] = [Number(range[1]), Math.min(Number(range[2]) + 1, bytes.length)];
    if (begin >= bytes.length) response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
    else
      response
        .writeHead(206, {
          "content-length": end - begin,
          "content-range": `bytes ${begin}-${end - 1}/${bytes.length}`,
        })
        .end(bytes.subarray(begin, end));
  };
}
