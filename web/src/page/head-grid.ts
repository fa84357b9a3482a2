/**
 * The map of heads, which people click, paint and walk with the arrow keys. Its squares are one picture; over each lies an
 * empty cell for hands, keys and screen readers. It is kept by hand, not by components, which would go through all cells.
 */
import { drawHeads, type Shape } from "./draw-heads.ts";
import type { Looks } from "./map-looks.ts";

export interface HeadGridEvents {
  /** A stroke or a key: these heads are to be on, or off. */
  readonly onSwitch: (heads: ReadonlySet<number>, on: boolean) => void;
}

/** What the grid shows. */
export interface HeadGridView {
  readonly gates: Float32Array; // [L·H]
  readonly looks: Looks;
}

const SLICE = 200; // cells
const FRAME = 16; // ms

interface Stroke {
  readonly on: boolean;
  readonly heads: Set<number>;
  last: number;
}

export class HeadGrid {
  readonly #canvas = document.createElement("canvas");
  readonly #cells: HTMLElement[] = []; // [L·H]
  readonly #life = new AbortController();
  readonly #observer = new ResizeObserver(() =>
    this.#next(() => {
      this.#draw();
      this.#next(this.#grow);
    }),
  );
  #timer: ReturnType<typeof setTimeout> | undefined;
  #view: HeadGridView | undefined;
  #stroke: Stroke | undefined;
  /** The one cell that the tab key reaches. */
  #stop: HTMLElement | undefined;

  constructor(
    private readonly root: HTMLElement,
    private readonly shape: Shape,
    private readonly events: HeadGridEvents,
  ) {
    const { layers, heads } = shape;
    root.style.setProperty("--layers", String(layers));
    root.style.setProperty("--heads", String(heads));
    root.dataset.dense = String(heads > 20);
    this.#canvas.ariaHidden = "true";
    root.replaceChildren(this.#canvas, this.#top());
    const { signal } = this.#life;
    root.addEventListener("keydown", this.#onKey, { signal });
    root.addEventListener("pointerdown", this.#onDown, { signal });
    root.addEventListener("pointermove", this.#onMove, { signal });
    root.addEventListener("pointerup", this.#onUp, { signal });
    root.addEventListener("pointercancel", this.#onUp, { signal });
    root.addEventListener("click", this.#onClick, { signal });
    root.addEventListener("focusin", ({ target }) => this.#rove(cellAt(target)), { signal });
  }

  dispose(): void {
    this.#life.abort();
    this.#observer.disconnect();
    clearTimeout(this.#timer);
    this.root.replaceChildren();
  }

  show(view: HeadGridView): void {
    const before = this.#view;
    this.#view = view;
    for (let i = 0; i < this.#cells.length; i++) if (before?.gates[i] !== view.gates[i]) this.#select(i);
    if (before) this.#draw();
    else this.#observer.observe(this.#canvas); // which draws, once the page is laid out
    this.#name();
  }

  /** A head as it is, or as the stroke under way will make it. */
  #isOn(i: number): boolean {
    return this.#stroke?.heads.has(i) ? this.#stroke.on : this.#view!.gates[i] === 1;
  }

  #draw(only?: Iterable<number>): void {
    const { fill } = this.#view!.looks;
    const look = (i: number) => ({ fill: fill(i, this.#isOn(i)), on: this.#isOn(i) });
    drawHeads(this.#canvas, this.shape, look, only);
  }

  #top(): HTMLElement {
    const corner = element("columnheader", "corner", "");
    corner.ariaLabel = "layer";
    const columns = Array.from({ length: this.shape.heads }, (_, h) => head("columnheader", -1, h));
    const top = element("row", "row");
    top.append(corner, ...columns);
    return top;
  }

  /** After a frame, in place of what was to be done then: not in the frame, which has its layout and paint to do. */
  #next(act: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, FRAME);
  }

  /** A few rows of cells at a time: all of a large map would hold the page up. Their picture is there already. */
  #grow = (): void => {
    const { layers, heads } = this.shape;
    const from = this.#cells.length / heads;
    const to = Math.min(layers, from + Math.ceil(SLICE / heads));
    for (let l = from; l < to; l++) this.root.append(this.#row(l));
    if (!this.#stop) this.#rove(this.#cells[0]);
    if (to < layers) this.#next(this.#grow);
  };

  #row(l: number): HTMLElement {
    const row = element("row", "row");
    row.append(head("rowheader", l, -1));
    for (let h = 0; h < this.shape.heads; h++) {
      const cell = element("gridcell", "cell");
      cell.dataset.at = `${l},${h}`;
      cell.style.gridArea = `${l + 2} / ${h + 2}`; // not where it finds a place beside the picture
      row.append(cell);
      this.#select(this.#cells.push(cell) - 1);
    }
    return row;
  }

  #select(i: number): void {
    if (this.#view) this.#cells[i]!.ariaSelected = String(this.#view.gates[i] === 1);
  }

  /** The heads that a cell stands for: itself, or its row or column. */
  #under(cell: HTMLElement): number[] {
    const { layers, heads } = this.shape;
    const [l, h] = place(cell);
    if (l >= 0 && h >= 0) return [l * heads + h];
    return Array.from({ length: l < 0 ? layers : heads }, (_, i) => (l < 0 ? i * heads + h : l * heads + i));
  }

  #onKey = (event: KeyboardEvent): void => {
    const cell = cellAt(event.target);
    if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " || event.key === "Enter") {
      this.#switch(cell);
    } else {
      const to = this.#step(place(cell), event.key);
      if (!to) return;
      to.focus();
    }
    event.preventDefault();
  };

  #step([l, h]: [number, number], key: string): HTMLElement | undefined {
    const [down, right] =
      { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key] ?? [];
    if (key === "Home") return this.#at(l, 0);
    if (key === "End") return this.#at(l, this.shape.heads - 1);
    return down === undefined ? undefined : this.#at(l + down, h + right!);
  }

  #at(l: number, h: number): HTMLElement | undefined {
    return this.root.querySelector<HTMLElement>(`[data-at="${l},${h}"]`) ?? undefined;
  }

  #rove(cell: HTMLElement | undefined): void {
    if (!cell) return;
    if (this.#stop) this.#stop.tabIndex = -1;
    cell.tabIndex = 0;
    this.#stop = cell;
    this.#name();
  }

  /** The cell that is or will be focused says what it is; row and column numbers do so of themselves. */
  #name(): void {
    if (!this.#view || !this.#stop?.matches(".cell")) return;
    const [i] = this.#under(this.#stop);
    this.#stop.ariaLabel = this.#view.looks.label(i!, this.#view.gates[i!] === 1);
  }

  /** Heads are switched over; of a row or column all go on unless all are. */
  #switch(cell: HTMLElement): void {
    const heads = this.#under(cell);
    const on = heads.some((i) => this.#view?.gates[i] !== 1);
    this.events.onSwitch(new Set(heads), on);
  }

  /** A click without a pointer: a screen reader's, or one by voice. */
  #onClick = ({ target, detail }: MouseEvent): void => {
    const cell = cellAt(target);
    if (cell && detail === 0) this.#switch(cell);
  };

  #onDown = (event: PointerEvent): void => {
    const cell = cellAt(event.target);
    if (!cell || event.button !== 0 || !this.#view) return;
    cell.focus();
    event.preventDefault();
    const [index, ...others] = this.#under(cell);
    if (others.length > 0) {
      this.#switch(cell);
      return;
    }
    this.root.setPointerCapture(event.pointerId);
    this.#stroke = { on: this.#view.gates[index!] !== 1, heads: new Set(), last: index! };
    this.#reach(index!);
  };

  #onMove = (event: PointerEvent): void => {
    if (!this.#stroke) return;
    const cell = cellAt(document.elementFromPoint(event.clientX, event.clientY));
    if (cell?.matches(".cell") && this.root.contains(cell)) this.#reach(this.#under(cell)[0]!);
  };

  /** Paints from where the stroke was to here: a quick hand skips cells, a line does not. */
  #reach(index: number): void {
    const stroke = this.#stroke!;
    const { heads } = this.shape;
    const [l0, h0, l1, h1] = [stroke.last, index].flatMap((i) => [Math.floor(i / heads), i % heads]);
    const steps = Math.max(Math.abs(l1! - l0!), Math.abs(h1! - h0!), 1);
    const reached = Array.from(
      { length: steps + 1 },
      (_, s) =>
        Math.round(l0! + ((l1! - l0!) * s) / steps) * heads + Math.round(h0! + ((h1! - h0!) * s) / steps),
    );
    for (const i of reached) stroke.heads.add(i);
    this.#draw(reached);
    stroke.last = index;
  }

  #onUp = (): void => {
    const stroke = this.#stroke;
    this.#stroke = undefined;
    if (stroke) this.events.onSwitch(stroke.heads, stroke.on);
  };
}

function element(role: string, name: string, text?: string): HTMLElement {
  const made = document.createElement("div");
  made.role = role;
  made.className = name;
  if (text !== undefined) made.textContent = text;
  if (name === "cell" || name === "head") made.tabIndex = -1;
  return made;
}

function head(role: string, layer: number, head: number): HTMLElement {
  const n = layer < 0 ? head : layer;
  const cell = element(role, "head", String(n));
  cell.dataset.at = `${layer},${head}`;
  cell.ariaLabel = layer < 0 ? `head ${n}: switch in every layer` : `layer ${n}: switch all heads`;
  return cell;
}

const cellAt = (target: EventTarget | null): HTMLElement | undefined =>
  (target as Element | null)?.closest<HTMLElement>("[data-at]") ?? undefined;

const place = (cell: HTMLElement): [number, number] =>
  cell.dataset.at!.split(",").map(Number) as [number, number];
