/** What a cell of the map looks like and is called, by what the map is coloured by. Reads signals. */

import { signed } from "./format.ts";
import { diverging, type Look, strongest } from "./heat.ts";
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

export function looks(): (index: number, on: boolean) => Look {
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
      return (i, on) => ({
        fill: on === (there[i] === 1) ? (on ? INK : "var(--faint)") : on ? "var(--heat-minus)" : INK,
        label: `${name(i, on)}, ${there[i] === 1 ? "on" : "off"} there`,
      });
    }
    default:
      return (i, on) => ({ fill: on ? INK : "var(--faint)", label: name(i, on) });
  }
}

function byValue(values: Float32Array, name: (i: number, on: boolean) => string, what: string) {
  const most = strongest(values);
  return (i: number, on: boolean): Look => {
    const value = values[i]!;
    if (Number.isNaN(value)) return { fill: "var(--faint)", label: `${name(i, on)}, ${what} not known yet` };
    return { fill: diverging(value / most), label: `${name(i, on)}, ${what} ${signed(value)}` };
  };
}
