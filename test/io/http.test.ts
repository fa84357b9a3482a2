import type { ServerResponse } from "node:http";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openCheckpoint } from "../../src/io/checkpoint.ts";
import * as browser from "../../src/io/files-browser.ts";
import * as node from "../../src/io/files-node.ts";
import { httpFile, httpFolder, httpSource } from "../../src/io/http.ts";
import { loadWeights, matrix, type Tree } from "../../src/io/load.ts";
import { MAX_TEXT, SourceError } from "../../src/io/source.ts";
import { FakeGpu, file, rejects, type Stored, utf8 } from "./helpers.ts";
import { serve, withServer } from "./server.ts";

const HASTY = { stall: 150, request: 1000, backoff: [5, 10] };
const data = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 31) >> 3);
const files = { "model.bin": data, "a b#.json": utf8('{"x": 1}'), empty: new Uint8Array(0) };

test("reads parts of a file by Range", () =>
  withServer(serve(files), async (url) => {
    const source = await httpSource(`${url}/model.bin`, HASTY);
    assert.is(source.size, data.length);
    assert.equal(await source.read(0, 10), data.slice(0, 10));
    assert.equal(await source.read(1_234_567, 1_500_000), data.slice(1_234_567, 2_734_567));
    assert.is((await source.read(5, 0)).length, 0);
    const into = new Uint8Array(20);
    assert.is((await source.read(data.length - 3, 3, { into })).buffer, into.buffer);
    assert.equal(into.subarray(0, 3), data.slice(-3));
    await source.close();
  }));

test("a folder: has, open, text, names that need escaping, an empty file", () =>
  withServer(serve(files), async (url) => {
    const folder = httpFolder(url, HASTY);
    assert.ok(await folder.has("model.bin"));
    assert.ok(await folder.has("empty"));
    assert.not(await folder.has("other"));
    assert.is(await folder.text("a b#.json"), '{"x": 1}');
    assert.is((await folder.open("empty")).size, 0);
    await rejects(() => folder.open("../x"), SourceError, /relative to the folder/);
  }));

test("404 names the URL", () =>
  withServer(serve(files), async (url) => {
    await rejects(
      () => httpSource(`${url}/none`, HASTY),
      SourceError,
      /http:\/\/127.*\/none, got status 404/,
    );
    await rejects(() => httpFolder(url, HASTY).text("none"), SourceError, /\/none, got status 404/);
  }));

test("401 says what to do", () =>
  withServer(
    (_, response) => void response.writeHead(401).end(),
    (url) => rejects(() => httpFolder(url, HASTY).has("x"), SourceError, /status 401; .*download the folder/),
  ));

