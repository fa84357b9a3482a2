/** What a browser needs before it gives an adapter, the more particular first: Edge and Safari name others as well. */
const BROWSERS: readonly (readonly [pattern: RegExp, name: string, remedy: string])[] = [
  [
    /Android/,
    "this browser",
    "use Chrome 121 or newer on Android 12 or newer, or open the page on a computer",
  ],
  [/iPhone|iPad/, "this browser", "update to iOS or iPadOS 26 or newer"],
  [
    /Firefox\//,
    "Firefox",
    "update it (WebGPU came with 141 on Windows and 145 on macOS), or use a current Chrome or Edge",
  ],
  [
    /(Chrome|Edg)\/.*Linux|Linux.*(Chrome|Edg)\//,
    "this browser",
    "update it and the graphics driver, switch on chrome://flags/#enable-unsafe-webgpu and #enable-vulkan, " +
      "then start it again; chrome://gpu says what is blocked",
  ],
  [
    /Chrome\//,
    "this browser",
    "update it (113 or newer), switch on hardware acceleration in its settings, then start it again; " +
      "chrome://gpu says what is blocked",
  ],
  [/Safari\//, "Safari", "update to macOS 26 with Safari 26, or use a current Chrome"],
];

/** What to do about a missing adapter, by browser. */
export function adapterHelp(userAgent: string, secure: boolean): string {
  if (!secure)
    return (
      "engine: expected a page over https or from localhost, since browsers give WebGPU to no other, got an insecure one; " +
      "open it by https"
    );
  const [, name, remedy] = BROWSERS.find(([pattern]) => pattern.test(userAgent)) ?? [
    0,
    "this browser",
    "use a current Chrome, Edge, Safari or Firefox",
  ];
  return `engine: expected a GPU that pages may use (WebGPU), got none in ${name}; ${remedy}`;
}
