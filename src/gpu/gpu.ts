import { noAdapter, requestAdapter } from "#adapter";
import { DeviceLostError, GpuError, NoAdapterError } from "./errors.ts";
import { PipelineCache, type Scalar } from "./kernel.ts";
import { BufferPool } from "./pool.ts";
import { Staging } from "./staging.ts";
import { count, type DType, Tensor } from "./tensor.ts";
import { Uniforms } from "./uniforms.ts";

export interface GpuOptions {
  /**
   * A device that the caller already has; it stays the caller's and is not destroyed on dispose. In Node what Dawn's
   * `create()` gave must stay referenced, too: the binding does not see to it.
   */
  device?: GPUDevice;
  /** Bytes that one binding may hold, at most the device's own limit; larger tensors are bound by rows. */
  bindingBytes?: number;
  /**
   * What matrix products and attention multiply in. f32, the default, needs no feature and matches the references; f16
   * needs `shader-f16`, is faster on some GPUs, and is good to about three digits.
   */
  scalar?: Scalar;
}

export interface GpuLimits {
  readonly bindingBytes: number;
  readonly bufferBytes: number;
  readonly workgroupBytes: number;
  readonly uniformAlignment: number;
}

/** Features that are used where they are there: f16 arithmetic, and timing passes. */
const WANTED = ["shader-f16", "timestamp-query"] as const;

/** The adapter's limits that the kernels profit from; everything else stays at WebGPU's defaults. */
const RAISED = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
] as const;

/**
 * Opens a device with everything the adapter offers that the kernels can use.
 *
 * @throws NoAdapterError when there is no adapter; GpuError when the adapter refuses the device.
 */
export async function openGpu(options: GpuOptions = {}): Promise<Gpu> {
  if (options.device) return new Gpu(options.device, options);
  const adapter = await requestAdapter();
  if (!adapter) throw new NoAdapterError(noAdapter());
  const requiredFeatures = WANTED.filter((f) => adapter.features.has(f)) as GPUFeatureName[];
  const requiredLimits = Object.fromEntries(RAISED.map((name) => [name, adapter.limits[name]]));
  let device: GPUDevice | undefined;
  try {
    device = await adapter.requestDevice({ label: "ahamask", requiredFeatures, requiredLimits });
    return new Gpu(device, options);
  } catch (error) {
    device?.destroy(); // else Node would not exit
    if (error instanceof GpuError) throw error;
    throw new GpuError(`openGpu: expected the adapter to give a device, got ${(error as Error).message}`);
  }
}

/** One device and all that hangs off it: pipelines, buffers, readback. Dispose it and Node exits. */
export class Gpu {
  readonly limits: GpuLimits;
  readonly features: ReadonlySet<string>;
  readonly info: GPUAdapterInfo;
  readonly scalar: Scalar;
  /** A CPU plays the GPU: threads are loop iterations there and barriers are dear, so kernels choose other shapes. */
  readonly software: boolean;
  readonly pipelines: PipelineCache;
  readonly pool: BufferPool;
  readonly staging: Staging;
  readonly uniforms: Uniforms;
  /** Command buffers submitted so far. */
  submits = 0;
  /** Dispatches in them. */
  dispatches = 0;

  #failure: GpuError | undefined;
  readonly #waiting = new Set<(error: GpuError) => void>();
  #disposed = false;
  /** The device is the caller's. */
  readonly #borrowed: boolean;

