/** What a browser says of itself to a page. */
export interface BrowserFacts {
  /** Served over https or from this machine; WebGPU is hidden from other pages. */
  readonly secure: boolean;
  /** There is a `navigator.gpu`: the browser has WebGPU, if no adapter. */
  readonly gpu: boolean;
}

const OTHER = "use a current Chrome or Edge on a computer with a GPU";

/**
 * What to do about a missing adapter, by browser and system. Browsers got WebGPU at different times on different systems
 * (https://github.com/gpuweb/gpuweb/wiki/Implementation-Status, as of 2026).
 */
export function adviceFor(userAgent: string, { secure, gpu }: BrowserFacts): string {
  if (!secure) return "open the page over https or from localhost: browsers hide WebGPU from other pages";
  const version = (pattern: RegExp): number | undefined => {
    const found = pattern.exec(userAgent);
    return found ? Number(found[1]) : undefined;
  };
  const on = (system: RegExp): boolean => system.test(userAgent);
  // On iPhones and iPads every browser is Safari within.
  if (on(/iPhone|iPad|iPod/)) return ios(version(/Version\/(\d+)/), gpu);
  const firefox = version(/Firefox\/(\d+)/);
  if (firefox !== undefined) return firefoxAdvice(firefox, on);
  const chromium = version(/Chrom(?:e|ium)\/(\d+)/);
  if (chromium !== undefined) return chromiumAdvice(chromium, on(/Edg/) ? "Edge" : "Chrome", on, gpu);
  const safari = version(/Version\/(\d+).* Safari/);
  if (safari !== undefined)
    return safari < 26
      ? `update to macOS 26 and Safari 26 or newer (this is Safari ${safari}), or ${OTHER}`
      : `Safari has WebGPU from macOS 26 on: update macOS, and see that WebGPU is on in Settings, Feature Flags; or ${OTHER}`;
  return OTHER;
}

function ios(safari: number | undefined, gpu: boolean): string {
  const update = "update to iOS or iPadOS 26 or newer, whose browsers all have WebGPU";
  if (gpu || (safari !== undefined && safari >= 26))
    return `${update}, and see that WebGPU is on in Settings, Apps, Safari, Advanced, Feature Flags`;
  return update;
}

function firefoxAdvice(version: number, on: (system: RegExp) => boolean): string {
  if (on(/Windows/))
    return version < 141
      ? `update Firefox to 141 or newer (this is ${version})`
      : `update the GPU's driver, and see WebGPU in about:support for the reason; or ${OTHER}`;
  if (on(/Macintosh/))
    return version < 147
      ? `update Firefox to 147 or newer (this is ${version}) on a Mac with Apple silicon, or ${OTHER}`
      : `Firefox has WebGPU on Macs with Apple silicon only; on others, ${OTHER}`;
  return `Firefox has WebGPU on Windows and Macs; here, turn on dom.webgpu.enabled in about:config of Firefox Nightly, or ${OTHER}`;
}

const LINUX_FLAGS =
  "--enable-unsafe-webgpu --ozone-platform=x11 --use-angle=vulkan --enable-features=Vulkan,VulkanFromANGLE";

function chromiumAdvice(
  version: number,
  name: string,
  on: (system: RegExp) => boolean,
  gpu: boolean,
): string {
  const update = (least: number) => `update ${name} to ${least} or newer (this is ${version})`;
  if (on(/Android/))
    return version < 121
      ? update(121)
      : "WebGPU needs Android 12 and an ARM, Qualcomm or Intel GPU, or Android 16 and an Imagination GPU; use another device";
  if (on(/Linux/))
    return (
      `${version < 147 ? `${update(147)}, or ` : ""}start it with ${LINUX_FLAGS}: on Linux, WebGPU is on by itself ` +
      "for Intel GPUs from the 12th generation on and for NVIDIA's with driver 535.183.01 or newer; chrome://gpu has the reason"
    );
  if (version < 113) return update(113);
  const arm = on(/Windows/) ? "; on an ARM PC, turn on chrome://flags/#enable-unsafe-webgpu" : "";
  return (
    `turn on graphics acceleration in ${name}'s settings, System, and update the GPU's driver; ` +
    `chrome://gpu says whether WebGPU is ${gpu ? "blocked for this GPU" : "disabled"}, and why${arm}`
  );
}
