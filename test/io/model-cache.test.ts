import type { IncomingMessage, ServerResponse } from "node:http";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { httpFolder } from "../../src/io/http.ts";
import { PIECE } from "../../src/io/kept-files.ts";
import { ModelCache } from "../../src/io/model-cache.ts";
import { folderWith } from "../../src/io/path.ts";
import { SourceError } from "../../src/io/source.ts";
import { memoryStore, type Store } from "../../src/io/store.ts";
import { rejects, utf8 } from "./helpers.ts";
import { serve, withServer } from "./server.ts";

const HASTY = { stall: 1000, request: 5000, backoff: [5, 10] };
const weights = Uint8Array.from({ length: 2 * PIECE + 1000 }, (_, i) => (i * 31) >> 7);
const files = (): Record<string, Uint8Array> => ({
  "config.json": utf8('{"x": 1}'),
  "model.safetensors": weights,
});

/** A server whose requests are counted, by file and range. */
function counted(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const asked: string[] = [];
  return {
    asked,
    answer(request: IncomingMessage, response: ServerResponse) {
      asked.push([request.url, request.headers.range].filter(Boolean).join(" "));
      answer(request, response);
    },
  };
}

/** What a load reads: headers first, then ranges across the pieces' borders. */
async function load(cache: ModelCache, url: string) {
  const folder = await cache.folder(httpFolder(url, HASTY));
  assert.ok(await folder.has("config.json"));
  assert.is(await folder.text("config.json"), '{"x": 1}');
  assert.not(await folder.has("model.safetensors.index.json"));
  const source = await folder.open("model.safetensors");
  assert.is(source.size, weights.length);
  for (const [offset, length] of [
    [0, 8],
    [2 * PIECE + 10, 990],
    [PIECE - 5, 10],
    [100, PIECE],
    [PIECE, PIECE],
  ] as const)
    assert.ok(
      Buffer.from(weights.buffer, offset, length).equals(await source.read(offset, length)),
      `${offset}`,
    );
  await source.close();
  await folder.markWhole();
  return folder;
}

test("what was read once is served without a request, also where the server is gone", async () => {
  const cache = new ModelCache(memoryStore());
  let url = "";
  const { asked, answer } = counted(serve(files()));
  await withServer(answer, async (base) => {
    url = `${base}/`;
    const { traffic, notKept } = await load(cache, base);
    assert.equal([traffic, notKept], [{ fetched: weights.length, kept: 0 }, undefined]);
    assert.is(asked.filter((line) => line.startsWith("/model.safetensors bytes")).length, 4); // a byte, three pieces
    asked.length = 0;
    assert.equal((await load(cache, base)).traffic, { fetched: 0, kept: weights.length });
    assert.equal(asked, []);
  });
  await load(cache, url);
  assert.equal(await cache.kept(), [{ url, bytes: weights.length + 8, whole: true }]);
});

/** The store's pieces of the weights, by their place. */
const pieces = async (store: Store) =>
  (await store.list()).filter((path) => /\.\d+$/.test(path)).sort((a, b) => (a < b ? -1 : 1));

test("a load that was broken off goes on where it was", async () => {
  const cache = new ModelCache(memoryStore());
  const good = serve(files());
  let sound = 2; // answers with a piece of the weights
  const { asked, answer } = counted((request, response) => {
    if (/bytes=\d+-\d{5}/.test(request.headers.range ?? "") && sound-- <= 0) {
      response.writeHead(206, { "content-length": 1000, "content-range": `bytes 0-999/${weights.length}` });
      response.write("abc", () => response.destroy());
    } else good(request, response);
  });
  await withServer(answer, async (url) => {
    await rejects(() => load(cache, url), SourceError, /\(3 tries\)$/);
    assert.equal(
      (await cache.kept()).map(({ bytes, whole }) => [bytes, whole]),
      [[PIECE + 1008, false]],
    );
    sound = Infinity;
    asked.length = 0;
    assert.equal((await load(cache, url)).traffic, { fetched: PIECE, kept: PIECE + 1000 });
    assert.equal((await cache.kept())[0]?.whole, true);
  });
});

