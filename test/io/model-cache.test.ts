import type { IncomingMessage, ServerResponse } from "node:http";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { httpFolder } from "../../src/io/http.ts";
import { PIECE } from "../../src/io/kept-files.ts";
import { ModelCache } from "../../src/io/model-cache.ts";
import { memoryStore } from "../../src/io/store.ts";
import { serve, utf8, withServer } from "./helpers.ts";

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

test.run();
