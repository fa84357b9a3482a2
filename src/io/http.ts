/** Files on the web, read by Range requests with `fetch`: the same code in Node and in browsers. */
import {
  type ByteSource,
  checkFile,
  checkTextSize,
  decodeText,
  type Folder,
  NoRangeError,
  type ReadOptions,
  readTarget,
  SourceError,
  UnreachableError,
} from "./source.ts";

/** How long to be patient, in milliseconds. */
export interface HttpTiming {
  /** Longest silence: before the headers, and between two pieces of a body. */
  stall: number;
  /** Longest life of one request. */
  request: number;
  /** Pauses before the second, third, … try. */
  backoff: readonly number[];
}

const PATIENT: HttpTiming = { stall: 30_000, request: 600_000, backoff: [500, 2_000] };

const BUSY = new Set([408, 425, 429]);

/**
 * The file at `url`; its size is asked for at once. Throws SourceError when the file is not there, when the server
 * cannot give parts of a file, and when it stays silent or broken over all tries.
 */
export async function httpSource(
  url: string,
  timing: HttpTiming = PATIENT,
  signal?: AbortSignal,
): Promise<ByteSource> {
  const name = parseUrl(url).href;
  const source = { name, ...(await describe(name, timing, signal)) };
  return {
    ...source,
    async read(offset, length, options) {
      const target = readTarget(source, offset, length, options);
      if (length === 0) return target;
      await request(
        name,
        { range: [offset, length], signal: options?.signal },
        timing,
        async (response, alive) => {
          const total = partTotal(name, response);
          if (total !== undefined && total !== source.size)
            throw new SourceError(
              `http: expected ${name} to stay ${source.size} bytes, got ${total}; load it again`,
            );
          if (versionOf(response) !== source.version)
            throw new SourceError(
              `http: expected ${name} to stay ${source.version}, got ${versionOf(response)}; load it again`,
            );
          await fill(name, response, target, alive);
        },
      );
      return target;
    },
    async close() {},
  };
}

/** A whole file, for what is small. Throws SourceError. */
export function httpFile(url: string, timing: HttpTiming = PATIENT): Promise<Uint8Array<ArrayBuffer>> {
  const { href } = parseUrl(url);
  return request(href, {}, timing, (response, alive) => whole(href, response, alive));
}

/** The files below `baseUrl`. A Hugging Face model page (https://huggingface.co/owner/name) stands for its files. */
export function httpFolder(baseUrl: string, timing: HttpTiming = PATIENT): Folder {
  const base = huggingFaceFiles(parseUrl(baseUrl).href);
  const at = (file: string): string => base + checkFile(file).split("/").map(encodeURIComponent).join("/");
  return {
    name: base,
    has: (file, { signal } = {}) =>
      request(at(file), { range: [0, 1], signal }, timing, async (response) => {
        if (response.status === 404) return false;
        // 416: the file is there, and empty.
        if (response.status !== 416) expectOk(at(file), response);
        return !isPage(response);
      }),
    open: (file, { signal } = {}) => httpSource(at(file), timing, signal),
    text: (file, { signal } = {}) =>
      request(at(file), { signal }, timing, async (response, alive) => {
        const check = (size: number) => checkTextSize(at(file), size);
        return decodeText(at(file), await whole(at(file), response, alive, check));
      }),
    stream: (file, sink, signal) =>
      request(at(file), { signal }, { ...timing, request: Infinity }, async (response, alive) => {
        expectFile(at(file), response);
        const size = Number(response.headers.get("content-length") ?? 0);
        if (!(await sink.begin(versionOf(response), size))) return;
        for await (const chunk of chunks(response, alive)) {
          await sink.push(chunk);
          alive();
        }
      }),
  };
}

function parseUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== "http:" && parsed?.protocol !== "https:")
    throw new SourceError(`http: expected an http(s) URL, got '${url}'`);
  return parsed;
}

