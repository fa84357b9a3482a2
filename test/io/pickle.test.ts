import { test } from "uvu";
import * as assert from "uvu/assert";
import { MAX_DEPTH, MAX_OBJECTS, PickleError, TorchTensor, unpickle } from "../../src/io/pickle.ts";
import { bytes, str, u32 } from "./torch-files.ts";

const read = (text: string) => unpickle(bytes(`\x80\x02${text}`)).value;

function refuses(text: string, message: string | RegExp) {
  try {
    read(text);
  } catch (error) {
    assert.instance(error, PickleError);
    const { message: got } = error as PickleError;
    if (typeof message === "string") assert.is(got, `pickle: expected ${message}`);
    else assert.match(got, message);
    return;
  }
  assert.unreachable(`read ${JSON.stringify(text).slice(0, 100)}`);
}

const refusedAs = (name: string) =>
  `tensors and plain values, got ${name}; this file would run code, do not trust it`;

test("reads plain values", () => {
  assert.is(read("N."), null);
  assert.equal(read("(K\x01K\x02t."), [1, 2]);
  assert.equal(read("](\x88\x89e."), [true, false]);
  const dict = `}(${str("a")}J\xff\xff\xff\xff${str("b")}G\x3f\xe0${"\0".repeat(6)}u.`;
  assert.equal(read(dict), new Map(Object.entries({ a: -1, b: 0.5 })));
  assert.is(read("\x8a\x08\0\0\0\0\0\0\0\x80."), -(2n ** 63n));
  assert.is(read("\x8a\0."), 0);
  assert.equal(read("\x8f(K\x01K\x01\x90."), new Set([1]));
});

test("says where it ends and which storages it names", () => {
  assert.equal(unpickle(bytes("..\x80\x02N.N"), 2), { value: null, storages: new Map(), end: 6 });
  const { storages } = unpickle(bytes(`\x80\x02${FLOATS}0N.`));
  assert.equal([...storages.values()], [{ key: "0", dtype: "F32", length: 6 }]);
});

test("keeps names such as __proto__ in maps, where they are only names", () => {
  const value = read(`}${str("__proto__")}}${str("polluted")}\x88ss.`) as Map<string, Map<string, boolean>>;
  assert.is(value.get("__proto__")?.get("polluted"), true);
  assert.is(({} as Record<string, unknown>).polluted, undefined);
});

const FLOATS = `(${str("storage")}ctorch\nFloatStorage\n${str("0")}${str("cpu")}K\x06tQ`;
const BIG = "\x8a\x08\0\0\0\0\0\0\0\x40"; // 2^62
const tensor = (offset: string, size: string, stride: string) =>
  `ctorch._utils\n_rebuild_tensor_v2\n(${FLOATS}${offset}${size}${stride}\x89}tR.`;

test("a tensor says where it lies", () => {
  const value = read(tensor("K\x02", "K\x04\x85", "K\x01\x85"));
  assert.equal(value, new TorchTensor({ key: "0", dtype: "F32", length: 6 }, 2, [4], [1]));
});

