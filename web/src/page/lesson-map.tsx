import { Canvas } from "./canvas.tsx";
import { drawHeads } from "./draw-heads.ts";
import { diverging, strongest } from "./heat.ts";

interface LessonMapProps {
  readonly logits: Float32Array;
  /** H */
  readonly heads: number;
}

/** The map that forms: each head's logit as it is after the last step. For the eye; the figures beside it are for all. */
export function LessonMap({ logits, heads }: LessonMapProps) {
  const layers = logits.length / heads;
  const draw = (canvas: HTMLCanvasElement) => {
    const most = strongest(logits);
    drawHeads(canvas, { layers, heads }, (i) => ({ fill: diverging(logits[i]! / most), on: true }));
  };
  return (
    <div class="lesson-map">
      <div
        style={{ "--heads": heads, "--layers": layers }}
        role="img"
        aria-label="The logits of all heads as they form"
      >
        <Canvas class="squares" draw={draw} of={logits} />
      </div>
      <p class="key">
        off <i class="scale" /> on
      </p>
    </div>
  );
}
