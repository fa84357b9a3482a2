import { HeadMask } from "../../../src/index.ts";
import type { MaskBits } from "./engine.ts";

/** A mask as it comes from the page. @throws MaskError */
export const toMask = ({ layers, heads, bits, metadata }: MaskBits): HeadMask =>
  HeadMask.fromBits(layers, heads, bits).withMetadata(metadata);
