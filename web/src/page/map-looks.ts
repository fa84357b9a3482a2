/** What a cell of the map looks like and is called, by what the map is coloured by. Reads signals. */

import { signed } from "./format.ts";
import { diverging, strongest } from "./heat.ts";
import { effectsFit } from "./measuring.ts";
import {
  type Colouring,
  colouring,
  effects,
  type MaskCondition,
  maskOf,
  masks,
  otherKey,
  selected,
} from "./state.ts";

const INK = "var(--accent)";
const FAINT = "var(--faint)";

/** The mask that is compared with: the one chosen, or the next one there is. */
export function otherMask(): MaskCondition | undefined {
  const others = masks.value.filter(({ key }) => key !== selected.value?.key);
  return others.find(({ key }) => key === otherKey.value) ?? others[0];
}

/** The colouring that is possible now: a mask without logits is not coloured by them. */
export function shownColouring(): Colouring {
  const is = colouring.value;
  if (is === "logit" && !selected.value?.edits.logits) return "switch";
  if (is === "effect" && !effectsFit()) return "switch";
  if (is === "overlap" && !otherMask()) return "switch";
  return is;
}

/** By head, and whether it is on. */
export interface Looks {
  /** A CSS colour. */
  readonly fill: (index: number, on: boolean) => string;
  /** The head in words. */
  readonly label: (index: number, on: boolean) => string;
}

export function looks(): Looks {
  const condition = selected.value!;
  const { heads } = maskOf(condition);
  const name = (i: number, on: boolean) =>
    `layer ${Math.floor(i / heads)}, head ${i % heads}, ${on ? "on" : "off"}`;
  switch (shownColouring()) {
    case "logit":
      return byValue(condition.edits.logits!, name, "logit");
    case "effect":
      return byValue(effects.value!.values, name, "effect");
    case "overlap": {
      const there = maskOf(otherMask()!).gates();
      return {
        fill: (i, on) => (on === (there[i] === 1) ? (on ? INK : FAINT) : on ? "var(--heat-minus)" : INK),
        label: (i, on) => `${name(i, on)}, ${there[i] === 1 ? "on" : "off"} there`,
      };
    }
    default:
      return { fill: (_, on) => (on ? INK : FAINT), label: name };
  }
}

function byValue(values: Float32Array, name: Looks["label"], what: string): Looks {
  const most = strongest(values);
  return {
    fill: (i) => (Number.isNaN(values[i]) ? FAINT : diverging(values[i]! / most)),
    label: (i, on) =>
      `${name(i, on)}, ${what} ${Number.isNaN(values[i]) ? "not known yet" : signed(values[i]!)}`,
  };
}
