/** One BEGIN … COMMIT around many jobs. */
export interface Batch {
  begin(): void;
  /** Writes everything since `begin`; it is not durable yet. */
  commit(): void;
  /** Undoes all jobs since `begin`. */
  rollback(): void;
  /** Makes durable what `commit` has written; nobody reads and no other batch begins before. What it throws is final. */
  sync(): Promise<void>;
  /** Everything is durable: watchers may see it. */
  publish(): void;
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
 * Collects jobs until the event loop comes round and commits them together: one fsync, on another thread, for all that
 * arrived while the one before was under way. Jobs run in the order of submission and see what the ones before them wrote.
 */
export class GroupCommit {
  readonly #batch: Batch;
  #waiting: Job[] = [];
  #scheduled = false;
  #syncing: Promise<void> | undefined;

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

  /** Resolves when what has been written is durable; undefined when it is, as long as no other work comes in between. */
  get syncing(): Promise<void> | undefined {
    return this.#syncing;
  }

  #schedule(): void {
    if (this.#scheduled || this.#syncing !== undefined) return;
    this.#scheduled = true;
    setImmediate(() => this.#commit());
  }

  #commit(): void {
    this.#scheduled = false;
    const jobs = this.#takeJobs();
    const done = this.#runTogether(jobs);
    if (done === undefined) {
      if (this.#waiting.length > 0) this.#schedule();
      return;
    }
    this.#syncing = this.#makeDurable(jobs, done);
  }

  async #makeDurable(jobs: readonly Job[], done: readonly (() => void)[]): Promise<void> {
    try {
      await this.#batch.sync();
      this.#batch.publish();
      for (const tell of done) tell();
    } catch (error) {
      const failure = this.#batch.failure(error);
      for (const job of jobs) job.fail(failure);
    }
    this.#syncing = undefined;
    if (this.#waiting.length > 0) this.#schedule();
  }

  #takeJobs(): Job[] {
    let weight = 0;
    const end = this.#waiting.findIndex((job) => (weight += job.weight) > MOST_WEIGHT);
    if (end < 0) return this.#waiting.splice(0);
    // One that is too heavy for any batch has one for itself.
    return this.#waiting.splice(0, Math.max(end, 1));
  }

  /** Runs and writes the jobs; what is to be called when that is durable. Undefined when nothing came of it, which is told. */
  #runTogether(jobs: readonly Job[]): readonly (() => void)[] | undefined {
    const done: (() => void)[] = [];
    try {
      this.#batch.begin();
      for (const job of jobs) done.push(runOne(job));
      this.#batch.commit();
      return done;
    } catch (error) {
      this.#batch.rollback();
      const failure = this.#batch.failure(error);
      for (const job of jobs) job.fail(failure);
      return undefined;
    }
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
