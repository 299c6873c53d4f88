// Runs jobs beside one another as far as their order allows. After a failure nothing else begins, and nothing is left
// running when it returns.

export interface Job {
  /** Places in the list of the jobs that must be done before. */
  readonly after: readonly number[];
}

export interface SideBySide {
  /** How many run at once, at most. */
  readonly most: number;
  /** Called once, at the first failure: ends those that still run. */
  readonly onFailure: () => void;
}

/** Runs each job as soon as those before it are done, first come first. Throws what the first that failed threw. */
export async function sideBySide<J extends Job>(
  jobs: readonly J[],
  { most, onFailure }: SideBySide,
  run: (job: J, place: number) => Promise<void>,
): Promise<void> {
  const done = new Set<number>();
  const waiting = new Set(jobs.keys());
  const running = new Map<number, Promise<void>>();
  const failures: unknown[] = [];
  const begin = async (job: J, place: number): Promise<void> => {
    try {
      await run(job, place);
      done.add(place);
    } catch (error) {
      if (failures.push(error) === 1) onFailure();
    } finally {
      running.delete(place);
    }
  };
  for (;;) {
    for (const place of failures.length === 0 ? [...waiting] : []) {
      const job = jobs[place];
      if (job === undefined || running.size >= most || !job.after.every((before) => done.has(before))) continue;
      waiting.delete(place);
      running.set(place, begin(job, place));
    }
    if (running.size === 0) break;
    await Promise.race(running.values());
  }
  if (failures.length > 0) throw failures[0];
  if (waiting.size > 0) throw new TypeError("jobs that wait for one another");
}
