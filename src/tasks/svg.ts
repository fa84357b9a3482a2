/** The little of SVG that the pictures of results need. Lengths are px of the drawing. */

type Attributes = Readonly<Record<string, string | number>>;

/** Okabe and Ito's colours, which tell apart for every kind of colour vision (jfly.uni-koeln.de/color). */
export const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"] as const;
export const INK = "#1f2933";
export const FAINT = "#d9dee4";

/** Text of any kind as SVG may hold it; control characters, which XML forbids, are dropped. */
export const escapeXml = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");

/** @param content markup already */
export function element(name: string, attributes: Attributes, content = ""): string {
  const list = Object.entries(attributes).map(([key, value]) => {
    const shown = typeof value === "number" ? String(Math.round(value * 100) / 100) : escapeXml(value);
    return ` ${key}="${shown}"`;
  });
  return content ? `<${name}${list.join("")}>${content}</${name}>` : `<${name}${list.join("")}/>`;
}

/** A line of text from (x, y), the middle of its letters' height. */
export const label = (x: number, y: number, text: string, attributes: Attributes = {}): string =>
  element("text", { x, y, dy: "0.35em", ...attributes }, escapeXml(text));

export const rect = (x: number, y: number, width: number, height: number, fill: string): string =>
  element("rect", { x, y, width, height, fill });

export const line = (x1: number, y1: number, x2: number, y2: number, stroke: string): string =>
  element("line", { x1, y1, x2, y2, stroke });

/** A label that reads upwards, centred at (x, y). */
export const upright = (x: number, y: number, text: string): string =>
  label(0, 0, text, { transform: `translate(${x} ${y}) rotate(-90)`, "text-anchor": "middle" });

/** A heading that is cut to fit `width`; the whole of it is the drawing's <title>. */
export function heading(x: number, y: number, text: string, width: number): string {
  const most = Math.floor(width / 10); // a bold letter of 16 px takes at most about 10
  const shown = text.length > most ? `${text.slice(0, most - 1)}…` : text;
  return label(x, y, shown, { "font-size": 16, "font-weight": "bold" });
}

/** A whole document on white that needs nothing else. */
export const document = (width: number, height: number, title: string, parts: readonly string[]): string =>
  `${element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      viewBox: `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`,
      width: Math.ceil(width),
      height: Math.ceil(height),
      role: "img",
      "font-family": "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif",
      "font-size": 12,
      fill: INK,
    },
    ["", `<title>${escapeXml(title)}</title>`, rect(0, 0, width, height, "#ffffff"), ...parts, ""].join("\n"),
  )}\n`;
