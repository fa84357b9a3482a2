import { fetchPart, type Part, untar } from "./chromium-package.ts";

const WANTED = ["libvk_swiftshader.so", "libvulkan.so.1", "vk_swiftshader_icd.json"];

/** SwiftShader, a Vulkan driver that runs on the CPU, with its loader: a few MB, for machines without a driver. */
export const SWIFTSHADER: Part = {
  name: "swiftshader",
  title: "the SwiftShader driver",
  instead: "install your system's Vulkan driver (`npx ahamask doctor` says how)",
  space: 250,
  files(bin) {
    const files = untar(bin("swiftshader.tar.br"));
    const missing = WANTED.filter((name) => !files.has(name));
    if (missing.length) throw new Error(`internal: the package lacks ${missing.join(", ")}`);
    return new Map(WANTED.map((name) => [name, files.get(name) as Buffer]));
  },
};

/** The folder of SwiftShader's files, fetched on first use. Linux x64 only. Throws NoAdapterError with a remedy. */
export const swiftShader = (): Promise<string> => fetchPart(SWIFTSHADER);
