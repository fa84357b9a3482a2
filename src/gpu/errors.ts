/** What went wrong on the GPU side, by type, so that a caller can tell a lost device from a bad argument. */
export class GpuError extends Error {
  override name = "GpuError";
}

/** No WebGPU adapter was found; the message says what to install. */
export class NoAdapterError extends GpuError {
  override name = "NoAdapterError";
}

/** The device is gone (driver reset, unplugged, destroyed). Everything that waits on it rejects with this. */
export class DeviceLostError extends GpuError {
  override name = "DeviceLostError";
}

/** A shader did not compile; the message holds file, line, column and the source line of every diagnostic. */
export class ShaderError extends GpuError {
  override name = "ShaderError";
}
