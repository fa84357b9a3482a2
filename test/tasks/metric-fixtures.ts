import * as assert from "uvu/assert";
import { readText } from "#fixtures";
import type { Pair } from "../../src/tasks/metric-types.ts";

/** A file of test/fixtures/metrics, which scripts/oracle/metrics.py has written. */
export const fixture = <T>(name: string): T => JSON.parse(readText(`test/fixtures/metrics/${name}.json`));

export const pair = (hypothesis: string, reference: string): Pair => ({ hypothesis, reference });

export function close(got: number, expected: number, what: string) {
  assert.ok(
    Math.abs(got - expected) <= 1e-9 * Math.max(1, Math.abs(expected)),
    `${what}: ${got}, expected ${expected}`,
  );
}
