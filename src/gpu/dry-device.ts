import type { GpuLimits } from "./gpu.ts";

/** What a dry device says of itself; by default the least that every adapter has, and buffers of any size. */
export type DryLimits = Partial<GpuLimits> & {
  /** A CPU plays the GPU, and kernels choose other shapes. */
  readonly software?: boolean;
};

/** maxStorageBufferBindingSize that every adapter has at least. */
export const LEAST_BINDING = 2 ** 27;

/**
 * A device whose buffers have sizes and no contents; commands are taken and dropped, and what is read back is zeros. The
 * engine's own code runs over `openGpu({ device: dry.device })` as over any device, so that the memory it holds and the
 * limits it needs come from that code and not from formulas beside it.
 */
export class DryDevice {
  /** Bytes of all buffers now. */
  held = 0;
  /** The most bytes there were at a time. */
  peak = 0;
  /** Bytes of the largest buffer so far. */
  largestBuffer = 0;

  readonly device: GPUDevice;

  constructor(limits: DryLimits = {}) {
    const nothing = () => {};
    const pass = { setPipeline: nothing, setBindGroup: nothing, dispatchWorkgroups: nothing, end: nothing };
    const encoder = {
      beginComputePass: () => pass,
      copyBufferToBuffer: nothing,
      clearBuffer: nothing,
      finish: () => ({}),
    };
    const device = {
      limits: {
        maxBufferSize: limits.bufferBytes ?? Number.MAX_SAFE_INTEGER,
        maxStorageBufferBindingSize: limits.bindingBytes ?? LEAST_BINDING,
        maxComputeWorkgroupStorageSize: limits.workgroupBytes ?? 16_384,
        minUniformBufferOffsetAlignment: limits.uniformAlignment ?? 256,
      },
      features: new Set<string>(),
      adapterInfo: { description: "dry", isFallbackAdapter: limits.software ?? false },
      lost: new Promise(nothing),
      queue: { writeBuffer: nothing, submit: nothing, onSubmittedWorkDone: async () => {} },
      addEventListener: nothing,
      removeEventListener: nothing,
      destroy: nothing,
      pushErrorScope: nothing,
      popErrorScope: async () => null,
      createShaderModule: () => ({}),
      createComputePipeline: () => ({ getBindGroupLayout: () => ({}) }),
      createBindGroup: () => ({}),
      createCommandEncoder: () => encoder,
      createBuffer: (buffer: GPUBufferDescriptor) => this.#buffer(buffer),
    };
    this.device = device as unknown as GPUDevice;
  }

  /** From here on, `peak` is that of what follows. */
  mark(): number {
    this.peak = this.held;
    return this.held;
  }

  #buffer({ label = "", size }: GPUBufferDescriptor) {
    this.held += size;
    this.peak = Math.max(this.peak, this.held);
    this.largestBuffer = Math.max(this.largestBuffer, size);
    return {
      label,
      size,
      destroy: () => {
        this.held -= size;
      },
      mapAsync: async () => {},
      getMappedRange: (_offset: number, length: number) => new ArrayBuffer(length),
      unmap: () => {},
    };
  }
}
