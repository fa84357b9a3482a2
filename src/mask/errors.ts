/** Learning cannot begin or go on: bad settings, a bad lesson, a loss that is no number. */
export class LearnError extends Error {
  override name = "LearnError";
}

/** A run folder that holds another run, one already, or a damaged one. */
export class RunError extends Error {
  override name = "RunError";
}

/** Learning stopped, for the `cause`; the run is kept, and can be resumed once that is put right. */
export class RunStoppedError extends Error {
  override name = "RunStoppedError";
}
