import type { DType, Gpu, Recorder, Scalar, Tensor } from "../gpu/index.ts";

/** What a kernel function needs: where to record, and where results come from. */
export interface Context {
  readonly gpu: Gpu;
  readonly recorder: Recorder;
  /** What kernels that offer both compute in; f32 needs no optional feature. */
  readonly scalar: Scalar;
  /** A tensor that lives until the scope it was made in ends. */
  tensor(label: string, shape: readonly number[], dtype?: DType): Tensor;
  /** Frees such a tensor before that. */
  free(tensor: Tensor): void;
  /** A tensor with the host's values that lives until the recording is over. */
  upload(label: string, shape: readonly number[], data: Float32Array | Uint32Array): Tensor;
}
