import type { Tensor } from "../gpu/index.ts";

/** What follows the product, in the same kernel: + bias, then GELU (exact, by erf), then + residual. */
export interface Epilogue {
  bias?: Tensor; // [N] f32
  gelu?: boolean;
  residual?: Tensor; // [M, N] f32
}

/** The shaders' sum of what an epilogue does. */
export const epilogueFlags = ({ bias, gelu, residual }: Epilogue): number =>
  (bias ? 1 : 0) + (gelu ? 2 : 0) + (residual ? 4 : 0);
