/**
 * The map of heads as a grid of elements that people click, paint and walk with the arrow keys. It is kept by hand, not by
 * components: of 1,600 cells only those that change are touched.
 */
import type { Look } from "./heat.ts";

export interface HeadGridEvents {
  /** A stroke or a key: these heads are to be on, or off. */
  readonly onSwitch: (heads: ReadonlySet<number>, on: boolean) => void;
}

/** What the grid shows. */
export interface HeadGridView {
  readonly gates: Float32Array; // [L·H]
  readonly look: (index: number, on: boolean) => Look;
}

interface Stroke {
  readonly on: boolean;
  readonly heads: Set<number>;
  last: number;
}

export class HeadGrid {
  readonly #cells: HTMLElement[] = []; // [L·H]
  readonly #heads: HTMLElement[] = []; // column heads, then row heads
  #view: HeadGridView | undefined;
  #stroke: Stroke | undefined;

  constructor(
    private readonly root: HTMLElement,
    private readonly layers: number,
    private readonly heads: number,
    private readonly events: HeadGridEvents,
  ) {
    root.style.setProperty("--heads", String(heads));
    root.dataset.dense = String(heads > 20);
    root.replaceChildren(...this.#rows());
    root.addEventListener("keydown", this.#onKey);
    root.addEventListener("pointerdown", this.#onDown);
    root.addEventListener("pointermove", this.#onMove);
    root.addEventListener("pointerup", this.#onUp);
    root.addEventListener("pointercancel", this.#onUp);
    root.addEventListener("focusin", ({ target }) => this.#rove(target as HTMLElement));
    this.#rove(this.#cells[0]!);
  }

  dispose(): void {
    this.root.replaceChildren();
    this.root.removeEventListener("keydown", this.#onKey);
    this.root.removeEventListener("pointerdown", this.#onDown);
    this.root.removeEventListener("pointermove", this.#onMove);
    this.root.removeEventListener("pointerup", this.#onUp);
    this.root.removeEventListener("pointercancel", this.#onUp);
  }

  show(view: HeadGridView): void {
    this.#view = view;
    for (let i = 0; i < this.#cells.length; i++) this.#paint(i, view.gates[i] === 1);
  }

  /** A head as it is, or as the stroke under way will make it. */
  #paint(i: number, on: boolean): void {
    const cell = this.#cells[i]!;
    const { fill, label } = this.#view!.look(i, on);
    const look = `${on}${fill}`;
    if (cell.dataset.look !== look) {
      cell.dataset.look = look;
      cell.classList.toggle("on", on);
      cell.setAttribute("aria-selected", String(on));
      cell.style.setProperty("--fill", fill);
    }
    if (cell.ariaLabel !== label) cell.ariaLabel = label;
  }

  #rows(): HTMLElement[] {
    const { layers, heads } = this;
    const corner = element("columnheader", "corner", "");
    corner.ariaLabel = "layer";
    const columns = Array.from({ length: heads }, (_, h) => this.#head("columnheader", -1, h));
    const top = element("row", "row");
    top.append(corner, ...columns);
    const rows = Array.from({ length: layers }, (_, l) => {
      const row = element("row", "row");
      row.append(this.#head("rowheader", l, -1));
      for (let h = 0; h < heads; h++) {
        const cell = element("gridcell", "cell");
        cell.dataset.at = `${l},${h}`;
        this.#cells.push(cell);
        row.append(cell);
      }
      return row;
    });
    return [top, ...rows];
  }

  #head(role: string, layer: number, head: number): HTMLElement {
    const n = layer < 0 ? head : layer;
    const cell = element(role, "head", String(n));
    cell.dataset.at = `${layer},${head}`;
    cell.ariaLabel = layer < 0 ? `head ${n}: switch in every layer` : `layer ${n}: switch all heads`;
    this.#heads.push(cell);
    return cell;
  }

  /** The heads that a cell stands for: itself, or its row or column. */
  #under(cell: HTMLElement): number[] {
    const [l, h] = place(cell);
    if (l >= 0 && h >= 0) return [l * this.heads + h];
    return Array.from({ length: l < 0 ? this.layers : this.heads }, (_, i) =>
      l < 0 ? i * this.heads + h : l * this.heads + i,
    );
  }

  #onKey = (event: KeyboardEvent): void => {
    const cell = (event.target as HTMLElement).closest<HTMLElement>("[data-at]");
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
    if (key === "End") return this.#at(l, this.heads - 1);
    return down === undefined ? undefined : this.#at(l + down, h + right!);
  }

  #at(l: number, h: number): HTMLElement | undefined {
    return this.root.querySelector<HTMLElement>(`[data-at="${l},${h}"]`) ?? undefined;
  }

  #rove(cell: HTMLElement): void {
    if (!cell.dataset.at) return;
    for (const other of this.root.querySelectorAll<HTMLElement>('[tabindex="0"]')) other.tabIndex = -1;
    cell.tabIndex = 0;
  }

  /** Heads are switched over; of a row or column all go on unless all are. */
  #switch(cell: HTMLElement): void {
    const heads = this.#under(cell);
    const on = heads.some((i) => this.#view?.gates[i] !== 1);
    this.events.onSwitch(new Set(heads), on);
  }

  #onDown = (event: PointerEvent): void => {
    const cell = (event.target as HTMLElement).closest<HTMLElement>("[data-at]");
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
    const under = document.elementFromPoint(event.clientX, event.clientY);
    const cell = under?.closest<HTMLElement>(".cell");
    if (cell && this.root.contains(cell)) this.#reach(this.#under(cell)[0]!);
  };

  /** Paints from where the stroke was to here: a quick hand skips cells, a line does not. */
  #reach(index: number): void {
    const stroke = this.#stroke!;
    const { heads } = this;
    const [l0, h0, l1, h1] = [stroke.last, index].flatMap((i) => [Math.floor(i / heads), i % heads]);
    const steps = Math.max(Math.abs(l1! - l0!), Math.abs(h1! - h0!), 1);
    for (let s = 0; s <= steps; s++) {
      const i =
        Math.round(l0! + ((l1! - l0!) * s) / steps) * heads + Math.round(h0! + ((h1! - h0!) * s) / steps);
      stroke.heads.add(i);
      this.#paint(i, stroke.on);
    }
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

const place = (cell: HTMLElement): [number, number] =>
  cell.dataset.at!.split(",").map(Number) as [number, number];
