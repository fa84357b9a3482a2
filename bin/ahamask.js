#!/usr/bin/env node
// The command. In a fresh checkout it builds itself first; an installed package comes built.
import { existsSync } from "node:fs";

const main = new URL("../dist/cli/main.js", import.meta.url);
if (!existsSync(main)) (await import("../scripts/setup.js")).setup();
await import(main.href);
