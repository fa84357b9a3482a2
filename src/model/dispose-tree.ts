/** Disposes every tensor of a tree of weights. */
export function disposeTree(node: object): void {
  if ("dispose" in node && typeof node.dispose === "function") node.dispose();
  else for (const child of Object.values(node)) disposeTree(child as object);
}
