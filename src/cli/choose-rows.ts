import { DataError, type DataSet, type Row } from "../tasks/dataset.ts";

/** The first `limit` rows of the task. @throws DataError when there are none */
export function chooseRows(
  { name, rows, bad }: DataSet,
  task: string | undefined,
  limit: number | undefined,
): readonly Row[] {
  const chosen = task === undefined ? rows : rows.filter((row) => row.task === task);
  if (chosen.length > 0) return chosen.slice(0, limit);
  const tasks = [...new Set(rows.flatMap((row) => row.task ?? []))].map((found) => `'${found}'`);
  if (rows.length === 0)
    throw new DataError(`data: ${name}: expected rows, got ${bad.length} that cannot be used`);
  throw new DataError(
    `data: ${name}: expected rows of task '${task}', got ${tasks.join(", ") || "rows without a task"}`,
  );
}
