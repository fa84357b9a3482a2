import { test } from "uvu";
import * as assert from "uvu/assert";
import { DataError, describeBad, parseDataset, resolvePath } from "../../src/tasks/dataset.ts";
import { rejects } from "../io/helpers.ts";

const lines = (...rows: unknown[]) =>
  rows.map((row) => (typeof row === "string" ? row : JSON.stringify(row))).join("\n");

test("JSON Lines: what a row may say, blank lines, other keys, Windows' line ends", () => {
  const text = lines({ audio: "a.flac", text: "yes" }, "", {
    audio: ["b.wav", "c.wav"],
    text: " no ",
    task: "asr",
    question: "what?",
    voice: 7,
  });
  const rows = [
    { row: 1, audio: ["a.flac"], text: "yes" },
    { row: 3, audio: ["b.wav", "c.wav"], text: " no ", task: "asr", question: "what?" },
  ];
  assert.equal(parseDataset(text, "x"), { name: "x", rows, bad: [] });
  assert.equal(parseDataset(`${text.replaceAll("\n", "\r\n")}\r\n`, "x").rows, rows);
  assert.equal(parseDataset(lines({ audio: "a", text: "one", task: null, question: "" }), "x").rows, [
    { row: 1, audio: ["a"], text: "one" },
  ]);
});

test("the published form", () => {
  const annotation = [
    { path: "/d/a.flac", text: "yes", task: "asr" },
    { path: "b.wav", expand_wav: ["c.wav", "d.wav"], text: "no", task: "QA", Q: "Is it?" },
    { path: "e.wav", expand_wav: [], text: "maybe", Q: "" },
  ];
  const { rows, bad } = parseDataset(JSON.stringify({ annotation }, null, 2), "x.json");
  assert.equal(bad, []);
  assert.equal(rows, [
    { row: 1, audio: ["/d/a.flac"], text: "yes", task: "asr" },
    { row: 2, audio: ["b.wav", "c.wav", "d.wav"], text: "no", task: "QA", question: "Is it?" },
    { row: 3, audio: ["e.wav"], text: "maybe" },
  ]);
});

test("every bad row is named with its reason, and the others are kept", () => {
  const text = lines(
    { text: "no" },
    { audio: "a", text: "  " },
    { audio: "a", text: "ääää" },
    { audio: "a", text: "äääää" },
    '{"audio": "a", "te',
    { audio: [], text: "x" },
    { audio: ["a", 3], text: "x" },
    { audio: "a", text: 7 },
    { audio: "a", text: "x", task: 1 },
    "[1]",
    { audio: "a", text: "x", question: ["?"] },
  );
  const set = parseDataset(text, "x", { maxChars: 4 });
  assert.equal(
    set.rows.map(({ row }) => row),
    [3],
  );
  assert.equal(
    set.bad.map(({ row, reason }) => `${row} ${reason}`),
    [
      "1 expected 'audio' to name a file, got nothing",
      "2 expected a text, got an empty one",
      "4 expected a text of at most 4 characters, got 5",
      "5 expected JSON, got something else",
      "6 expected 'audio' to name a file, got []",
      "7 expected 'audio' to be a list of files, got [\"a\",3]",
      "8 expected 'text' to be a string, got 7",
      "9 expected 'task' to be a string, got 1",
      "10 expected an object, got [1]",
      "11 expected 'question' to be a string, got [\"?\"]",
    ],
  );
  assert.is(
    describeBad(set),
    "data: x: 10 of 11 rows cannot be used: row 1: expected 'audio' to name a file, got nothing; " +
      "row 2: expected a text, got an empty one; row 4: expected a text of at most 4 characters, got 5; and 7 more",
  );
  assert.is(describeBad(parseDataset(lines({ audio: "a", text: "x" }), "x")), undefined);

  const published = {
    annotation: [
      { path: "a", text: "x", expand_wav: "b" },
      { path: "a", expand_wav: [1], text: "x" },
      3,
      { text: "x" },
    ],
  };
  assert.equal(
    parseDataset(JSON.stringify(published), "x").bad.map(({ row, reason }) => `${row} ${reason}`),
    [
      "2 expected 'expand_wav' to be a list of files, got [1]",
      "3 expected an object, got 3",
      "4 expected 'path' to name a file, got nothing",
    ],
  );
});

test("what is neither format is refused", async () => {
  for (const [text, got] of [
    ["", /got an empty file/],
    ["a,b\n1,2", /got no line with a JSON object/],
    ['[{"audio": "a", "text": "x"}]', /got a list/],
    ['{"annotation": 3}', /got an annotation that is 3/],
    ['{"annotation": [\n{"path": "a", "text": "x"}\n', /cut short or no JSON/],
  ] as const) {
    await rejects(
      () => parseDataset(text, "f.json"),
      DataError,
      /^data: f\.json: expected JSON Lines of .*; see/s,
    );
    await rejects(() => parseDataset(text, "f.json"), DataError, got);
  }
});

test("relative paths count from the data file's folder", () => {
  assert.is(resolvePath("data/x", "../clips/a.flac"), "data/x/../clips/a.flac");
  assert.is(resolvePath("data/", "./a.flac"), "data/a.flac");
  assert.is(resolvePath("/", "a.flac"), "/a.flac");
  assert.is(resolvePath(".", "a.flac"), "a.flac");
  for (const path of ["/d/a.flac", "C:\\a.flac", "https://x.org/a.flac"]) {
    assert.is(resolvePath("data", path), path);
  }
});

test.run();
