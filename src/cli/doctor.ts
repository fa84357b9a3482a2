import { styleText } from "node:util";
import { Command } from "commander";
import { ensureAdapter } from "./adapter.ts";
import { type AdapterReport, describe, FEATURES, type Machine } from "./machine.ts";
import { type Remedy, remedies } from "./remedies.ts";
import { binary } from "./terminal.ts";

/** What `doctor --json` prints. */
export interface Report extends Machine {
  readonly remedies: readonly Remedy[];
}

/** `ahamask doctor`: exit code 0 when there is an adapter, 1 when there is none. */
export function doctorCommand(): Command {
  return new Command("doctor")
    .description("show the adapter, what it allows, and the remedy for whatever is missing")
    .option("--json", "print one JSON document")
    .addHelpText("after", "\nExit codes: 0 there is a WebGPU adapter, 1 there is none.")
    .action(async (options: { json?: boolean }) => {
      const report = await diagnose();
      const colour = Boolean(process.stdout.isTTY) && !process.env.NO_COLOR;
      process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : render(report, colour));
      process.exitCode = report.adapter ? 0 : 1;
    });
}

/** Looks at this machine; never throws for want of an adapter. */
export async function diagnose(): Promise<Report> {
  const machine = await examine();
  return { ...machine, remedies: remedies(machine) };
}

async function examine(): Promise<Machine> {
  try {
    const environment = await ensureAdapter();
    const { requestAdapter } = await import("#adapter"); // only now: Dawn's binary may not load at all
    const adapter = await requestAdapter();
    return describe(adapter, adapter ? { environment } : { error: "Dawn finds no adapter" });
  } catch (error) {
    return describe(undefined, { error: error instanceof Error ? error.message : String(error) });
  }
}

/** The report for a person: a column of names, a column of findings, then the remedies. */
export function render(report: Report, colour: boolean): string {
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    colour ? styleText(style, text, { validateStream: false }) : text;
  const yes = (good: boolean) => (good ? paint("green", "yes") : paint("yellow", "no "));
  const { adapter } = report;
  const lines: string[] = [];
  const section = (title: string, rows: (readonly [string, string])[]) => {
    const width = Math.max(...rows.map(([name]) => name.length));
    lines.push(
      paint("bold", title),
      ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`.trimEnd()),
      "",
    );
  };
  section("Machine", [
    ["Node", report.node],
    ["platform", report.platform],
  ]);
  if (adapter) {
    section("Adapter", [
      ["name", adapter.description || adapter.device],
      ["driver", paint(adapter.kind === "GPU" ? "green" : "yellow", adapter.kind)],
      ["vendor", adapter.vendor],
      ["architecture", adapter.architecture],
      ["device", adapter.device],
    ]);
    section(
      "Features",
      FEATURES.map((name) => [name, `${yes(report.features[name])}${sizes(name, adapter)}`] as const),
    );
    section(
      "Limits",
      Object.entries(report.limits).map(
        ([name, value]) => [name, (name.endsWith("Size") ? binary(value) : `${value}`).padStart(12)] as const,
      ),
    );
    section(
      "Kernel variants",
      report.variants.map(
        (v) => [v.name, `${yes(v.available)}${v.needs ? `  needs ${v.needs}` : ""}`] as const,
      ),
    );
  } else {
    lines.push(paint("bold", "Adapter"), `  ${paint("red", "none")}: ${report.error ?? ""}`, "");
  }
  const variables = Object.entries(report.environment);
  if (variables.length) section("Environment that gives other programs this adapter", variables);
  for (const { problem, steps } of report.remedies) {
    lines.push(paint(adapter ? "yellow" : "red", problem), ...steps.map((step) => `  ${step}`), "");
  }
  if (adapter && report.remedies.length === 0) lines.push(paint("green", "Nothing is missing."), "");
  return lines.join("\n");
}

function sizes(feature: string, { subgroupSizes: range }: AdapterReport): string {
  if (feature !== "subgroups" || !range) return "";
  return `  size ${range[0] === range[1] ? range[0] : `${range[0]} to ${range[1]}`}`;
}