  constructor(
    readonly device: GPUDevice,
    options: GpuOptions,
  ) {
    const { limits } = device;
    const bindingBytes = Math.min(
      limits.maxStorageBufferBindingSize,
      options.bindingBytes ?? Number.POSITIVE_INFINITY,
    );
    if (!(bindingBytes >= 256)) {
      throw new GpuError(`openGpu: expected bindingBytes of at least 256, got ${options.bindingBytes}`);
    }
    this.limits = {
      bindingBytes,
      bufferBytes: limits.maxBufferSize,
      workgroupBytes: limits.maxComputeWorkgroupStorageSize,
      uniformAlignment: limits.minUniformBufferOffsetAlignment,
    };
    this.features = new Set(device.features);
    this.info = device.adapterInfo;
    this.scalar = options.scalar ?? "f32";
    this.#borrowed = options.device !== undefined;
    if (this.scalar === "f16" && !this.features.has("shader-f16")) {
      throw new GpuError(
        "openGpu: expected an adapter with shader-f16 for scalar f16, got none; leave scalar out, or see `ahamask doctor`",
      );
    }
    this.software = this.info.isFallbackAdapter;
    this.pipelines = new PipelineCache(device);
    this.pool = new BufferPool(device, limits.maxBufferSize);
    this.staging = new Staging(device, (promise) => this.wait(promise));
    this.uniforms = new Uniforms(device);
    device.lost.then(({ reason, message }) => {
      const why = `(${reason ?? "unknown"}): ${message}`;
      this.#fail(new DeviceLostError(`gpu: the device was lost ${why}; openGpu() opens a new one`));
    });
    device.addEventListener("uncapturederror", this.#onError);
  }

  /** Bytes of GPU memory held: tensors, idle pool buffers, staging and parameters. */
  get bytes(): number {
    return this.pool.bytes + this.staging.bytes + this.uniforms.bytes;
  }

  /** A tensor whose contents are undefined until written. Shapes are in elements. */
  tensor(label: string, shape: readonly number[], dtype: DType = "f32"): Tensor {
    return new Tensor(label, shape, dtype, this.pool);
  }

  /** A tensor with the given values; `data` is copied. */
  upload(label: string, shape: readonly number[], data: Float32Array | Uint32Array | Int32Array): Tensor {
    const dtype = data instanceof Float32Array ? "f32" : data instanceof Uint32Array ? "u32" : "i32";
    if (data.length !== count(shape)) {
      throw new GpuError(
        `gpu: expected ${count(shape)} values for ${label} [${shape.join(", ")}], got ${data.length}`,
      );
    }
    const tensor = this.tensor(label, shape, dtype);
    this.write(tensor, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return tensor;
  }

  /** Writes bytes into a tensor, in queue order; offset and length are multiples of 4. */
  write(tensor: Tensor, bytes: Uint8Array, byteOffset = 0): void {
    this.assertAlive();
    const end = byteOffset + bytes.byteLength;
    if (byteOffset % 4 || bytes.byteLength % 4 || end > Math.ceil(tensor.byteLength / 4) * 4) {
      throw new GpuError(
        `gpu: expected a write of whole 4-byte words inside the ${tensor.byteLength} bytes of ${tensor}, ` +
          `got ${bytes.byteLength} bytes at ${byteOffset}`,
      );
    }
    this.device.queue.writeBuffer(tensor.buffer, byteOffset, bytes as Uint8Array<ArrayBuffer>);
  }

  /** Waits for the tensor's bytes. */
  async read(tensor: Tensor): Promise<ArrayBuffer> {
    this.assertAlive();
    const encoder = this.device.createCommandEncoder({ label: `read ${tensor.label}` });
    const staging = this.staging.copy(encoder, tensor);
    this.device.queue.submit([encoder.finish()]);
    this.submits++;
    return staging.map();
  }

  /** Waits for the values of an f32 tensor. */
  async readF32(tensor: Tensor): Promise<Float32Array> {
    return new Float32Array(await this.read(tensor));
  }

  /** Waits until everything submitted so far is done. */
  async drain(): Promise<void> {
    await this.wait(this.device.queue.onSubmittedWorkDone());
  }

  /** Waits for `promise`, or rejects as soon as the device is lost, a shader fails or WebGPU reports an error. */
  wait<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      this.#waiting.add(reject);
      Promise.all([promise, this.pipelines.check()])
        .then(([value]) => resolve(value))
        .catch(async (error: unknown) => {
          // A lost device fails whatever is mapped a moment before it says that it is lost.
          const moment = new Promise((resolve) => setTimeout(resolve, 1000));
          if (!(error instanceof GpuError)) await Promise.race([this.device.lost, moment]);
          reject(this.#failure ?? error);
        })
        .finally(() => this.#waiting.delete(reject));
    });
  }

  readonly #onError = (event: Event): void => {
    event.preventDefault(); // no printing: it is thrown to whoever waits
    const { error } = event as GPUUncapturedErrorEvent;
    // A broken shader makes everything after it invalid: report the shader.
    this.pipelines.check().then(
      () => this.#fail(this.#explain(error)),
      (shader: GpuError) => this.#fail(shader),
    );
  };

  #fail(error: GpuError): void {
    this.#failure ??= error;
    for (const reject of this.#waiting) reject(this.#failure);
    this.#waiting.clear();
  }

  #explain(error: GPUError): GpuError {
    if (error.constructor.name !== "GPUOutOfMemoryError") {
      return new GpuError(`internal: WebGPU reports: ${error.message}`);
    }
    return new GpuError(
      `gpu: expected room for one more buffer, got none with ${(this.bytes / 2 ** 20).toFixed(0)} MiB held; ` +
        "use a smaller batch, fewer new tokens or 16-bit weights, then openGpu() again",
    );
  }

  /** Throws what went wrong with the device, if anything did. */
  assertAlive(): void {
    if (this.#failure) throw this.#failure;
    if (this.#disposed)
      throw new GpuError("gpu: expected an open device, got a disposed one; call openGpu() again");
  }

  /** Destroys the idle buffers: after a model is disposed, its memory is the system's again. */
  trim(): void {
    this.pool.trim();
    this.staging.trim();
    this.uniforms.trim();
  }

  dispose(): void {
    if (this.#disposed) return;
    this.trim();
    this.#disposed = true;
    this.device.removeEventListener("uncapturederror", this.#onError); // Dawn's binding holds on to what listens
    if (!this.#borrowed) this.device.destroy();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
