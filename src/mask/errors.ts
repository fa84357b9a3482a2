/** Learning cannot begin or go on: bad settings, a bad lesson, a loss that is no number. */
export class LearnError extends Error {
  override name = "LearnError";
}
