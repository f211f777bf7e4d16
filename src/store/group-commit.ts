/** One BEGIN … COMMIT around many jobs; `commit` returns only when everything is durable. */
export interface Batch {
  begin(): void;
  commit(): void;
  /** Undoes all jobs since `begin`. */
  rollback(): void;
  /** What the callers are told when the batch failed with this error. */
  failure(error: unknown): unknown;
}

interface Job {
  readonly weight: number;
  /** Does the work inside the batch; returns what tells the caller once the batch is durable. */
  readonly run: () => () => void;
  readonly fail: (error: unknown) => void;
}

/** Weight of one batch; more waits for the next, so that one batch does not hold the event loop for long: about 10 ms. */
const MOST_WEIGHT = 512;

/** An error of one job, thrown before it wrote anything: its neighbours in the batch go on. */
export class JobRefused extends Error {}

/**
 * Collects jobs until the event loop comes round and commits them together: one fsync for all that arrived
 * meanwhile. Jobs run in the order of submission and see what the ones before them wrote.
 */
export class GroupCommit {
  readonly #batch: Batch;
  #waiting: Job[] = [];
  #scheduled = false;

  constructor(batch: Batch) {
    this.#batch = batch;
  }

  /**
   * Runs `work` in the next batch, or one soon after; resolves with its result when that is durable.
   * @param weight how much work it is: keys that it writes
   * @throws what `work` throws wrapped in {@link JobRefused}, or whatever made the batch fail.
   */
  submit<T>(weight: number, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = (): (() => void) => {
        const result = work();
        return () => resolve(result);
      };
      this.#waiting.push({ weight, run, fail: reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#commit());
  }

  #commit(): void {
    this.#scheduled = false;
    const jobs = this.#takeJobs();
    if (this.#waiting.length > 0) this.#schedule();
    this.#runTogether(jobs);
  }

  #takeJobs(): Job[] {
    let weight = 0;
    const end = this.#waiting.findIndex((job) => (weight += job.weight) > MOST_WEIGHT);
    if (end < 0) return this.#waiting.splice(0);
    // One that is too heavy for any batch has one for itself.
    return this.#waiting.splice(0, Math.max(end, 1));
  }

  #runTogether(jobs: readonly Job[]): void {
    const done: (() => void)[] = [];
    try {
      this.#batch.begin();
      for (const job of jobs) done.push(runOne(job));
      this.#batch.commit();
    } catch (error) {
      this.#batch.rollback();
      const failure = this.#batch.failure(error);
      for (const job of jobs) job.fail(failure);
      return;
    }
    for (const tell of done) tell();
  }
}

function runOne(job: Job): () => void {
  try {
    return job.run();
  } catch (error) {
    if (!(error instanceof JobRefused)) throw error;
    return () => job.fail(error.cause);
  }
}
