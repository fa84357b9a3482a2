/** What was asked of a generation cannot be: an option out of range, a prompt too long, a clip too short. */
export class GenerateError extends Error {
  override name = "GenerateError";
}
