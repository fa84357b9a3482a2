export type { Attention, Gates, Heads, Segment } from "./attention.ts";
export type { AttentionDecode } from "./attention-decode.ts";
export { type AttentionSaved, type AttentionWant, attentionDx } from "./attention-dx.ts";
export type { Conv1d } from "./conv1d.ts";
export type { Epilogue } from "./epilogue.ts";
export { EagerOps, type Ops } from "./ops.ts";
export { type Rope, ropeAngles } from "./rope.ts";
export type { TopK } from "./top-k.ts";
