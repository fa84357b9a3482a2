import { test } from "uvu";
import * as assert from "uvu/assert";
import { blobSource, type PickedFile, pickedFolder } from "../../src/io/blob.ts";
import { openCheckpoint } from "../../src/io/checkpoint.ts";
import { SourceError } from "../../src/io/source.ts";
import { file, ramp, rejects, utf8 } from "./helpers.ts";

function picked(path: string, content: string | Uint8Array): PickedFile {
  const bytes = new Uint8Array(typeof content === "string" ? utf8(content) : content);
  return [path, new File([bytes], path.split("/").at(-1)!)];
}

test("a picked folder: the folder itself is not part of the names", async () => {
  const folder = pickedFolder("tiny", [
    picked("tiny/config.json", '{"x": 1}'),
    picked("tiny/audio/a.txt", "abc"),
    picked("tiny/model.safetensors", file({ w: ramp(2, 3) })),
  ]);
  assert.is(folder.name, "tiny");
  assert.ok(await folder.has("config.json"));
  assert.ok(await folder.has("audio/a.txt"));
  assert.not(await folder.has("tiny/config.json"));
  assert.is(await folder.text("config.json"), '{"x": 1}');
  const source = await folder.open("audio/a.txt");
  assert.equal([source.size, await source.read(1, 2)], [3, utf8("bc")]);
  const checkpoint = await openCheckpoint(folder);
  assert.equal(checkpoint.tensors.get("w")?.shape, [2, 3]);
  await checkpoint.close();
});

test("files without a folder, and files of several, keep their names", async () => {
  const loose = pickedFolder("loose", [picked("config.json", "{}"), picked("model.safetensors", "")]);
  assert.ok(await loose.has("config.json"));
  const two = pickedFolder("two", [picked("a/x", "1"), picked("b/x", "2")]);
  assert.equal([await two.text("a/x"), await two.text("b/x")], ["1", "2"]);
  assert.not(await pickedFolder("none", []).has("x"));
});

test("files of one name in several places of a folder are told apart", async () => {
  const folder = pickedFolder("tiny", [
    picked("tiny/config.json", "outer"),
    picked("tiny/onnx/config.json", "inner"),
  ]);
  assert.equal([await folder.text("config.json"), await folder.text("onnx/config.json")], ["outer", "inner"]);
});

test("what is not there, or outside, is said", async () => {
  const folder = pickedFolder("tiny", [picked("tiny/a", "x")]);
  await rejects(
    () => folder.open("config.json"),
    SourceError,
    /'config.json' among the 1 of tiny, got none; pick/,
  );
  await rejects(async () => folder.has("../a"), SourceError, /relative to the folder/);
  await rejects(() => folder.text("config.json"), SourceError, /got none/);
});

test("a file that was changed since it was picked", async () => {
  const gone = new File(["abc"], "gone");
  const broken = Object.assign(gone, {
    slice: () => ({
      arrayBuffer: () => Promise.reject(new DOMException("could not be read", "NotReadableError")),
    }),
  });
  await rejects(
    () => blobSource("gone", broken).read(0, 3),
    SourceError,
    /^read: expected to read 'gone', got could not be read; was it moved or changed\? pick it again$/,
  );
  await rejects(() => blobSource("gone", broken).read(2, 3), SourceError, /within the 3 of gone/);
});

test.run();
