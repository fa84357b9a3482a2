import { render } from "preact";
import { App } from "./page/app.tsx";
import { keepAsking } from "./page/asking.ts";
import { demo } from "./page/demo.ts";
import { start } from "./page/starting.ts";

demo().catch(() => {}); // without it the page offers less
render(<App />, document.getElementById("app")!);
keepAsking();
void start();

// So that the next visit needs no network. A page that is not built has none.
navigator.serviceWorker?.register(new URL("sw.js", document.baseURI)).catch(() => {});
