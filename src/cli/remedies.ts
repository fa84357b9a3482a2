import type { Machine } from "./machine.ts";

/** Something that is missing, and the steps (commands or settings) that bring it. */
export interface Remedy {
  readonly problem: string;
  readonly steps: readonly string[];
}

const SOFTWARE_DRIVER = [
  "Debian, Ubuntu:  sudo apt-get install mesa-vulkan-drivers libvulkan1",
  "Debian 12:       its own Mesa 22.3 is too old; add backports and install from there:",
  "                 echo 'deb http://deb.debian.org/debian bookworm-backports main' | sudo tee /etc/apt/sources.list.d/backports.list",
  "                 sudo apt-get update && sudo apt-get install -t bookworm-backports mesa-vulkan-drivers libvulkan1",
  "Fedora:          sudo dnf install mesa-vulkan-drivers vulkan-loader",
  "Arch:            sudo pacman -S vulkan-swrast vulkan-icd-loader",
];

const LINUX_GPU = [
  "NVIDIA:          sudo apt-get install nvidia-driver libvulkan1   (in a container: NVIDIA_DRIVER_CAPABILITIES=all)",
  "AMD, Intel:      sudo apt-get install mesa-vulkan-drivers libvulkan1",
  "permissions:     the user needs /dev/dri/renderD128: sudo usermod -aG render,video $USER, then log in again",
];

const NO_ADAPTER: Readonly<Record<string, readonly string[]>> = {
  darwin: ["macOS 13 or newer has what is needed (Metal); a virtual machine must pass a GPU through"],
  win32: [
    "Install the GPU maker's driver (Direct3D 12), or update it: nvidia.com/drivers, amd.com/support, intel.com/download",
    "Over Remote Desktop or in a virtual machine, check `dxdiag` for Direct3D 12 with feature level 11_1 or higher",
  ],
};

const NO_F16: Readonly<Record<string, readonly string[]>> = {
  nvidia: [
    "Dawn hides f16 on NVIDIA with Vulkan; f32 is used instead. To turn it on, make the device yourself with",
    'create(["enable-dawn-features=vulkan_enable_f16_on_nvidia"]) of npm `webgpu`, and pass it: openGpu({ device });',
    "keep what create() gave for as long as the process lives, or Dawn crashes",
  ],
  google: [
    "SwiftShader has none; Mesa's software driver has it and is about 3 times faster:",
    ...SOFTWARE_DRIVER,
  ],
};

/** What to do about everything that is missing, most important first; empty when nothing is. */
export function remedies({ adapter, platform, features }: Machine): Remedy[] {
  const system = platform.split(" ")[0] as string;
  if (!adapter) {
    const steps = NO_ADAPTER[system] ?? [
      ...LINUX_GPU,
      "Without a GPU, Mesa's software driver:",
      ...SOFTWARE_DRIVER,
    ];
    return [{ problem: "No WebGPU adapter: nothing can run", steps }];
  }
  const found: Remedy[] = [];
  if (adapter.kind === "software") {
    const steps = NO_ADAPTER[system] ?? LINUX_GPU;
    found.push({
      problem: "No GPU: the CPU does the GPU's work. If this machine has one, its driver is missing",
      steps,
    });
  }
  if (!features["shader-f16"]) {
    const steps = NO_F16[adapter.vendor] ?? ["A newer driver may bring it; f32 is used meanwhile"];
    found.push({ problem: "No shader-f16: no kernels in half precision", steps });
  }
  if (!features["timestamp-query"]) {
    const steps = ["A newer driver may bring them; benches use the wall clock meanwhile"];
    found.push({ problem: "No timestamp queries: benches are less exact", steps });
  }
  return found;
}
