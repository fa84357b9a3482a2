/** What this machine offers to the kernels. */
export interface Machine {
  readonly node: string;
  readonly platform: string;
  /** `null` when there is none; `error` then says why. */
  readonly adapter: AdapterReport | null;
  readonly error?: string;
  /** What a program has to find in its environment to get this adapter. */
  readonly environment: Readonly<Record<string, string>>;
  readonly features: Readonly<Record<(typeof FEATURES)[number], boolean>>;
  /** Bytes, except for the counts of invocations and buffers. */
  readonly limits: Readonly<Partial<Record<(typeof LIMITS)[number], number>>>;
  readonly variants: readonly Variant[];
}

export interface AdapterReport {
  readonly kind: "GPU" | "software";
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** Invocations in a subgroup, smallest and largest. */
  readonly subgroupSizes?: readonly [number, number];
}

/** A flavour of the kernels, and the feature that it needs (`null`: none). */
export interface Variant {
  readonly name: string;
  readonly needs: string | null;
  readonly available: boolean;
}

export const FEATURES = [
  "shader-f16",
  "subgroups",
  "timestamp-query",
  "chromium-experimental-subgroup-matrix",
] as const;
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxStorageBuffersPerShaderStage",
] as const;
const VARIANTS = [
  ["f32", null],
  ["f16 arithmetic", "shader-f16"],
  ["benches timed on the GPU", "timestamp-query"],
] as const;

/** Describes an adapter, or its absence and the reason for it. */
export function describe(
  adapter: GPUAdapter | undefined,
  { error, environment = {} }: Partial<Pick<Machine, "error" | "environment">> = {},
): Machine {
  const has = (feature: string) => adapter?.features.has(feature) ?? false;
  return {
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    adapter: adapter ? describeAdapter(adapter) : null,
    ...(error === undefined ? {} : { error }),
    environment,
    features: Object.fromEntries(FEATURES.map((name) => [name, has(name)])) as Machine["features"],
    limits: adapter ? Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name] as number])) : {},
    variants: VARIANTS.map(([name, needs]) => ({
      name,
      needs,
      available: adapter !== undefined && (needs === null || has(needs)),
    })),
  };
}

function describeAdapter({ info }: GPUAdapter): AdapterReport {
  const { vendor, architecture, device, description, isFallbackAdapter, subgroupMinSize, subgroupMaxSize } =
    info;
  return {
    kind: isFallbackAdapter ? "software" : "GPU",
    vendor,
    architecture,
    device,
    description,
    ...(subgroupMaxSize ? { subgroupSizes: [subgroupMinSize, subgroupMaxSize] as const } : {}),
  };
}
