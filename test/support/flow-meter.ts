import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { inNamespace } from "../../src/system/namespace.ts";

const PROGRAM = join(import.meta.dirname, "flow-meter-process.ts");

/** Ports of UDP and TCP that meters serve. */
const PORTS = ["7007", "7008"];

/** Where packets go until they are told to stop. */
export interface Flow {
  /** `new`: a connection of its own each time. */
  readonly protocol: "udp" | "tcp" | "new";
  readonly address: string;
  /** True where nobody is expected to answer. */
  readonly silent: boolean;
}

/** What became of a flow: packets that were sent, and those that came back. */
export interface FlowResult extends Flow {
  readonly sent: number;
  readonly received: number;
}

/** What became of all flows of a meter, and what others have sent to it. */
export interface FlowReport {
  readonly results: readonly FlowResult[];
  readonly counted: { readonly datagrams: number; readonly connections: number };
}

/** What a meter's process is told. */
export type FlowOrder =
  | { readonly kind: "start"; readonly flows: readonly Flow[] }
  | { readonly kind: "stop" };

/** A process in a network namespace that echoes, and sends packets along flows of its own and counts those that come back. */
export class FlowMeter {
  readonly #child: ChildProcess;
  readonly #serving = Promise.withResolvers<void>();
  readonly #report = Promise.withResolvers<FlowReport>();

  constructor(namespace: string) {
    this.#child = inNamespace(namespace, () =>
      spawn(process.execPath, [PROGRAM, ...PORTS], { stdio: ["pipe", "pipe", "inherit"] }),
    );
    if (this.#child.stdout === null) throw new TypeError("a meter has no output");
    this.#child.once("close", () => {
      const ended = new Error("the meter has ended");
      this.#serving.reject(ended);
      this.#report.reject(ended);
    });
    for (const { promise } of [this.#serving, this.#report]) promise.catch(() => {});
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const said = JSON.parse(line) as FlowReport | { readonly serving: true };
      if ("serving" in said) this.#serving.resolve();
      else this.#report.resolve(said);
    });
  }

  /** Resolves when it echoes. */
  serving(): Promise<void> {
    return this.#serving.promise;
  }

  start(flows: readonly Flow[]): void {
    this.#say({ kind: "start", flows });
  }

  /** Ends all flows, waits some seconds for what is under way, and the process with them. */
  async stop(): Promise<FlowReport> {
    this.#say({ kind: "stop" });
    try {
      return await this.#report.promise;
    } finally {
      this.close();
    }
  }

  close(): void {
    this.#child.kill("SIGKILL");
  }

  #say(order: FlowOrder): void {
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
  }
}
