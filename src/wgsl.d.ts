/** A shader is imported as its text; bundlers and the test loader read the file (see scripts/register.js). */
declare module "*.wgsl" {
  const code: string;
  export default code;
}
