/** Does `work` when nobody else in this browser, in this tab or another, does work of that name for this site. */
export async function withLock<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const locks = globalThis.navigator?.locks; // secure pages have them, as they have private file systems
  return locks ? locks.request(name, { signal }, work) : work();
}