test("a server that is gone before the model is whole: what is kept serves, the rest is missed in words", async () => {
  const cache = new ModelCache(memoryStore());
  let url = "";
  await withServer(serve(files()), async (base) => {
    url = base;
    const folder = await cache.folder(httpFolder(url, HASTY));
    await folder.text("config.json");
    await (await folder.open("model.safetensors")).read(0, 8);
  });
  const folder = await cache.folder(httpFolder(url, HASTY));
  assert.is(await folder.text("config.json"), '{"x": 1}');
  const source = await folder.open("model.safetensors");
  assert.equal(await source.read(PIECE - 3, 3), weights.slice(PIECE - 3, PIECE));
  await rejects(() => source.read(PIECE, 3), SourceError, /ECONNREFUSED/);
  await rejects(() => folder.text("tokenizer.json"), SourceError, /ECONNREFUSED/);
});

test("a damaged piece is fetched again, also of a whole model", async () => {
  const store = memoryStore();
  const cache = new ModelCache(store);
  await withServer(serve(files()), async (url) => {
    await load(cache, url);
    for (const damage of [
      (bytes: Uint8Array) => bytes.fill(7, 500, 501),
      (bytes: Uint8Array) => bytes.subarray(1),
      () => new Uint8Array(0),
    ]) {
      for (const path of await pieces(store)) await store.write(path, damage((await store.read(path))!));
      assert.equal((await load(cache, url)).traffic, { fetched: weights.length, kept: 0 });
      assert.equal((await load(cache, url)).traffic, { fetched: 0, kept: weights.length });
    }
  });
});

test("a damaged manifest costs a question for each file", async () => {
  const store = memoryStore();
  const cache = new ModelCache(store);
  await withServer(serve(files()), async (url) => {
    await load(cache, url);
    const manifest = (await store.list()).find((path) => path.endsWith("/model.json"))!;
    await store.write(manifest, utf8("{"));
    assert.equal((await load(cache, url)).traffic, { fetched: 0, kept: weights.length });
  });
});

test("another version in the file's place: its pieces never mix with those of the old one", async () => {
  const store = memoryStore();
  const cache = new ModelCache(store);
  let etag = '"one"';
  let bytes = weights;
  await withServer(
    (request, response) => {
      response.setHeader("etag", etag);
      serve({ "config.json": utf8('{"x": 1}'), "model.safetensors": bytes })(request, response);
    },
    async (url) => {
      const folder = await cache.folder(httpFolder(url, HASTY));
      const before = await folder.open("model.safetensors");
      await before.read(0, 8);
      [etag, bytes] = ['"two"', weights.map((byte) => byte ^ 255)]; // of the same size
      await rejects(() => before.read(PIECE, 8), SourceError, /to stay "one", got "two"; load it again/);
      const again = await cache.folder(httpFolder(url, HASTY));
      assert.equal(await (await again.open("model.safetensors")).read(0, 8), bytes.slice(0, 8));
      assert.is((await pieces(store)).length, 1, "the old piece is gone");
    },
  );
});

test("a whole model that lacks a piece, whose file has changed: said, and mended by the next load", async () => {
  const store = memoryStore();
  const cache = new ModelCache(store);
  const served = files();
  await withServer(serve(served), async (url) => {
    await load(cache, url);
    for (const path of await pieces(store)) if (path.endsWith(".2")) await store.remove(path);
    served["model.safetensors"] = weights.slice(1);
    const folder = await cache.folder(httpFolder(url, HASTY));
    const source = await folder.open("model.safetensors");
    assert.equal(await source.read(0, 8), weights.slice(0, 8));
    await rejects(() => source.read(2 * PIECE, 8), SourceError, /got another version; load the model again/);
    const again = await cache.folder(httpFolder(url, HASTY));
    assert.equal(await (await again.open("model.safetensors")).read(0, 8), weights.slice(1, 9));
  });
});

