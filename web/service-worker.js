// The service worker: the page, once visited, opens without a network. The build puts VERSION and FILES above this:
// what the page consists of, and the small files of the demo. Other demo files are kept as they are asked for; a model's
// weights the page keeps by itself.
/* global VERSION, FILES */
const scope = globalThis.registration.scope;
const DEMO = /^demo-\w+\//;
const CACHE = `ahamask ${scope} ${VERSION}`;

globalThis.addEventListener("install", (event) => {
  const fresh = FILES.map((file) => new Request(new URL(file, scope), { cache: "no-cache" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(fresh)));
});

globalThis.addEventListener("activate", (event) => {
  const old = (name) => name.startsWith(`ahamask ${scope} `) && name !== CACHE;
  const clear = async () => {
    for (const name of await caches.keys()) if (old(name)) await caches.delete(name);
    await globalThis.clients.claim();
  };
  event.waitUntil(clear());
});

globalThis.addEventListener("fetch", (event) => {
  const { request } = event;
  const path = request.url.startsWith(scope)
    ? request.url.slice(scope.length).replace(/[?#].*$/, "")
    : undefined;
  const weights = path !== undefined && /^demo-\w+\/model\//.test(path);
  if (request.method !== "GET" || path === undefined || weights || request.headers.has("range")) return;
  event.respondWith(request.mode === "navigate" ? page(request, path) : answer(request, path));
});

/** The page as it is published now; without a network, or a sound answer, as it is kept. */
async function page(request, path) {
  const response = await fetch(request).catch(() => undefined);
  if (response?.ok) return response;
  const cache = await caches.open(CACHE);
  const kept = await cache.match(path === "index.html" ? scope : new URL(path, scope));
  return kept ?? response ?? Response.error();
}

async function answer(request, path) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(new URL(path, scope));
  if (kept) return kept;
  const response = await fetch(request);
  if (DEMO.test(path) && response.status === 200) await cache.put(request, response.clone()).catch(() => {}); // no room: it is fetched again another time
  return response;
}
