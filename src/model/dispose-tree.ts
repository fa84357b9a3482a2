/** Disposes every tensor of a tree of weights. */
export function disposeTree(node: object): void {
  if ("dispose" in node && typeof node.dispose === "function") node.dispose();
  else for (const child of Object.values(node)) disposeTree(child as object);
}

/** What `use` gives; when it fails, a tree that was loaded before is disposed. */
export async function orDispose<T>(tree: object, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    disposeTree(tree);
    throw error;
  }
}
