import { escapeXml } from "../tasks/svg.ts";
import type { Example, Findings, Table, TableCell } from "./findings.ts";
import type { Origin } from "./results.ts";

/** A page that needs nothing but itself: pictures, tables, what the model said, and what to make of it. */
export function report(study: string, origin: Origin, all: readonly Findings[]): string {
  const contents =
    all.length > 1
      ? `<nav>${all.map(({ name, title }) => `<a href="#${name}">${escapeXml(title)}</a>`).join("")}</nav>`
      : "";
  const facts = [
    ["model", origin.model],
    ["fingerprint", origin.fingerprint],
    ["adapter", origin.adapter],
    ["made by", origin.command],
  ]
    .filter(([, value]) => value)
    .map(([name, value]) => `<dt>${name}</dt><dd>${escapeXml(value!)}</dd>`);
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeXml(study)}</title>
<style>${STYLE}</style>
<main>
<header><p class="over">ahamask</p><h1>${escapeXml(study)}</h1><dl>${facts.join("")}</dl>${contents}</header>
${all.map(section).join("\n")}
</main></html>
`;
}

function section({ name, title, question, figures, tables, examples, remarks }: Findings): string {
  const pictures = figures.map(
    (f) =>
      `<figure>${f.svg}<figcaption><b>${escapeXml(f.title)}.</b> ${escapeXml(f.caption)}</figcaption></figure>`,
  );
  const found =
    remarks.length > 0
      ? `<ul class="found">${remarks.map((r) => `<li>${escapeXml(r)}</li>`).join("")}</ul>`
      : "";
  const said =
    examples.length > 0
      ? `<details><summary>What the model said</summary>${exampleTable(examples)}</details>`
      : "";
  return `<section id="${name}"><h2>${escapeXml(title)}</h2><p class="question">${escapeXml(question)}</p>${found}${pictures.join("")}${tables.map(tableOf).join("")}${said}</section>`;
}

const tableOf = ({ title, columns, rows, note = "" }: Table): string =>
  `<h3>${escapeXml(title)}</h3>${grid(columns, rows)}${note && `<p class="note">${escapeXml(note)}</p>`}`;

const exampleTable = (examples: readonly Example[]): string =>
  grid(
    ["task", "condition", "clip", "answer", "right"],
    examples.map(({ task, condition, clip, hypothesis, reference }) => [
      task,
      condition,
      clip,
      hypothesis,
      reference,
    ]),
  );

function grid(columns: readonly string[], rows: readonly (readonly TableCell[])[]): string {
  const cells = (row: readonly TableCell[], tag: "td" | "th") =>
    row
      .map(
        (cell) => `<${tag}${isNumber(cell) ? ' class="n"' : ""}>${escapeXml(String(cell ?? "–"))}</${tag}>`,
      )
      .join("");
  const body = rows.map((row) => `<tr>${cells(row, "td")}</tr>`).join("");
  return `<div class="scroll"><table><thead><tr>${cells(columns, "th")}</tr></thead><tbody>${body}</tbody></table></div>`;
}

const isNumber = (cell: TableCell) =>
  typeof cell === "number" || (typeof cell === "string" && /^[−-]?[\d.,]+( [[±]|$)/.test(cell));

const STYLE = `
:root { color-scheme: light; font: 16px/1.55 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #1f2933; background: #fff; }
main { max-width: 860px; margin: 0 auto; padding: 48px 24px 96px; }
.over { margin: 0; color: #0072b2; font-weight: 600; letter-spacing: .02em; }
h1 { margin: 0 0 16px; font-size: 34px; line-height: 1.15; }
h2 { margin: 72px 0 8px; padding-top: 24px; border-top: 1px solid #d9dee4; font-size: 25px; }
h3 { margin: 36px 0 8px; font-size: 16px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 0; font-size: 13px; color: #52606d; }
dd { margin: 0; overflow-wrap: anywhere; }
nav { display: flex; flex-wrap: wrap; gap: 6px 18px; margin-top: 20px; }
a { color: #0072b2; }
.question { color: #3e4c59; max-width: 70ch; }
.found { padding: 14px 14px 14px 34px; border-radius: 8px; background: #f2f6f9; }
figure { margin: 28px 0; }
figure svg { max-width: 100%; height: auto; }
figcaption, .note { color: #52606d; font-size: 13px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 14px 5px 0; text-align: left; vertical-align: top; border-bottom: 1px solid #e8ecf0; }
th { color: #52606d; font-weight: 600; white-space: nowrap; }
td.n { white-space: nowrap; }
details { margin-top: 28px; } summary { cursor: pointer; font-weight: 600; }
@media print { section { break-before: page; } }
`;
