import type { PickedFile } from "../../../src/index.ts";

/** The files of a drop; of a folder those in it, whatever they lie below, by their paths. */
export async function droppedFiles(
  items: DataTransferItemList,
): Promise<{ readonly folder?: string; readonly files: readonly PickedFile[] }> {
  // The list is gone after the first wait: entries are taken now.
  const entries = [...items].flatMap((item) => item.webkitGetAsEntry() ?? item.getAsFile() ?? []);
  const folder = entries.find((entry) => !(entry instanceof File) && entry.isDirectory)?.name;
  const files = (
    await Promise.all(
      entries.map((entry) => (entry instanceof File ? [[entry.name, entry] as const] : filesOf(entry))),
    )
  ).flat();
  return { files, ...(folder && { folder }) };
}

async function filesOf(entry: FileSystemEntry): Promise<PickedFile[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    return [[entry.fullPath.replace(/^\//, ""), file]];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: PickedFile[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return files;
    files.push(...(await Promise.all(some.map(filesOf))).flat());
  }
}
