import { test } from "uvu";
import * as assert from "uvu/assert";
import { adviceFor } from "../../src/gpu/advice.ts";

const WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)";
const LINUX = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)";
const MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)";
const ANDROID = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)";
const IPHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";
const CHROME_OS = "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko)";
const SAFARI = `${MAC} AppleWebKit/605.1.15 (KHTML, like Gecko)`;

const absent = { secure: true, gpu: false };
const blocked = { secure: true, gpu: true };

const TABLE = [
  [
    "any browser, plain http",
    `${WINDOWS} Chrome/150.0.0.0 Safari/537.36`,
    { secure: false, gpu: false },
    /^open the page over https or from localhost/,
  ],
  [
    "an old Chrome",
    `${WINDOWS} Chrome/112.0.0.0 Safari/537.36`,
    absent,
    /^update Chrome to 113 or newer \(this is 112\)$/,
  ],
  [
    "Chrome, a blocked GPU",
    `${WINDOWS} Chrome/150.0.0.0 Safari/537.36`,
    blocked,
    /graphics acceleration in Chrome's settings.*chrome:\/\/gpu.*blocked.*ARM PC/,
  ],
  [
    "Edge, switched off",
    `${WINDOWS} Chrome/150.0.0.0 Safari/537.36 Edg/150.0.0.0`,
    absent,
    /in Edge's settings.*disabled/,
  ],
  [
    "Chrome on a Mac",
    `${MAC} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36`,
    blocked,
    /driver; chrome:\/\/gpu says whether WebGPU is blocked for this GPU, and why$/,
  ],
  ["Chrome OS", `${CHROME_OS} Chrome/150.0.0.0 Safari/537.36`, blocked, /^turn on graphics acceleration/],
  [
    "an old Chrome on Linux",
    `${LINUX} Chrome/140.0.0.0 Safari/537.36`,
    blocked,
    /^update Chrome to 147 or newer \(this is 140\), or start it with --enable-unsafe-webgpu/,
  ],
  [
    "Chrome on Linux",
    `${LINUX} Chrome/150.0.0.0 Safari/537.36`,
    blocked,
    /^start it with --enable-unsafe-webgpu .*Vulkan.*535\.183\.01/,
  ],
  [
    "an old Chrome on Android",
    `${ANDROID} Chrome/120.0.0.0 Mobile Safari/537.36`,
    absent,
    /^update Chrome to 121/,
  ],
  [
    "Edge on Android",
    `${ANDROID} Chrome/150.0.0.0 Mobile Safari/537.36 EdgA/150.0.0.0`,
    absent,
    /Android 12 and an ARM, Qualcomm or Intel GPU/,
  ],
  [
    "an old Firefox on Windows",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
    absent,
    /^update Firefox to 141 or newer \(this is 140\)$/,
  ],
  [
    "Firefox on Windows",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:150.0) Gecko/20100101 Firefox/150.0",
    blocked,
    /driver.*about:support/,
  ],
  [
    "an old Firefox on a Mac",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0",
    absent,
    /^update Firefox to 147.*Apple silicon/,
  ],
  [
    "Firefox on an Intel Mac",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:150.0) Gecko/20100101 Firefox/150.0",
    absent,
    /Apple silicon only; on others, use a current Chrome/,
  ],
  [
    "Firefox on Linux",
    "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0",
    absent,
    /dom\.webgpu\.enabled.*Nightly, or use a current Chrome/,
  ],
  [
    "Firefox on Android",
    "Mozilla/5.0 (Android 14; Mobile; rv:150.0) Gecko/150.0 Firefox/150.0",
    absent,
    /Nightly/,
  ],
  [
    "an old Safari",
    `${SAFARI} Version/18.5 Safari/605.1.15`,
    absent,
    /^update to macOS 26 and Safari 26 or newer \(this is Safari 18\)/,
  ],
  [
    "Safari 26 on an older macOS",
    `${SAFARI} Version/26.0 Safari/605.1.15`,
    absent,
    /^Safari has WebGPU from macOS 26 on/,
  ],
  [
    "an old iPhone",
    `${IPHONE} Version/18.6 Mobile/15E148 Safari/604.1`,
    absent,
    /^update to iOS or iPadOS 26 or newer, whose browsers all have WebGPU$/,
  ],
  [
    "an iPhone with WebGPU switched off",
    `${IPHONE} Version/26.0 Mobile/15E148 Safari/604.1`,
    absent,
    /Feature Flags$/,
  ],
  [
    "Chrome on an iPhone",
    `${IPHONE} CriOS/150.0.0.0 Mobile/15E148 Safari/604.1`,
    absent,
    /^update to iOS or iPadOS 26/,
  ],
  ["none that is known", "Lynx/2.9", absent, /^use a current Chrome or Edge on a computer with a GPU$/],
] as const;

for (const [name, userAgent, facts, advice] of TABLE)
  test(name, () => assert.match(adviceFor(userAgent, facts), advice));

test.run();
