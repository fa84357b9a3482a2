import { spawnSync } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { diagnose, type Report, render } from "../../src/cli/doctor.ts";
import { describe } from "../../src/cli/machine.ts";
import { remedies } from "../../src/cli/remedies.ts";

const REGISTER = new URL("../../scripts/register.js", import.meta.url).href;
const ESCAPE = String.fromCharCode(27);
const DOCTOR = new URL("../../src/cli/doctor.ts", import.meta.url).href;

/** `ahamask doctor …` in a process of its own. */
function doctor(args: readonly string[], env: NodeJS.ProcessEnv) {
  const code = `const { doctorCommand } = await import(${JSON.stringify(DOCTOR)});
    await doctorCommand().parseAsync(${JSON.stringify(args)}, { from: "user" });`;
  return spawnSync(process.execPath, ["--import", REGISTER, "--input-type=module", "-e", code], {
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
}

/** An adapter that never was, with these features. */
function adapterOf(info: Partial<GPUAdapterInfo>, ...features: string[]): GPUAdapter {
  const limits = {
    maxBufferSize: 2 ** 32,
    maxStorageBufferBindingSize: 2 ** 27,
    maxComputeWorkgroupStorageSize: 49152,
    maxComputeInvocationsPerWorkgroup: 1024,
    maxStorageBuffersPerShaderStage: 10,
  };
  return {
    info: { vendor: "", architecture: "", device: "", description: "", ...info },
    features: new Set(features),
    limits,
  } as unknown as GPUAdapter;
}

const report = (adapter: GPUAdapter | undefined, platform = "linux x64"): Report => {
  const machine = { ...describe(adapter, adapter ? {} : { error: "Dawn finds no adapter" }), platform };
  return { ...machine, remedies: remedies(machine) };
};

const steps = (found: Report) =>
  found.remedies.flatMap(({ problem, steps }) => [problem, ...steps]).join("\n");

test("describes this machine's adapter", async () => {
  const { adapter, limits, features, variants } = await diagnose();
  assert.ok(adapter, "the tests need an adapter");
  assert.ok(adapter.description.length > 0);
  assert.ok((limits.maxStorageBufferBindingSize ?? 0) >= 2 ** 27);
  assert.is(variants.find(({ needs }) => needs === null)?.available, true);
  assert.is(variants.find(({ needs }) => needs === "shader-f16")?.available, features["shader-f16"]);
});

test("--json prints one document and exits with 0", () => {
  const { status, stdout } = doctor(["--json"], {});
  assert.is(status, 0);
  const { node, adapter } = JSON.parse(stdout) as Report;
  assert.is(node, process.versions.node);
  assert.ok(adapter);
});

test("without an adapter it says why and what to do, and exits with 1", () => {
  const env = { AHAMASK_ADAPTER: "gpu", VK_ICD_FILENAMES: "/nowhere", VK_DRIVER_FILES: "/nowhere" };
  if (process.platform !== "linux") env.AHAMASK_ADAPTER = "none"; // only Vulkan's drivers can be hidden by environment
  const person = doctor([], env);
  assert.is(person.status, 1);
  assert.match(person.stdout, /none: AHAMASK_ADAPTER.*expected/);
  assert.match(person.stdout, /No WebGPU adapter: nothing can run/);
  assert.not.ok(person.stdout.includes(ESCAPE));
  const document = doctor(["--json"], env);
  assert.is(document.status, 1);
  assert.is((JSON.parse(document.stdout) as Report).adapter, null);
});

test("has a remedy for every platform", () => {
  assert.match(steps(report(undefined)), /apt-get install mesa-vulkan-drivers libvulkan1/);
  assert.match(steps(report(undefined)), /too old.*\n.*bookworm-backports/);
  assert.match(steps(report(undefined, "darwin arm64")), /Metal/);
  assert.match(steps(report(undefined, "win32 x64")), /Direct3D 12/);
  assert.not.match(steps(report(undefined, "win32 x64")), /apt-get/);
});

test("has a remedy for every feature that is missing, and none for a complete machine", () => {
  const nvidia = { vendor: "nvidia", subgroupMinSize: 32, subgroupMaxSize: 32 };
  assert.equal(report(adapterOf(nvidia, "shader-f16", "subgroups", "timestamp-query")).remedies, []);
  assert.match(
    steps(report(adapterOf(nvidia, "subgroups", "timestamp-query"))),
    /vulkan_enable_f16_on_nvidia/,
  );
  assert.match(
    steps(report(adapterOf({ vendor: "google", isFallbackAdapter: true }))),
    /No GPU: .*\n(.*\n)*.*SwiftShader has none/,
  );
  const bare = report(adapterOf({ vendor: "other" }));
  assert.equal(
    bare.remedies.map(({ problem }) => problem.split(":")[0]),
    ["No shader-f16", "No timestamp queries"],
  );
});

test("prints columns, in colour where asked", () => {
  const found = report(
    adapterOf({ description: "A card", subgroupMinSize: 8, subgroupMaxSize: 32 }, "subgroups"),
  );
  const text = render({ ...found, environment: { A: "/b" } }, false);
  assert.match(text, /^ {2}name {10}A card$/m);
  assert.match(text, /^Environment .*\n {2}A {2}\/b$/m);
  assert.match(text, /^ {2}subgroups +yes {2}size 8 to 32$/m);
  assert.match(text, /^ {2}maxBufferSize +4 GiB$/m);
  assert.match(text, /^ {2}maxComputeWorkgroupStorageSize +48 KiB$/m);
  assert.match(text, /^ {2}f16 arithmetic +no {3}needs shader-f16$/m);
  assert.not.ok(text.includes(ESCAPE));
  assert.ok(render(found, true).includes(`${ESCAPE}[32myes`));
});

test.run();
