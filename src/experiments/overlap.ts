import { compareMasks, headsPerLayer } from "../mask/analyze.ts";
import type { Findings, Table } from "./findings.ts";
import { overlapTest } from "./overlap-test.ts";
import { COLOURS, figure, INK, Plot, room } from "./plot.ts";
import type { NamedMask } from "./study.ts";

/** Two masks and how far they overlap beyond what their densities make of chance. */
interface Pair {
  readonly a: NamedMask;
  readonly b: NamedMask;
  readonly jaccard: number;
  readonly expectedJaccard: number;
  readonly phi: number;
  readonly anywhere: number;
  readonly withinLayers: number;
}

/**
 * How far masks overlap. No model is needed.
 * @throws MaskError unless they are of one size
 */
export function overlap(masks: readonly NamedMask[]): Findings {
  const pairs = masks.flatMap((a, i) =>
    masks.slice(i + 1).map((b): Pair => {
      const { jaccard, expectedJaccard, phi } = compareMasks(a.mask, b.mask);
      return { a, b, jaccard, expectedJaccard, phi, ...overlapTest(a.mask, b.mask) };
    }),
  );
  return {
    name: "overlap",
    title: "Which masks share heads",
    question:
      "The paper compares masks by Jaccard's index. Dense masks overlap by chance, so beside it stands what independent masks as dense " +
      "would have, and φ, which is 0 for those. p: how likely masks of as many heads share as many, the heads permuted over the whole map, " +
      "or within each layer (which keeps the layers' densities).",
    tables: [sizes(masks), table(pairs)],
    figures: [phiMap(masks, pairs), profile(masks)],
    scores: [],
    examples: [],
    remarks: remarks(pairs),
  };
}

const sizes = (masks: readonly NamedMask[]): Table => ({
  title: "Masks",
  columns: ["mask", "layers × heads", "heads on", "density"],
  rows: masks.map(({ name, mask: { layers, heads, count } }) => [
    name,
    `${layers} × ${heads}`,
    count,
    (count / (layers * heads)).toFixed(3),
  ]),
});

const table = (pairs: readonly Pair[]): Table => ({
  title: "Pairs",
  columns: ["a", "b", "Jaccard", "by chance", "φ", "p (map)", "p (layers)"],
  rows: pairs.map((p) => [
    p.a.name,
    p.b.name,
    p.jaccard.toFixed(3),
    p.expectedJaccard.toFixed(3),
    p.phi.toFixed(3),
    probability(p.anywhere),
    probability(p.withinLayers),
  ]),
  note: "One-sided: how likely at least as much overlap is by chance. Not corrected for the number of pairs.",
});

const probability = (p: number) => (p < 1e-4 ? "< 0.0001" : p.toFixed(4));

function remarks(pairs: readonly Pair[]): string[] {
  const level = 0.05 / Math.max(pairs.length, 1);
  const beyond = pairs.filter(({ anywhere }) => anywhere < level);
  return pairs.length === 0
    ? ["One mask alone has nothing to overlap with."]
    : [
        `${beyond.length} of ${pairs.length} pairs overlap more than chance at p < 0.05 over all pairs (Bonferroni); ` +
          `${pairs.filter(({ withinLayers }) => withinLayers < level).length} still do within layers.`,
      ];
}

function phiMap(masks: readonly NamedMask[], pairs: readonly Pair[]) {
  const names = masks.map(({ name }) => name);
  const side = room(names);
  const cells = pairs.flatMap(({ a, b, phi }) => [
    { x: a.name, y: b.name, phi },
    { x: b.name, y: a.name, phi },
  ]);
  const most = Math.max(0.1, ...cells.map(({ phi }) => Math.abs(phi)));
  return figure(
    "overlap",
    "φ of each pair of masks",
    "0 is chance, 1 equal masks. Blue: more overlap than chance; orange: less.",
    {
      height: 56 + side + 34 * names.length,
      marginLeft: side,
      marginBottom: side,
      x: { label: null, domain: names, tickRotate: -40 },
      y: { label: null, domain: names },
      color: {
        type: "diverging",
        range: [COLOURS[1], "#f6f6f4", COLOURS[0]],
        domain: [-most, most],
        interpolate: "rgb",
      },
      marks: [
        Plot.cell(cells, { x: "x", y: "y", fill: "phi", inset: 1 }),
        Plot.text(cells, {
          x: "x",
          y: "y",
          text: ({ phi }: { phi: number }) => phi.toFixed(2).replace(/^-0\.00$/, "0.00"),
          fill: ({ phi }: { phi: number }) => (Math.abs(phi) > 0.75 * most ? "#fff" : INK),
        }),
      ],
    },
  );
}

function profile(masks: readonly NamedMask[]) {
  const names = masks.map(({ name }) => name);
  const bars = masks.flatMap(({ name, mask }) =>
    [...headsPerLayer(mask)].map((on, layer) => ({ mask: name, layer, off: mask.heads - on })),
  );
  return figure(
    "layers",
    "Heads switched off, layer by layer",
    "Where each mask cuts: heads that are off in each layer of the language model.",
    {
      height: 90 + 62 * masks.length,
      marginLeft: 60,
      marginRight: room(names),
      fy: { label: null, domain: names, padding: 0.15 },
      x: {
        label: "layer →",
        tickFormat: "d",
        ...(masks[0] && { interval: 1, ticks: Math.min(masks[0].mask.layers, 20) }),
      },
      y: { label: "heads off", grid: true, ticks: 3 },
      marks: [
        Plot.rectY(bars, { x: "layer", interval: 1, y: "off", fy: "mask", fill: COLOURS[1], inset: 0.5 }),
        Plot.ruleY([0]),
      ],
    },
  );
}
