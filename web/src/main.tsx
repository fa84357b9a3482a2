import { render } from "preact";
import { App } from "./page/app.tsx";
import { keepAsking } from "./page/asking.ts";
import { start } from "./page/starting.ts";

render(<App />, document.getElementById("app")!);
keepAsking();
void start();

// So that the next visit needs no network. A page that is not built has none.
navigator.serviceWorker?.register(new URL("sw.js", document.baseURI)).catch(() => {});
