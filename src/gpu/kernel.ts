import { GpuError, ShaderError } from "./errors.ts";

/** The two types a kernel may compute in; storage types are the tensors' own affair. */
export type Scalar = "f32" | "f16";

/** A shader and what its text declares: the names that a dispatch must give. Immutable. */
export interface Kernel {
  readonly name: string;
  readonly code: string;
  /** Storage bindings, name → binding number. */
  readonly bindings: ReadonlyMap<string, number>;
  /** Fields of `struct Params` in order; every field is one 4-byte scalar. */
  readonly params: readonly { name: string; type: "u32" | "i32" | "f32" }[];
  readonly paramsBinding: number | undefined;
}

/** Reads bindings and parameters from the shader's own text, so that they are declared in one place only. */
export function defineKernel(name: string, code: string): Kernel {
  const text = code.replace(/\/\/.*$/gm, "");
  const bindings = new Map<string, number>();
  let paramsBinding: number | undefined;
  for (const [declaration] of text.matchAll(/(@\w+\([^)]*\)\s*)+var<(storage|uniform)[^;]*;/g)) {
    const [, number] = /@binding\((\d+)\)/.exec(declaration) ?? [];
    const [, space, variable] = /var<(storage|uniform)[^>]*>\s*(\w+)/.exec(declaration) ?? [];
    if (!number || !variable) throw unreadable(name, declaration);
    if (space === "uniform") paramsBinding = Number(number);
    else bindings.set(variable, Number(number));
  }
  const fields = (/struct Params\s*\{([^}]*)\}/.exec(text)?.[1] ?? "")
    .split(",")
    .filter((field) => field.trim());
  const params = fields.map((field) => {
    const [, key, type] = /^\s*(\w+)\s*:\s*(u32|i32|f32)\s*$/.exec(field) ?? [];
    if (!key) throw unreadable(name, field);
    return { name: key, type: type as "u32" | "i32" | "f32" };
  });
  return { name, code, bindings, params, paramsBinding };
}

const unreadable = (name: string, text: string) =>
  new GpuError(
    `defineKernel ${name}: expected '@group(0) @binding(n) var<…> name: …' and Params fields of u32, i32 or f32, ` +
      `got '${text.trim()}'`,
  );

export type Overrides = Readonly<Record<string, number | boolean>>;

/** Compiled pipelines of one device, by kernel, overrides and scalar. */
export class PipelineCache {
  // By the kernel itself: a user's kernel may have the name of one of ours.
  readonly #pipelines = new WeakMap<Kernel, Map<string, GPUComputePipeline>>();
  readonly #modules = new WeakMap<Kernel, Map<Scalar, GPUShaderModule>>();
  #failure: Promise<void> = Promise.resolve();

  constructor(private readonly device: GPUDevice) {}

  get(kernel: Kernel, overrides: Overrides, scalar: Scalar = "f32"): GPUComputePipeline {
    const constants = Object.fromEntries(Object.entries(overrides).map(([k, v]) => [k, Number(v)]));
    const label = `${kernel.name}(${Object.entries(constants).map(([k, v]) => `${k}=${v}`)}) ${scalar}`;
    const pipelines = entry(this.#pipelines, kernel);
    const known = pipelines.get(label);
    if (known) return known;
    this.device.pushErrorScope("validation");
    const module = this.#module(kernel, scalar);
    const pipeline = this.device.createComputePipeline({
      label,
      layout: "auto",
      compute: { module, constants },
    });
    const failure = this.device.popErrorScope().then(async (error) => {
      if (error) throw await describe(kernel, label, module, error);
    });
    failure.catch(() => {}); // reported by check(), which chains on it
    const before = this.#failure;
    this.#failure = before.then(() => failure);
    this.#failure.catch(() => {});
    pipelines.set(label, pipeline);
    return pipeline;
  }

  /** Rejects with the first compile error since the device was opened. */
  check(): Promise<void> {
    return this.#failure;
  }

  #module(kernel: Kernel, scalar: Scalar): GPUShaderModule {
    const modules = entry(this.#modules, kernel);
    const known = modules.get(scalar);
    if (known) return known;
    // On the first line, so that line numbers stay those of the file.
    const prelude = !/\bscalar\b/.test(kernel.code)
      ? ""
      : scalar === "f16"
        ? "enable f16; alias scalar = f16; "
        : "alias scalar = f32; ";
    const module = this.device.createShaderModule({ label: kernel.name, code: prelude + kernel.code });
    modules.set(scalar, module);
    return module;
  }
}

/** The kernel's own map, made when it is first asked for. */
function entry<K, V>(of: WeakMap<Kernel, Map<K, V>>, kernel: Kernel): Map<K, V> {
  const map = of.get(kernel) ?? new Map<K, V>();
  of.set(kernel, map);
  return map;
}

/** file:line:column, message and the source line for each diagnostic. */
async function describe(
  kernel: Kernel,
  label: string,
  module: GPUShaderModule,
  error: GPUError,
): Promise<GpuError> {
  const { messages } = await module.getCompilationInfo();
  const lines = kernel.code.split("\n");
  const found = messages
    .filter((m) => m.type === "error")
    .map(
      (m) =>
        `shaders/${kernel.name}.wgsl:${m.lineNum}:${m.linePos}: ${m.message}\n    ${lines[m.lineNum - 1]}`,
    );
  return new ShaderError(
    `internal: ${label} does not compile\n${found.length ? found.join("\n") : error.message}`,
  );
}
