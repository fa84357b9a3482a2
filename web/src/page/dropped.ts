/** The files of a drop; of a folder those in it, whatever they lie below. */
export async function droppedFiles(
  items: DataTransferItemList,
): Promise<{ readonly folder?: string; readonly files: readonly File[] }> {
  // The list is gone after the first wait: entries are taken now.
  const entries = [...items].flatMap((item) => item.webkitGetAsEntry() ?? item.getAsFile() ?? []);
  const folder = entries.find((entry) => !(entry instanceof File) && entry.isDirectory)?.name;
  const files = (
    await Promise.all(entries.map((entry) => (entry instanceof File ? entry : filesOf(entry))))
  ).flat();
  return { files, ...(folder && { folder }) };
}

async function filesOf(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile)
    return [
      await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)),
    ];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: File[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return files;
    files.push(...(await Promise.all(some.map(filesOf))).flat());
  }
}
