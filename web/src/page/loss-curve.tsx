const [WIDTH, HEIGHT] = [360, 140];
const [LEFT, RIGHT, TOP, BOTTOM] = [40, 8, 10, 28];
const MOST = 300; // points of the line

interface LossCurveProps {
  readonly losses: readonly number[];
  readonly steps: number;
}

/** The loss of each step in nats: dots for what was measured, a line for its running mean. */
export function LossCurve({ losses, steps }: LossCurveProps) {
  const finite = losses.filter(Number.isFinite);
  const top = nice(Math.max(...finite, 1e-3));
  const x = (step: number) => LEFT + ((WIDTH - LEFT - RIGHT) * (step - 1)) / Math.max(1, steps - 1);
  const y = (loss: number) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - Math.min(loss, top) / top);
  const points = thin(
    losses.map((loss, i) => [i + 1, loss] as const).filter(([, loss]) => Number.isFinite(loss)),
  );
  const means = thin(runningMean(finite).map((loss, i) => [i + 1, loss] as const));
  const path = (line: readonly (readonly [number, number])[]) =>
    line.map(([step, loss], i) => `${i ? "L" : "M"}${x(step).toFixed(1)} ${y(loss).toFixed(1)}`).join("");
  return (
    <svg
      class="curve"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={`Loss by step: ${losses[0]?.toFixed(2)} at first, ${losses.at(-1)?.toFixed(2)} now`}
    >
      {[0, 0.5, 1].map((share) => (
        <g key={share}>
          <line class="rule" x1={LEFT} x2={WIDTH - RIGHT} y1={y(share * top)} y2={y(share * top)} />
          <text x={LEFT - 6} y={y(share * top) + 3.5} text-anchor="end">
            {Number((share * top).toPrecision(2))}
          </text>
        </g>
      ))}
      <text x={LEFT} y={HEIGHT - 14} text-anchor="middle">
        1
      </text>
      <text x={WIDTH - RIGHT} y={HEIGHT - 14} text-anchor="end">
        {steps}
      </text>
      <text x={(LEFT + WIDTH - RIGHT) / 2} y={HEIGHT - 3} text-anchor="middle">
        step
      </text>
      <text transform={`translate(10 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)`} text-anchor="middle">
        loss (nats)
      </text>
      <path
        class="raw"
        d={points.map(([step, loss]) => `M${x(step).toFixed(1)} ${y(loss).toFixed(1)}h0`).join("")}
      />
      <path class="mean" d={path(means)} />
    </svg>
  );
}

/** 1, 2 or 5 times a power of ten, at least `value`. */
function nice(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5].find((n) => n * power >= value) ?? 10);
}

function runningMean(values: readonly number[]): number[] {
  let mean = values[0] ?? 0;
  return values.map((value) => {
    mean += 0.15 * (value - mean);
    return mean;
  });
}

/** Every nth of the points, so that a long run is not a long document; the last one always. */
function thin<T>(points: readonly T[]): T[] {
  const every = Math.ceil(points.length / MOST);
  return points.filter((_, i) => i % every === 0 || i === points.length - 1);
}