function huggingFaceFiles(url: string): string {
  const page =
    /^https:\/\/(?:huggingface\.co|hf\.co)\/([^/]+)\/([^/?#]+)(?:\/(?:tree|resolve)\/([^/?#]+))?\/?$/;
  const match = page.exec(url);
  if (match) return `https://huggingface.co/${match[1]}/${match[2]}/resolve/${match[3] ?? "main"}/`;
  return url.endsWith("/") ? url : `${url}/`;
}

interface Description {
  readonly size: number;
  readonly version?: string;
}

/** The file at `url`, from a one-byte range request; its size from HEAD where the server hides Content-Range. */
async function describe(url: string, timing: HttpTiming, signal?: AbortSignal): Promise<Description> {
  // Nobody reads the body: some servers give all of the file for its first byte.
  const { size, version } = await request(url, { range: [0, 1], signal }, timing, async (response) => {
    const version = versionOf(response);
    return { size: response.status === 416 ? 0 : partTotal(url, response), version };
  });
  return { size: size ?? (await headSize(url, timing, signal)), ...(version !== undefined && { version }) };
}

function headSize(url: string, timing: HttpTiming, signal?: AbortSignal): Promise<number> {
  return request(url, { method: "HEAD", signal }, timing, async (response) => {
    expectOk(url, response);
    const length = response.headers.get("content-length");
    if (length === null)
      throw new SourceError(`http: expected ${url} to tell its size, got no Content-Length`);
    return Number(length);
  });
}

/** What changes when the file does. Pages see ETag only where the server exposes it to other origins. */
const versionOf = ({ headers }: Response): string | undefined =>
  headers.get("etag") ?? headers.get("last-modified") ?? undefined;

/** The whole file's size as a part's Content-Range tells it. */
function partTotal(url: string, response: Response): number | undefined {
  expectFile(url, response);
  if (response.status !== 206)
    throw new NoRangeError(
      `http: expected part of ${url}, got all of it (the server ignores Range); ` +
        "use a server that supports Range requests, or download the folder and pass its path",
    );
  const match = /\/(\d+)$/.exec(response.headers.get("content-range") ?? "");
  return match ? Number(match[1]) : undefined;
}

function expectOk(url: string, response: Response): void {
  if (response.ok) return;
  const remedy =
    response.status === 401 || response.status === 403
      ? "; it does not exist or needs a login: download the folder and pass its path"
      : "; check the address";
  throw new SourceError(`http: expected ${url}, got status ${response.status}${remedy}`);
}

/** Hosts of web apps answer every address with their page; no file of a model is one. */
const isPage = ({ headers }: Response): boolean => /^text\/html\b/i.test(headers.get("content-type") ?? "");

function expectFile(url: string, response: Response): void {
  expectOk(url, response);
  if (isPage(response))
    throw new SourceError(
      `http: expected the file ${url}, got a web page (HTML); check the address, and whether it needs a login`,
    );
}

/** Fills `target` with the body, which must be exactly as long. */
async function fill(url: string, response: Response, target: Uint8Array, alive: () => void): Promise<void> {
  let got = 0;
  for await (const chunk of chunks(response, alive)) {
    if (got + chunk.length > target.length)
      throw new SourceError(`http: expected ${target.length} bytes of ${url}, got more`);
    target.set(chunk, got);
    got += chunk.length;
  }
  if (got < target.length)
    throw new UnreachableError(`http: expected ${target.length} bytes of ${url}, got ${got}`);
}

/** A whole body; `check` throws when it is too large. */
async function whole(
  url: string,
  response: Response,
  alive: () => void,
  check: (size: number) => void = () => {},
): Promise<Uint8Array<ArrayBuffer>> {
  expectFile(url, response);
  check(Number(response.headers.get("content-length") ?? 0));
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of chunks(response, alive)) {
    size += chunk.length;
    check(size);
    parts.push(chunk);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function* chunks(response: Response, alive: () => void): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const reader = response.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) return;
    alive();
    yield value;
  }
}

interface Ask {
  method?: "GET" | "HEAD";
  /** Offset and length. */
  range?: readonly [number, number];
  signal?: ReadOptions["signal"];
}

type Take<T> = (response: Response, alive: () => void) => Promise<T>;

/** Asks until `take` has what it wants from the answer, with pauses between the tries. */
async function request<T>(url: string, ask: Ask, timing: HttpTiming, take: Take<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await requestOnce(url, ask, timing, take);
    } catch (error) {
      const pause = timing.backoff[tries - 1];
      if (!(error instanceof UnreachableError)) throw error;
      if (pause === undefined)
        throw new UnreachableError(`${error.message} (${tries} tries)`, { cause: error });
      await sleep(pause, ask.signal);
    }
  }
}

async function requestOnce<T>(url: string, ask: Ask, timing: HttpTiming, take: Take<T>): Promise<T> {
  const { method = "GET", range, signal } = ask;
  signal?.throwIfAborted();
  const controller = new AbortController();
  const stop = () => controller.abort(signal?.reason);
  signal?.addEventListener("abort", stop, { once: true });

  const deadline = Date.now() + timing.request;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const alive = () => {
    clearTimeout(timer);
    const patience = Math.min(timing.stall, deadline - Date.now());
    timer = setTimeout(
      () => controller.abort(new UnreachableError(`http: expected ${url}, got no full answer in time`)),
      patience,
    );
  };
  alive();
  const headers: Record<string, string> = range
    ? { Range: `bytes=${range[0]}-${range[0] + range[1] - 1}` }
    : {};
  try {
    // Parts of weights would push all else out of the browser's own cache, and a `ModelCache` keeps them already.
    const cache = range ? "no-store" : "no-cache";
    const response = await fetch(url, { method, headers, cache, signal: controller.signal }).catch(
      (error) => {
        throw controller.signal.aborted ? controller.signal.reason : unanswered(url, error);
      },
    );
    alive();
    if (response.status >= 500 || BUSY.has(response.status))
      throw new UnreachableError(`http: expected ${url}, got status ${response.status}`);
    return await take(response, alive);
  } catch (error) {
    if (controller.signal.aborted) throw controller.signal.reason;
    if (error instanceof SourceError) throw error;
    throw new UnreachableError(`http: expected ${url}, got ${networkReason(error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
    // Lets go of a body that nobody read; nothing happens when it was read to its end.
    controller.abort();
  }
}

/** Browsers do not tell a page why there was no answer, only that there was none. */
function unanswered(url: string, cause: unknown): unknown {
  if (!globalThis.location) return cause;
  const reason =
    new URL(url).origin === location.origin
      ? "no answer; check the connection, and whether the server still runs"
      : "no answer: no connection, a wrong address, or a server that refuses pages from elsewhere (CORS); " +
        "serve the files from this page's own address, from a server that sends Access-Control-Allow-Origin, " +
        "or download the folder and pick it";
  return new UnreachableError(`http: expected ${url}, got ${reason}`, { cause });
}

/** `fetch` says only "fetch failed"; what happened (ECONNREFUSED, a certificate) is in its cause. */
function networkReason(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error
    ? cause.message || ("code" in cause ? String(cause.code) : cause.name)
    : String(cause);
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}
