import { render } from "preact";
import { App } from "./page/app.tsx";
import { keepAsking } from "./page/asking.ts";
import { start } from "./page/starting.ts";

render(<App />, document.getElementById("app")!);
keepAsking();
void start();
