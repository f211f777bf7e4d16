/** A number that only grows, per value of one label. */
export interface Counter {
  add(label: string, count?: number): void;
  /** Values by label, in the order in which they came up. */
  readonly values: ReadonlyMap<string, number>;
}

/** Durations in seconds, counted by upper bounds. */
export interface Histogram {
  observe(seconds: number): void;
}

/** Upper bounds in seconds. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly lines: () => readonly string[];
}

/**
 * The agent's metrics in the text format of Prometheus. (A library would cost more memory than all that the
 * agent knows about a thousand hosts.)
 */
export class Metrics {
  readonly #families: Family[] = [];

  /** A counter with one label. */
  counter(name: string, help: string, label: string, labels: readonly string[] = []): Counter {
    const values = new Map(labels.map((value) => [value, 0]));
    const lines = (): string[] =>
      [...values].map(([value, count]) => `${name}{${label}="${escape(value)}"} ${count}`);
    this.#families.push({ name, help, type: "counter", lines });
    return {
      values,
      add(value, count = 1) {
        values.set(value, (values.get(value) ?? 0) + count);
      },
    };
  }

  /** Numbers that are read when they are asked for, by value of a label; without a label there is one. */
  gauge(name: string, help: string, read: () => number | ReadonlyMap<string, number>, label = ""): void {
    const lines = (): string[] => {
      const values = read();
      if (typeof values === "number") return [`${name} ${values}`];
      return [...values].map(([value, number]) => `${name}{${label}="${escape(value)}"} ${number}`);
    };
    this.#families.push({ name, help, type: "gauge", lines });
  }

  /** A histogram of durations. */
  histogram(name: string, help: string): Histogram {
    const counts = BOUNDS.map(() => 0);
    let count = 0;
    let sum = 0;
    const lines = (): string[] => [
      ...BOUNDS.map((bound, index) => `${name}_bucket{le="${bound}"} ${counts[index]}`),
      `${name}_bucket{le="+Inf"} ${count}`,
      `${name}_sum ${sum}`,
      `${name}_count ${count}`,
    ];
    this.#families.push({ name, help, type: "histogram", lines });
    return {
      observe(seconds) {
        count += 1;
        sum += seconds;
        for (const [index, bound] of BOUNDS.entries()) {
          if (seconds <= bound) counts[index] = (counts[index] as number) + 1;
        }
      },
    };
  }

  /** All metrics as text. */
  render(): string {
    return this.#families
      .flatMap(({ name, help, type, lines }) => [
        `# HELP ${name} ${help}`,
        `# TYPE ${name} ${type}`,
        ...lines(),
      ])
      .map((line) => `${line}\n`)
      .join("");
  }
}

function escape(label: string): string {
  return label.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
