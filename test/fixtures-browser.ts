/** Files of this repository for the tests, in a worker of a page; every path counts from its root. */

/** Where a file or a folder is, as `openFolder` takes it. */
export const locate = (path: string): string => new URL(`/${path}`, location.href).href;

/** A file's bytes. */
export const readBytes = (path: string): Uint8Array<ArrayBuffer> => new Uint8Array(get(locate(path)));

/** A file's text. */
export const readText = (path: string): string => new TextDecoder().decode(get(locate(path)));

/** Whether there is a file. */
export const exists = (path: string): boolean => request("HEAD", locate(path)).status === 200;

/** The files below a folder, by their paths within it. */
export const listFiles = (folder: string): string[] =>
  JSON.parse(new TextDecoder().decode(get(`${locate(folder)}?files`)));

/** Gives `use` the URL of a folder on a web server. */
export const serving = (folder: string, use: (url: string) => Promise<unknown>): Promise<unknown> =>
  use(locate(folder));

function get(url: string): ArrayBuffer {
  const { status, response } = request("GET", url);
  if (status !== 200) throw new Error(`expected ${url}, got status ${status}`);
  return response;
}

/** Waits for the answer, as reading a file does in Node; a worker may. */
function request(method: "GET" | "HEAD", url: string): XMLHttpRequest {
  const request = new XMLHttpRequest();
  request.open(method, url, false);
  request.responseType = "arraybuffer";
  request.send();
  return request;
}
