export { DryDevice, type DryLimits, LEAST_BINDING } from "./dry-device.ts";
export * from "./errors.ts";
export { type Gpu, type GpuLimits, type GpuOptions, openGpu } from "./gpu.ts";
export { defineKernel, type Kernel, type Overrides, type Scalar } from "./kernel.ts";
export { Arena, sizeClass } from "./pool.ts";
export { type Bound, type Dispatch, Recorder } from "./recorder.ts";
export { BYTES, count, type DType, Tensor } from "./tensor.ts";
export { Timestamps } from "./timestamps.ts";
