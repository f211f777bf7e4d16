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
  /** Does the work inside the batch; returns what tells the caller once the batch is durable. */
  readonly run: () => () => void;
  readonly fail: (error: unknown) => void;
}

/** Jobs of one batch; more wait for the next, so that one batch cannot hold the event loop for long. */
const MOST_JOBS = 256;

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
   * Runs `work` in the next batch; resolves with its result when that is durable.
   * @throws what `work` throws wrapped in {@link JobRefused}, or whatever made the batch fail.
   */
  submit<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = (): (() => void) => {
        const result = work();
        return () => resolve(result);
      };
      this.#waiting.push({ run, fail: reject });
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
    const jobs = this.#waiting.slice(0, MOST_JOBS);
    this.#waiting = this.#waiting.slice(MOST_JOBS);
    if (this.#waiting.length > 0) this.#schedule();
    this.#runTogether(jobs);
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
