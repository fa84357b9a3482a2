import { gateDx } from "../src/kernels/index.ts";
import type { Bench } from "./harness.ts";

const MASKS = 16; // one a sample of the default batch
const LAYERS = 32;

/** Two G·L·H read, one L·H written; a product and a sum each. */
export default async function gateGradient(b: Bench): Promise<void> {
  const { heads } = b.sizes;
  const all = LAYERS * heads;
  await b.measure(() => {
    const shape = [MASKS, LAYERS, heads];
    const [dgates, slope] = [b.input("dgates", shape), b.input("slope", shape)];
    return {
      shape: `G ${MASKS} · L ${LAYERS} · H ${heads}`,
      flops: 2 * MASKS * all,
      bytes: 4 * (2 * MASKS * all + all),
      run: (ops) => gateDx(ops, dgates.tensor, slope.tensor),
      want(i) {
        let sum = 0;
        for (let g = 0; g < MASKS; g++) sum += dgates.at(g * all + i) * slope.at(g * all + i);
        return sum;
      },
    };
  });
}
