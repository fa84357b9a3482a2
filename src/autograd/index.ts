export { TapedOps, type TapeOptions } from "./taped-ops.ts";
