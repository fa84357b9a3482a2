/** The page's colours for what is drawn on a canvas, which CSS does not reach. */
import { signal } from "@preact/signals";

const query = matchMedia("(prefers-color-scheme: dark)");
/** Dark or light; what draws reads it, so that it draws again when it changes. */
export const dark = signal(query.matches);
query.addEventListener("change", () => {
  dark.value = query.matches;
});

/** A custom property's colour, which must be written as #rrggbb. */
export function rgb(name: `--${string}`): [number, number, number] {
  const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as [number, number, number];
}