/** A store with room for so many bytes. */
function small(room: number): Store {
  const store = memoryStore();
  return {
    ...store,
    async write(path, bytes) {
      room -= bytes.length;
      if (room < 0) throw new SourceError(`write: expected to write '${path}', got no room; delete some`);
      await store.write(path, bytes);
    },
  };
}

test("a store that is full: the model is read over the network, and it is said", async () => {
  for (const room of [0, 100, 5000, PIECE + 5000]) {
    const cache = new ModelCache(small(room));
    await withServer(serve(files()), async (url) => {
      const folder = await load(cache, url);
      assert.match(folder.notKept ?? "", /got no room; delete some$/);
      assert.not((await cache.kept())[0]?.whole);
      await load(cache, url);
    });
  }
});

test("a store that cannot be read is done without", async () => {
  const broken = async () => {
    throw new SourceError("read: no store here");
  };
  const store = { ...memoryStore(), read: broken, open: broken, write: broken, list: broken, remove: broken };
  await withServer(serve(files()), async (url) => {
    const folder = await load(new ModelCache(store), url);
    assert.is(folder.notKept, "read: no store here");
    await load(new ModelCache(store), url);
  });
});

test("a server without Range: the file comes whole, once, and is read from here", async () => {
  const cache = new ModelCache(memoryStore());
  const dumb = counted((request, response) => {
    delete request.headers.range;
    response.setHeader("last-modified", "Sat, 01 Aug 2026 00:00:00 GMT");
    serve(files())(request, response);
  });
  await withServer(dumb.answer, async (url) => {
    const first = await load(cache, url);
    assert.equal(first.traffic, { fetched: weights.length, kept: weights.length });
    assert.equal((await load(cache, url)).traffic, { fetched: 0, kept: weights.length });
    await (await cache.folder(httpFolder(url, HASTY))).open("model.safetensors");
    await rejects(
      () => load(new ModelCache(small(PIECE)), url),
      SourceError,
      /ignores Range.*; it was not kept here either: write: .* got no room; delete some$/,
    );
  });
});

test("a server without Range that breaks off: from the start again; one whose file is here is not asked for it", async () => {
  const cache = new ModelCache(memoryStore());
  let broken = 1;
  let sent = 0;
  await withServer(
    (request, response) => {
      const bytes = files()[(request.url ?? "").slice(1)];
      if (!bytes) return void response.writeHead(404).end();
      response.writeHead(200, { "content-length": bytes.length, etag: '"x"' });
      if (request.headers.range) return void response.write(bytes.subarray(0, 10));
      if (bytes === weights && broken-- > 0)
        return void response.write(bytes.subarray(0, PIECE + 5), () => response.destroy());
      if (bytes === weights) sent++;
      return void response.end(bytes);
    },
    async (url) => {
      const read = async () => {
        const folder = await cache.folder(httpFolder(url, HASTY));
        const source = await folder.open("model.safetensors");
        assert.equal(await source.read(2 * PIECE, 1000), weights.slice(2 * PIECE));
        return source;
      };
      await read();
      assert.is(sent, 1);
      const source = await read();
      assert.ok(Buffer.from(await source.read(3, PIECE)).equals(weights.subarray(3, PIECE + 3)));
    },
  );
});

/** A server without Range that knows versions; `send` answers for the weights. */
const wholeOnly =
  (send: (response: ServerResponse) => void) => (request: IncomingMessage, response: ServerResponse) => {
    const name = (request.url ?? "").slice(1);
    const bytes = files()[name];
    if (!bytes) return void response.writeHead(404).end();
    response.writeHead(200, { "content-length": bytes.length, etag: '"x"' });
    return bytes === weights ? send(response) : void response.end(bytes);
  };

