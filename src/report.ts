// How long work tells what it is doing. Steps are silent about everything else: the runner prints heading, time and
// progress, and results go to stdout by the command itself. An implementation never throws and never blocks the work.

export interface Step {
  /** `done` of `total` in `unit`; may be called as often as one likes, the implementation thins it out. */
  progress(done: number, total: number | undefined, unit: "bytes" | "items"): void;
  /** One line of what its child prints; shown with --verbose, or as the last lines if it fails. */
  output(line: string): void;
  /** Ends the step well. `outcome` is a few words: "12 artifacts, 3 already there". */
  end(outcome?: string): void;
  /** Ends the step as skipped, with the reason. */
  skip(reason: string): void;
  /** Ends the step as failed. The error itself is printed once, by the program. */
  fail(): void;
}

export interface Reporter {
  step(title: string): Step;
  /** One line that stays, for a person. */
  note(line: string): void;
  /** From now on this value is replaced by `***` in everything that is reported. */
  redact(secret: string): void;
}

const silentStep: Step = { progress() {}, output() {}, end() {}, skip() {}, fail() {} };

/** Reports nothing: for tests and for callers that only want the result. */
export const silent: Reporter = { step: () => silentStep, note() {}, redact() {} };

/** Runs `work` as a step: ended when it returns (with `outcome(result)`), failed when it throws. */
export async function inStep<T>(
  report: Reporter,
  title: string,
  work: (step: Step) => Promise<T>,
  outcome?: (result: T) => string,
): Promise<T> {
  const step = report.step(title);
  try {
    const result = await work(step);
    step.end(outcome?.(result));
    return result;
  } catch (error) {
    step.fail();
    throw error;
  }
}