test("a tensor must lie within its storage", () => {
  const within = /^pickle: expected a tensor within the 6 elements of storage '0', got \[4\] up to element/;
  refuses(tensor("K\x03", "K\x04\x85", "K\x01\x85"), within);
  refuses(tensor("K\x00", "K\x04\x85", "K\x02\x85"), within);
  refuses(tensor("J\xff\xff\xff\xff", "K\x04\x85", "K\x01\x85"), /whole number of at least 0, got -1/);
  refuses(tensor("K\0", "K\x04\x85", ")"), /a stride for each dimension/);
  refuses(tensor("K\0", "K\x04\x85", "J\xff\xff\xff\xff\x85"), /whole number of at least 0, got -1/);
  refuses(tensor("K\0", "J\xff\xff\xff\xff\x85", "K\x01\x85"), /whole number of at least 0, got -1/);
  refuses(tensor("K\0", "G\x3f\xf8\0\0\0\0\0\0\x85", "K\x01\x85"), /whole number .* got 1.5/);
  refuses(tensor("K\0", `${BIG}\x85`, "K\x01\x85"), /whole number of at least 0, got bigint/);
  const half = "\x8a\x05\0\0\0\0\x01"; // 2^32
  refuses(
    tensor("K\0", `${half}${half}\x86`, `${half}${half}\x86`),
    /fewer than 2\^53 bytes, got one of \[4294967296, /,
  );
  refuses(tensor("K\0", `${half}${half}\x86`, "K\0K\0\x86"), /fewer than 2\^53 bytes/);
  refuses(tensor("K\0", `${half}\x85`, `${half}\x85`), /\[4294967296\] up to element 18446744069414584\d+/);
});

test("a storage has one type and length", () => {
  const other = FLOATS.replace("FloatStorage", "LongStorage");
  refuses(`${FLOATS}0${other}0N.`, "storage '0' to have one type and length, got two; the file is damaged");
  refuses(`${FLOATS}0${FLOATS.replace("K\x06", "K\x07")}0N.`, /one type and length, got two/);
  refuses(FLOATS.replace("K\x06", "J\xff\xff\xff\xff"), /whole number of at least 0, got -1/);
});

test("refuses every other name of Python, however it is written, before anything is made of it", () => {
  refuses(`cos\nsystem\n${str("id")}\x85R.`, refusedAs("os.system"));
  refuses(`cbuiltins\neval\n${str("1")}\x85R.`, refusedAs("builtins.eval"));
  refuses(`(${str("id")}ios\nsystem\n.`, refusedAs("os.system"));
  refuses(`${str("posix")}${str("system")}\x93.`, refusedAs("posix.system"));
  refuses("ctorch\nload\n.", refusedAs("torch.load"));
  refuses("ctorch\n_utils._rebuild_tensor_v2.__globals__\n.", /_v2\.__globals__; this file would run code/);
  refuses("c__main__\nconstructor\n.", refusedAs("__main__.constructor"));
  refuses(`]${"]".repeat(20)}K\x01acsubprocess\nPopen\n.`, refusedAs("subprocess.Popen"));
  refuses(`c${"x".repeat(500)}\ny\n.`, refusedAs("x".repeat(100)));
});

test("calls nothing but the constructors it knows", () => {
  refuses(`${str("os")}${str("x")}\x85R.`, /expected a call of a constructor, got one of a string/);
  refuses("ctorch\nFloatStorage\n)R.", /expected a call of a constructor, got one of torch.FloatStorage/);
  refuses("ccollections\nOrderedDict\n)\x81.", /expected an opcode that torch.save writes, got 0x81/);
  refuses("\x82\x01.", /opcode .* got 0x82 at byte 2/); // an extension's number
  refuses("ctorch\nSize\n.", "tensors and plain values, got torch.Size");
  refuses("]}b.", /expected attributes of a dict only/);
  refuses(`${FLOATS}.`, "tensors and plain values, got a bare storage");
  refuses(`${str("id")}Q.`, /expected a list or a tuple/);
});

test("refuses what would grow, dig or turn without end", () => {
  const doubling = `]q\0${"0h\0h\0\x86q\0".repeat(40)}.`;
  refuses(doubling, /expected at most \d+ objects, got more/);
  for (const [object, cost] of [["N", 1], ["]", 1], ["}", 8], ["\x8f", 8], ["(\x91", 8]] as const) // biome-ignore format: pairs
    refuses(`(${object.repeat(MAX_OBJECTS / cost)}t.`, /expected at most 4000000 objects, got more/);
  refuses(`${"]".repeat(MAX_DEPTH + 1)}${"a".repeat(MAX_DEPTH)}.`, /at most 100 deep/);
  assert.ok(read(`${"]".repeat(MAX_DEPTH)}${"a".repeat(MAX_DEPTH - 1)}.`));
  refuses("]q\0h\0a.", "values that end, got one that contains itself");
  refuses(`(${"N".repeat(65)}tq\x01${tensor("K\0", "h\x01", "h\x01")}`, /a stride for each dimension/);
  const shared = `(${"N".repeat(1000)}tq\x010${"cbuiltins\nset\nh\x01\x85R0".repeat(5000)}N.`;
  refuses(shared, /expected at most \d+ objects, got more/);
});

test("refuses damage", () => {
  refuses("", /the end at 2; the file is cut short/);
  refuses("X\xff\xff\xff\x7fabc", /expected 2147483647 bytes at byte 7, got the end at 10/);
  refuses(`\x8d${"\xff".repeat(8)}`, /expected 18446744073709551615 bytes/);
  refuses("\x8b\xff\xff\xff\xff", /ints of at most 32 bytes, got one of 4294967295/);
  refuses("cos", /expected a line at byte 3/);
  refuses(".", /a whole pickle, got too few values/);
  refuses("K\x01(.", /a whole pickle, got too few values/);
  refuses("t.", /got no mark on the stack/);
  refuses("h\x07.", /got no object 7 in the memo/);
  refuses("NN.", "one value, got 2");
  refuses("K\x01K\x02a.", /got items for what is no list/);
  refuses(`X${u32(1)}\xff.`, /text in UTF-8/);
  assert.throws(() => unpickle(bytes("\x80\x09N.")), /expected protocol 2 to 5, got 9/);
});

test.run();
