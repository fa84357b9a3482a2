/** Heads as squares on one canvas: of 1,600 elements each change of colour would cost the page half a second. */
import { fit } from "./draw.ts";
import type { Look } from "./heat.ts";
import { colour } from "./theme.ts";

/** How many layers and heads there are: rows and columns. */
export interface Shape {
  readonly layers: number;
  readonly heads: number;
}

/**
 * On is a full square, off a ring, layer by layer from the top. The canvas says in CSS how far apart they are: `--gap`, in
 * pixels.
 *
 * @param only the heads that changed; without, the canvas is made to fit and all are drawn
 */
export function drawHeads(
  canvas: HTMLCanvasElement,
  { layers, heads }: Shape,
  look: (index: number) => Look,
  only?: Iterable<number>,
): void {
  const context = only ? canvas.getContext("2d")! : fit(canvas);
  const gap = Number.parseFloat(getComputedStyle(canvas).getPropertyValue("--gap")) * devicePixelRatio;
  const [across, down] = [(canvas.width + gap) / heads, (canvas.height + gap) / layers]; // from square to square
  const ring = Math.min(3 * devicePixelRatio, 0.15 * (across - gap));
  context.lineWidth = ring;
  for (const i of only ?? Array(layers * heads).keys()) {
    const [row, column] = [Math.floor(i / heads), i % heads];
    const [x, y] = [Math.round(column * across), Math.round(row * down)]; // on whole pixels, so that edges are sharp
    const [width, height] = [
      Math.round((column + 1) * across - gap) - x,
      Math.round((row + 1) * down - gap) - y,
    ];
    const { fill, on } = look(i);
    const inset = on ? 0 : ring / 2;
    const radius = Math.max(0, 0.18 * width - inset);
    if (only) context.clearRect(x, y, width, height);
    context.beginPath();
    context.roundRect(x + inset, y + inset, width - 2 * inset, height - 2 * inset, radius);
    if (on) {
      context.fillStyle = colour(fill);
      context.fill();
    } else {
      context.strokeStyle = colour(fill);
      context.stroke();
    }
  }
}
