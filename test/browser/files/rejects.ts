import { test } from "uvu";

test("leaves a rejection that nobody hears", () => void Promise.reject(new Error("unheard")));
test.run();
