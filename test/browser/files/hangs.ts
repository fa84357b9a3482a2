import { test } from "uvu";

test("never ends", () => {
  console.log("on my way");
  return new Promise(() => {});
});
test.run();