test("a server that ignores Range is refused without taking the body", async () => {
  let sent = 0;
  let closed = false;
  const endless = (_: unknown, response: ServerResponse) => {
    response.writeHead(200);
    response.on("close", () => {
      closed = true;
    });
    const more = () => {
      while (!closed && response.write(data)) sent += data.length;
    };
    response.on("drain", more);
    more();
  };
  await withServer(endless, async (url) => {
    await rejects(
      () => httpSource(`${url}/x`, HASTY),
      SourceError,
      /ignores Range.*download the folder and pass its path/,
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(closed, "the connection is let go");
    assert.ok(sent < 50e6, `${sent} bytes were sent`);
  });
});

test("a size that Content-Range hides comes from HEAD", () =>
  withServer(
    (request, response) => {
      if (request.method === "HEAD") response.writeHead(200, { "content-length": 3 }).end();
      else response.writeHead(206).end(request.headers.range === "bytes=0-0" ? "a" : "abc");
    },
    async (url) => {
      const source = await httpSource(url, HASTY);
      assert.is(source.size, 3);
      assert.equal(await source.read(0, 3), utf8("abc"));
    },
  ));

test("an overloaded server is asked again, three times at most", async () => {
  let asked = 0;
  const good = serve(files);
  await withServer(
    (request, response) => {
      if (++asked % 3 !== 0) response.writeHead(asked % 2 ? 503 : 429).end();
      else good(request, response);
    },
    async (url) => {
      const source = await httpSource(`${url}/model.bin`, HASTY);
      assert.equal(await source.read(7, 7), data.slice(7, 14));
      assert.is(asked, 6);
    },
  );
  asked = 0;
  await withServer(
    (_, response) => {
      asked++;
      response.writeHead(500).end();
    },
    (url) => rejects(() => httpSource(`${url}/x`, HASTY), SourceError, /status 500 \(3 tries\)/),
  );
  assert.is(asked, 3);
});

test("nobody there", async () => {
  let url = "";
  await withServer(serve({}), async (used) => {
    url = used;
  });
  await rejects(() => httpSource(`${url}/x`, HASTY), SourceError, /ECONNREFUSED.*\(3 tries\)/);
  await rejects(() => httpFolder("ftp://x/y"), SourceError, /expected an http\(s\) URL, got 'ftp:/);
  await rejects(() => httpSource("nonsense"), SourceError, /expected an http\(s\) URL, got 'nonsense'/);
});

test("silence ends in an error: before the headers and within the body", async () => {
  await withServer(
    () => {},
    (url) => rejects(() => httpSource(`${url}/x`, HASTY), SourceError, /in time \(3 tries\)/),
  );
  await withServer(
    (request, response) => {
      if (request.headers.range === "bytes=0-0") return serve(files)(request, response);
      response.writeHead(206, { "content-range": "bytes 0-99/3000000", "content-length": 100 }).write("abc");
    },
    async (url) => {
      const source = await httpSource(`${url}/model.bin`, HASTY);
      await rejects(() => source.read(0, 100), SourceError, /in time \(3 tries\)/);
    },
  );
});

test("a trickle ends in an error too", () =>
  withServer(
    (_, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write(" "), 20);
      response.on("close", () => clearInterval(timer));
    },
    (url) => {
      const timing = { ...HASTY, request: 200, backoff: [] };
      return rejects(() => httpFolder(url, timing).text("config.json"), SourceError, /in time \(1 tries\)/);
    },
  ));

test("short and long bodies", async () => {
  const answer = (length: number) => (request: { headers: { range?: string } }, response: ServerResponse) => {
    const body = request.headers.range === "bytes=0-0" ? "a" : "a".repeat(length);
    response.writeHead(206, { "content-range": "bytes 0-0/100" }).end(body);
  };
  await withServer(answer(7), async (url) => {
    const source = await httpSource(url, HASTY);
    await rejects(() => source.read(0, 10), SourceError, /expected 10 bytes of http.*, got 7 \(3 tries\)/);
  });
  await withServer(answer(11), async (url) => {
    const source = await httpSource(url, HASTY);
    await rejects(() => source.read(0, 10), SourceError, /expected 10 bytes of http.*, got more/);
  });
  await withServer(
    (request, response) => {
      if (request.headers.range === "bytes=0-0") return serve(files)(request, response);
      response.writeHead(206, { "content-range": "bytes 0-99/3000000", "content-length": 100 });
      response.write("abc", () => response.destroy());
    },
    async (url) => {
      const source = await httpSource(`${url}/model.bin`, HASTY);
      await rejects(
        () => source.read(0, 100),
        SourceError,
        /^http: expected http.*model.bin, got .*\(3 tries\)/,
      );
    },
  );
});

test("a file that changes while it is read", async () => {
  const changing: Record<string, Uint8Array> = { x: data };
  await withServer(serve(changing), async (url) => {
    const source = await httpSource(`${url}/x`, HASTY);
    changing.x = data.slice(1);
    await rejects(() => source.read(0, 10), SourceError, /to stay 3000000 bytes, got 2999999/);
  });
});

test("abort ends a read at once", () =>
  withServer(
    (request, response) => {
      if (request.headers.range === "bytes=0-0") serve(files)(request, response);
    },
    async (url) => {
      const source = await httpSource(`${url}/model.bin`, { ...HASTY, stall: 60_000 });
      const controller = new AbortController();
      setTimeout(() => controller.abort(new Error("enough")), 30);
      const start = Date.now();
      await rejects(() => source.read(0, 10, { signal: controller.signal }), Error, /^enough$/);
      assert.ok(Date.now() - start < 1000);
    },
  ));

test("text files are capped, whether or not their length is told", async () => {
  await withServer(
    (_, response) => void response.writeHead(200, { "content-length": MAX_TEXT + 1 }).write("{"),
    (url) =>
      rejects(
        () => httpFolder(url, { ...HASTY, request: 60_000 }).text("config.json"),
        SourceError,
        /at most 67108864 bytes/,
      ),
  );
  await withServer(
    (_, response) => {
      response.writeHead(200);
      const more = () => {
        while (response.write(data) && !response.destroyed);
      };
      response.on("drain", more);
      more();
    },
    (url) =>
      rejects(
        () => httpFolder(url, { ...HASTY, request: 60_000 }).text("config.json"),
        SourceError,
        /at most 67108864 bytes/,
      ),
  );
});

test("text that is not UTF-8", () =>
  withServer(serve({ "config.json": Uint8Array.of(0xff, 0xfe) }), (url) =>
    rejects(
      () => httpFolder(url, { ...HASTY, request: 60_000 }).text("config.json"),
      SourceError,
      /expected UTF-8 in http/,
    ),
  ));

test("a host that answers every address with its page has no such file", () =>
  withServer(
    (_, response) => void response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<p>"),
    async (url) => {
      const folder = httpFolder(url, { ...HASTY, request: 60_000 });
      assert.not(await folder.has("model.safetensors.index.json"));
      const reason =
        /expected the file http.*, got a web page \(HTML\); check the address, and whether it needs a login/;
      await rejects(() => folder.open("model.safetensors"), SourceError, reason);
      await rejects(() => folder.text("config.json"), SourceError, reason);
      await rejects(() => httpFile(`${url}/x`, HASTY), SourceError, reason);
    },
  ));

test("a file that changes while it is read, its size staying the same", async () => {
  let etag = '"one"';
  await withServer(
    (request, response) => serve(files)(request, response.setHeader("etag", etag)),
    async (url) => {
      const source = await httpSource(`${url}/model.bin`, HASTY);
      assert.is(source.version, '"one"');
      await source.read(0, 10);
      etag = '"two"';
      await rejects(() => source.read(0, 10), SourceError, /to stay "one", got "two"; load it again/);
    },
  );
});

test("a Hugging Face model page stands for its files", () => {
  const files = "https://huggingface.co/Qwen/Qwen2-Audio-7B-Instruct/resolve/main/";
  for (const page of ["", "/", "/tree/main", "/resolve/main/"])
    assert.is(httpFolder(`https://huggingface.co/Qwen/Qwen2-Audio-7B-Instruct${page}`).name, files);
  assert.is(httpFolder("https://hf.co/a/b/tree/v1").name, "https://huggingface.co/a/b/resolve/v1/");
  assert.is(httpFolder("https://example.org/a/b").name, "https://example.org/a/b/");
});

test("loading from a server that answers no more ends by its signal", async () => {
  const big: Stored = { dtype: "U8", shape: [1, 33_000_000], bytes: new Uint8Array(33_000_000) };
  const gpu = new FakeGpu();
  const enough = new Error("enough");
  const answer = serve({ "model.safetensors": file({ big }) });
  await withServer(
    (request, response) => {
      if (/-(\d{1,5})$/.test(request.headers.range ?? "")) answer(request, response);
    },
    async (url) => {
      const later = new AbortController();
      const checkpoint = await openCheckpoint(httpFolder(url));
      setTimeout(() => later.abort(enough), 50);
      const start = Date.now();
      const tree: Tree = { big: matrix("big", [1, 33_000_000]) };
      await rejects(() => loadWeights(gpu, checkpoint, tree, { signal: later.signal }), Error, /^enough$/);
      assert.ok(Date.now() - start < 2000);
      assert.is(gpu.alive, 0);
    },
  );
});

test("a whole file is read by its URL, here and in Node; a path may lead out of its folder", () =>
  withServer(serve({ "clips/a.txt": utf8("abc") }), async (url) => {
    for (const { readFile } of [browser, node])
      assert.equal(await readFile(`${url}/data/../clips/a.txt`), utf8("abc"));
    await rejects(() => browser.readFile(`${url}/data/a.txt`), SourceError, /status 404; check the address/);
    await rejects(() => browser.readFile("/home/me/x"), SourceError, /^read: expected an http\(s\) URL/);
  }));

test.run();
