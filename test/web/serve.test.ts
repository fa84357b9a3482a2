import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ROOT } from "./page-site.ts";

const test = suite("npm run web");

test("it builds the page, says where it is, serves it with the demo, and ends when it is told to", async () => {
  const child = spawn(process.execPath, [join(ROOT, "scripts/web.js"), "--port", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    let url: string | undefined;
    for await (const line of createInterface(child.stdout)) {
      url = /^ahamask: open (http:\/\/localhost:\d+\/)$/.exec(line)?.[1];
      if (url) break;
    }
    assert.ok(url, "it tells its address");
    assert.match(await (await fetch(url)).text(), /<title>[^<]*ahamask/);
    const worker = await (await fetch(`${url}sw.js`)).text();
    const demo = /"(demo-\w+\/)clips\.jsonl"/.exec(worker)?.[1];
    const ask = (range: string) => fetch(`${url}${demo}model/config.json`, { headers: { range } });
    const part = await ask("bytes=0-0");
    assert.equal([part.status, await part.text()], [206, "{"]);
    const past = await ask("bytes=5000-");
    assert.equal([past.status, past.headers.get("content-range")], [416, "bytes */1027"]);
  } finally {
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const [code, signal] = await ended;
    assert.ok(code === 0 || code === 143 || signal === "SIGTERM", `${code} ${signal}`);
  }
});

test.run();