test("a server without Range: a damaged piece is said, and mended by the next load", async () => {
  const store = memoryStore();
  const cache = new ModelCache(store);
  await withServer(
    wholeOnly((response) => response.end(weights)),
    async (url) => {
      await load(cache, url);
      const path = (await pieces(store)).find((piece) => piece.endsWith(".1"))!;
      await store.write(path, (await store.read(path))!.fill(7, 500, 501));
      await rejects(() => load(cache, url), SourceError, /to be whole, got a gap; load the model again$/);
      await load(cache, url);
      assert.equal((await load(cache, url)).traffic, { fetched: 0, kept: weights.length });
    },
  );
});

test("a server without Range: the download tells how far it is, and ends at once when it is aborted", async () => {
  const cache = new ModelCache(memoryStore());
  let asked = 0;
  let ended = 0;
  await withServer(
    wholeOnly((response) => {
      asked++;
      response.on("close", () => ended++);
      response.write(weights.subarray(0, 1000)); // and no more
    }),
    async (url) => {
      const controller = new AbortController();
      const { signal } = controller;
      const told: number[][] = [];
      const onProgress = (...bytes: number[]) => {
        told.push(bytes);
        controller.abort(new Error("enough"));
      };
      const folder = folderWith(await cache.folder(httpFolder(url)), { signal, onProgress });
      await rejects(() => folder.open("model.safetensors"), Error, /^enough$/);
      assert.equal(told, [[1000, weights.length]]);
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal([asked, ended], [2, 2]); // for its first byte, and for all of it
    },
  );
});

test("two at once: each piece comes once, and both read the same", async () => {
  const store = memoryStore();
  const { asked, answer } = counted(serve(files()));
  await withServer(answer, async (url) => {
    await Promise.all([load(new ModelCache(store), url), load(new ModelCache(store), url)]);
    const ranges = asked.filter((line) => /model.safetensors bytes=\d+-\d{2,}/.test(line));
    assert.is(ranges.length, 3, ranges.join());
  });
});

test("forgotten while it is read: the reader goes on, and what it leaves is cleared away", async () => {
  const store = memoryStore();
  const cache = new ModelCache(store);
  await withServer(serve(files()), async (url) => {
    const folder = await cache.folder(httpFolder(url, HASTY));
    const source = await folder.open("model.safetensors");
    await source.read(0, 8);
    await cache.forget(folder.name);
    assert.equal(await store.list(), []);
    assert.equal(await source.read(100, 8), weights.slice(100, 108));
    assert.equal(await source.read(PIECE, 8), weights.slice(PIECE, PIECE + 8));
    await folder.markWhole();
    assert.not((await cache.kept()).some(({ whole }) => whole));
    assert.equal(await store.list(), []);
  });
});

test("forget deletes one model, clear all", async () => {
  const store = memoryStore();
  const cache = new ModelCache(store);
  await withServer(serve(files()), (one) =>
    withServer(serve(files()), async (two) => {
      await load(cache, one);
      await load(cache, two);
      await cache.forget(`${one}/`);
      assert.equal(
        (await cache.kept()).map(({ url }) => url),
        [`${two}/`],
      );
      await load(cache, one);
      await cache.clear();
      assert.equal([await cache.kept(), await store.list()], [[], []]);
    }),
  );
});

test("a reader that gives up is let go at once; closing ends the transfer", async () => {
  const cache = new ModelCache(memoryStore());
  let ended = false;
  await withServer(
    (request, response) => {
      if (/bytes=0-0$/.test(request.headers.range ?? "")) return serve(files())(request, response);
      response.writeHead(206, { "content-length": PIECE, "content-range": `bytes 0-9/${weights.length}` });
      response.write("abc");
      response.on("close", () => {
        ended = true;
      });
    },
    async (url) => {
      const source = await (await cache.folder(httpFolder(url, HASTY))).open("model.safetensors");
      const controller = new AbortController();
      setTimeout(() => controller.abort(new Error("enough")), 30);
      await rejects(() => source.read(0, 10, { signal: controller.signal }), Error, /^enough$/);
      assert.not(ended, "somebody else may want it");
      const waiting = rejects(() => source.read(0, 10), SourceError, /to be open, got it closed/);
      await source.close();
      await waiting;
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.ok(ended);
    },
  );
});

test.run();
