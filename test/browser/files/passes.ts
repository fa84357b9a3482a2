import { test } from "uvu";

test("passes", () => {});
test.run();
