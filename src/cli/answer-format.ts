import { InvalidArgumentError } from "commander";
import type { Format, Part } from "../tasks/following.ts";
import { METRICS, type TextMetric } from "../tasks/metrics.ts";

const EXAMPLE = '{"separator": "|", "parts": [{"metric": "wer"}, {"metric": "accuracy"}]}';

/** Parses how composite answers are built, for the metric `following`; says what is wrong with it. */
export function answerFormat(text: string): Format<TextMetric> {
  const value = parse(text);
  if (value && "separator" in value) {
    const { separator, parts } = value;
    if (typeof separator === "string" && separator !== "" && Array.isArray(parts) && parts.length > 0)
      return { separator, parts: parts.map(part) };
  } else if (value && isObject(value.keys) && Object.keys(value.keys).length > 0) {
    return {
      keys: Object.fromEntries(Object.entries(value.keys).map(([key, found]) => [key, part(found)])),
    };
  }
  throw new InvalidArgumentError(
    `Expected JSON such as ${EXAMPLE} or {"keys": {"text": {"metric": "wer"}}}.`,
  );
}

function part(value: unknown): Part<TextMetric> {
  const { metric, labels } = isObject(value) ? value : {};
  const names = Object.keys(METRICS).filter((name) => name !== "following");
  if (typeof metric !== "string" || !names.includes(metric))
    throw new InvalidArgumentError(`Expected each part's metric among ${names.join(", ")}.`);
  if (labels === undefined) return { metric: metric as TextMetric };
  if (!Array.isArray(labels) || !labels.every((label): label is string => typeof label === "string"))
    throw new InvalidArgumentError("Expected a part's labels to be a list of texts.");
  return { metric: metric as TextMetric, labels };
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
