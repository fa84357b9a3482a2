/** The page's colours for what is drawn on a canvas, which CSS does not reach. */
import { computed, signal } from "@preact/signals";

const query = matchMedia("(prefers-color-scheme: dark)");
/** Dark or light; what draws reads it, so that it draws again when it changes. */
export const dark = signal(query.matches);
query.addEventListener("change", () => {
  dark.value = query.matches;
});

/** Colours as they were found under this theme. */
const found = computed(() => {
  void dark.value;
  return new Map<string, string>();
});

/** A CSS colour with its custom properties filled in, as a canvas takes it. */
export function colour(css: string): string {
  const known = found.value.get(css);
  if (known) return known;
  const style = getComputedStyle(document.documentElement);
  const filled = css.replace(/var\((--[\w-]+)\)/g, (_, name: string) => style.getPropertyValue(name).trim());
  found.value.set(css, filled);
  return filled;
}

/** A custom property's colour, which must be written as #rrggbb. */
export function rgb(name: `--${string}`): [number, number, number] {
  const hex = colour(`var(${name})`);
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as [number, number, number];
}
