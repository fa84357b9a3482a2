import { test } from "uvu";
import { GpuError } from "../../src/gpu/index.ts";
import { embedDx } from "../../src/kernels/embed-dx.ts";
import { mapRows, type Nd, nd, row } from "../reference/array.ts";
import { checkOp, openGpus, runOp, u32 } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import { withSmallBindings } from "../reference/split.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

/** dtable[v] + Σ dy[t] over the t with ids[t] = v */
const reference = (dy: Nd, ids: Nd, dtable: Nd): Nd =>
  mapRows(dtable, (r, v) => {
    const uses = [...ids.data.keys()].filter((t) => ids.data[t] === v).map((t) => row(dy, t));
    return r.map((before, c) => uses.reduce((sum, d) => sum + d[c]!, before));
  });

for (const ids of [[2], [0, 4, 1], [3, 3, 3, 0, 3, 4, 0]])
  for (const width of [1, 63, 64, 65, 257])
    test(`ids ${ids}, rows of ${width}`, () =>
      checkOp(
        gpus,
        "embed-dx",
        { dy: [ids.length, width], ids: u32(ids), dtable: [5, width] },
        (ops, { dy, ids, dtable }) => {
          embedDx(ops, dy, ids, dtable);
          return { dtable };
        },
        ({ dy, ids, dtable }) => ({ dtable: reference(dy, ids, dtable) }),
      ));

test("more tokens than a table has rows, twice", () => {
  const ids = Array.from({ length: 90 }, (_, t) => (t * t) % 7);
  return checkOp(
    gpus,
    "embed-dx",
    { dy: [90, 33], ids: u32(ids), dtable: { shape: [7, 33], values: new Float32Array(7 * 33) } },
    (ops, { dy, ids, dtable }) => {
      embedDx(ops, dy, ids, dtable);
      embedDx(ops, dy, ids, dtable);
      return { dtable };
    },
    ({ dy, ids, dtable }) => ({ dtable: reference(dy, ids, reference(dy, ids, nd(dtable.shape))) }),
    { atol: 3e-5 }, // sums of 26
  );
});

test("shapes that do not fit are named", async () => {
  const wrong = (dy: number[], ids: number[]) =>
    runOp(gpu, { dy, ids: u32(ids), dtable: [5, 4] }, (ops, t) => {
      embedDx(ops, t.dy, t.ids, t.dtable);
      return t;
    });
  await expectRejects(
    wrong([2, 3], [0, 1]),
    GpuError,
    /^embed-dx: expected dy f32 with rows of 4, got dy \[2, 3\] f32$/,
  );
  await expectRejects(wrong([2, 4], [0]), GpuError, /^embed-dx: expected ids u32 of 2, got ids \[1\] u32$/);
  using small = await withSmallBindings(gpu);
  const large = runOp(small, { dy: [1, 64], ids: u32([0]), dtable: [300, 64] }, (ops, t) => {
    embedDx(ops, t.dy, t.ids, t.dtable);
    return t;
  });
  await expectRejects(large, GpuError, /^embed-dx: expected 'dtable' of at most 65536 bytes/);
});

test.run();
