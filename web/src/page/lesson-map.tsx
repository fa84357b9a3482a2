import { useEffect, useRef } from "preact/hooks";
import { diverging, strongest } from "./heat.ts";

interface LessonMapProps {
  readonly logits: Float32Array;
  /** H */
  readonly heads: number;
}

/** The map that forms: each head's logit as it is after the last step. For the eye; the figures beside it are for all. */
export function LessonMap({ logits, heads }: LessonMapProps) {
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const cells = root.current!;
    while (cells.childElementCount < logits.length) cells.append(document.createElement("i"));
    while (cells.childElementCount > logits.length) cells.lastElementChild!.remove();
    const most = strongest(logits);
    for (let i = 0; i < logits.length; i++) {
      const cell = cells.children[i] as HTMLElement;
      const fill = diverging(logits[i]! / most);
      if (cell.dataset.fill === fill) continue;
      cell.dataset.fill = fill;
      cell.style.background = fill;
    }
  }, [logits]);
  return (
    <div class="lesson-map">
      <div
        ref={root}
        style={{ "--heads": heads }}
        role="img"
        aria-label="The logits of all heads as they form"
      />
      <p class="key">
        off <i class="scale" /> on
      </p>
    </div>
  );
}
