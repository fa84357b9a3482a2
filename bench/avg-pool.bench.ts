import type { Bench } from "./harness.ts";

/** 2·T·C read, T·C written; a sum and a product each. */
export default async function avgPool(b: Bench): Promise<void> {
  const width = b.sizes.audioWidth;
  const rows = b.sizes.frames / 4; // what the encoder's strided convolution leaves, in pairs
  await b.measure(() => {
    const x = b.input("x", [2 * rows, width]);
    const first = b.upload(
      "first",
      [rows],
      Uint32Array.from({ length: rows }, (_, t) => 2 * t),
    );
    return {
      shape: `T ${rows} · C ${width}`,
      flops: 2 * rows * width,
      bytes: 4 * 3 * rows * width,
      run: (ops) => ops.avgPool(x.tensor, first),
      want(i) {
        const at = Math.floor(i / width) * 2 * width + (i % width);
        return (x.at(at) + x.at(at + width)) / 2;
      },
    };
  });
}
