import { GpuError } from "./errors.ts";
import type { Gpu } from "./gpu.ts";
import type { Kernel, Overrides, Scalar } from "./kernel.ts";
import type { Tensor } from "./tensor.ts";
import { Timestamps } from "./timestamps.ts";
import { UNIFORM_BYTES } from "./uniforms.ts";

/** A tensor, or a byte range of one (offset a multiple of 256) where the whole would not fit a binding. */
export type Bound = Tensor | { readonly tensor: Tensor; readonly offset: number; readonly size: number };

export interface Dispatch {
  readonly bind: Readonly<Record<string, Bound>>;
  readonly params?: Readonly<Record<string, number>>;
  readonly overrides?: Overrides;
  readonly scalar?: Scalar;
  /** Workgroups, up to three dimensions. */
  readonly grid: readonly [number, number?, number?];
}

type Command =
  | {
      kind: "dispatch";
      label: string;
      pipeline: GPUComputePipeline;
      group: GPUBindGroup;
      grid: readonly [number, number, number];
    }
  | { kind: "clear"; buffer: GPUBuffer; at: number; bytes: number }
  | { kind: "copy"; from: GPUBuffer; fromAt: number; to: GPUBuffer; toAt: number; bytes: number };

/**
 * A list of dispatches and copies. It is encoded as one command buffer and submitted once; it may be submitted again
 * and again (a decode step), since whatever differs between runs lies in GPU buffers.
 */
export class Recorder {
  readonly #commands: Command[] = [];
  readonly #arenas: { buffer: GPUBuffer; data: ArrayBuffer; used: number; dirty: boolean }[] = [];

  constructor(
    private readonly gpu: Gpu,
    readonly label: string,
  ) {}

  /** Dispatches recorded so far. */
  get dispatches(): number {
    return this.#commands.filter((c) => c.kind === "dispatch").length;
  }

  dispatch(kernel: Kernel, d: Dispatch): void {
    const [x, y = 1, z = 1] = d.grid;
    if (x * y * z === 0) return;
    if (Math.max(x, y, z) > 65_535)
      throw new GpuError(`internal: ${kernel.name}: grid ${x} × ${y} × ${z} exceeds 65535`);
    const pipeline = this.gpu.pipelines.get(kernel, d.overrides ?? {}, d.scalar);
    const entries: GPUBindGroupEntry[] = [];
    for (const [name, binding] of kernel.bindings) {
      const bound = d.bind[name];
      if (!bound) throw new GpuError(`internal: ${kernel.name}: nothing bound to '${name}'`);
      entries.push({ binding, resource: this.#resource(kernel, name, bound) });
    }
    if (kernel.paramsBinding !== undefined) {
      entries.push({ binding: kernel.paramsBinding, resource: this.#params(kernel, d.params ?? {}) });
    }
    const group = this.gpu.device.createBindGroup({
      label: kernel.name,
      layout: pipeline.getBindGroupLayout(0),
      entries,
    });
    this.#commands.push({ kind: "dispatch", label: kernel.name, pipeline, group, grid: [x, y, z] });
  }

  /** Copies bytes between tensors; offsets and length are multiples of 4. */
  copy(from: Tensor, fromAt: number, to: Tensor, toAt: number, bytes: number): void {
    if (bytes === 0) return;
    this.#commands.push({ kind: "copy", from: from.buffer, fromAt, to: to.buffer, toAt, bytes });
  }

  /** Fills bytes of a tensor with zeros, all of them by default; offset and length are multiples of 4. */
  clear(tensor: Tensor, at = 0, bytes = tensor.byteLength - at): void {
    if (bytes === 0) return;
    this.#commands.push({ kind: "clear", buffer: tensor.buffer, at, bytes: Math.ceil(bytes / 4) * 4 });
  }

  /**
   * Encodes everything recorded and submits it once. With `read`, the tensor's bytes are copied out in the same
   * submit and the promise holds them; it rejects with `DeviceLostError` or `ShaderError`.
   */
  submit(): void;
  submit(read: Tensor): Promise<ArrayBuffer>;
  submit(read?: Tensor): Promise<ArrayBuffer> | undefined {
    const encoder = this.#encode();
    const staging = read && this.gpu.staging.copy(encoder, read);
    this.#enqueue(encoder);
    return staging?.map();
  }

  /** Submits the same, dispatches only, and resolves with the milliseconds that the GPU spent on it. */
  time(timestamps: Timestamps): Promise<number> {
    const encoder = this.#encode(timestamps);
    const times = timestamps.fetch(encoder);
    this.#enqueue(encoder);
    return times.ms().then(([ms]) => ms!);
  }

  /** Submits the same once, each dispatch in a pass of its own, and resolves with the milliseconds of each kernel. */
  async profile(): Promise<Map<string, number>> {
    using timestamps = new Timestamps(this.gpu, this.dispatches);
    const encoder = this.#encode(timestamps, true);
    const times = timestamps.fetch(encoder);
    this.#enqueue(encoder);
    const ms = await times.ms();
    const sums = new Map<string, number>();
    for (const [i, c] of this.#commands.filter((c) => c.kind === "dispatch").entries())
      sums.set(c.label, (sums.get(c.label) ?? 0) + ms[i]!);
    return sums;
  }

  #encode(timestamps?: Timestamps, apart = false): GPUCommandEncoder {
    const { device } = this.gpu;
    this.gpu.assertAlive();
    for (const arena of this.#arenas) {
      if (!arena.dirty) continue;
      device.queue.writeBuffer(arena.buffer, 0, arena.data, 0, arena.used);
      arena.dirty = false;
    }
    const encoder = device.createCommandEncoder({ label: this.label });
    let pass: GPUComputePassEncoder | undefined;
    let passes = 0;
    const end = () => {
      pass?.end();
      pass = undefined;
    };
    for (const c of this.#commands) {
      if (c.kind === "dispatch") {
        pass ??= encoder.beginComputePass({
          label: this.label,
          ...(timestamps && { timestampWrites: timestamps.writes(passes++) }),
        });
        pass.setPipeline(c.pipeline);
        pass.setBindGroup(0, c.group);
        pass.dispatchWorkgroups(...c.grid);
        this.gpu.dispatches++;
        if (apart) end();
      } else {
        if (timestamps && !apart)
          throw new GpuError(`internal: ${this.label}: a copy among what is to be timed`);
        end();
        if (c.kind === "clear") encoder.clearBuffer(c.buffer, c.at, c.bytes);
        else encoder.copyBufferToBuffer(c.from, c.fromAt, c.to, c.toAt, c.bytes);
      }
    }
    end();
    return encoder;
  }

  #enqueue(encoder: GPUCommandEncoder): void {
    this.gpu.device.queue.submit([encoder.finish()]);
    this.gpu.submits++;
  }

  /** Forgets the commands and hands the parameter buffers back. */
  dispose(): void {
    this.#commands.length = 0;
    for (const arena of this.#arenas) this.gpu.uniforms.give(arena.buffer);
    this.#arenas.length = 0;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #resource(kernel: Kernel, name: string, bound: Bound): GPUBufferBinding {
    const whole = !("tensor" in bound);
    const tensor = whole ? bound : bound.tensor;
    if (tensor.disposed) throw new GpuError(`internal: ${kernel.name}: '${name}' (${tensor}) was disposed`);
    const offset = whole ? 0 : bound.offset;
    // Rounded up to whole vec4s: buffers are padded, and shaders read 16 bytes at a time.
    const size = Math.max(16, Math.ceil((whole ? tensor.byteLength : bound.size) / 16) * 16);
    if (size > this.gpu.limits.bindingBytes) {
      throw new GpuError(
        `${kernel.name}: expected '${name}' of at most ${this.gpu.limits.bindingBytes} bytes (this device's binding limit), ` +
          `got ${size} for ${tensor}; use a smaller batch or shorter clips`,
      );
    }
    return { buffer: tensor.buffer, offset, size: Math.min(size, tensor.buffer.size - offset) };
  }

  #params(kernel: Kernel, values: Readonly<Record<string, number>>): GPUBufferBinding {
    const size = Math.max(16, Math.ceil((kernel.params.length * 4) / 16) * 16);
    const step = Math.ceil(size / this.gpu.limits.uniformAlignment) * this.gpu.limits.uniformAlignment;
    let arena = this.#arenas.at(-1);
    if (!arena || arena.used + step > UNIFORM_BYTES) {
      arena = {
        buffer: this.gpu.uniforms.take(),
        data: new ArrayBuffer(UNIFORM_BYTES),
        used: 0,
        dirty: false,
      };
      this.#arenas.push(arena);
    }
    const offset = arena.used;
    const view = new DataView(arena.data, offset);
    for (const [i, { name, type }] of kernel.params.entries()) {
      const value = values[name];
      if (value === undefined)
        throw new GpuError(`internal: ${kernel.name}: no value for parameter '${name}'`);
      if (type === "f32") view.setFloat32(i * 4, value, true);
      else if (type === "i32") view.setInt32(i * 4, value, true);
      else view.setUint32(i * 4, value, true);
    }
    arena.used += step;
    arena.dirty = true;
    return { buffer: arena.buffer, offset, size };
  }
}
