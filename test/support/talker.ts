import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { inNamespace } from "../../src/system/namespace.ts";

const PROGRAM = join(import.meta.dirname, "talker-process.ts");
/** How long silence has to last until it counts, in milliseconds. */
const PATIENCE = 800;

/** What came of a connection: refused is what somebody said, silent is that nobody said anything. */
export type Connecting = "connected" | "refused" | "silent";

/** A process in a network namespace that offers TCP echo, and connections that stay. */
export class Talker {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (result: string) => void>();
  #ids = 0;

  constructor(namespace: string) {
    this.#child = inNamespace(namespace, () =>
      spawn(process.execPath, [PROGRAM], { stdio: ["pipe", "pipe", "inherit"] }),
    );
    if (this.#child.stdout === null) throw new TypeError("a talker has no output");
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const { id, result } = JSON.parse(line) as { id: number; result: string };
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    });
  }

  /** Echoes what comes to the ports. */
  async listen(...ports: number[]): Promise<void> {
    await Promise.all(ports.map((listen) => this.#order({ listen }).result));
  }

  /** Sends to whoever connects to the port, without being asked. */
  async pour(port: number): Promise<void> {
    await this.#order({ pour: port }).result;
  }

  /** Connects, and disconnects as soon as it is known whether that goes. */
  async reaches(address: string, port: number): Promise<Connecting> {
    return (await this.#order({ connect: { address, port } }).result) as Connecting;
  }

  /** Opens a connection that stays; its function tells whether it still answers. */
  async open(address: string, port: number): Promise<() => Promise<boolean>> {
    const { id, result } = this.#order({ connect: { address, port } });
    if ((await result) !== "connected")
      throw new Error(`no connection to ${address}:${port}: ${await result}`);
    return async () => (await this.#order({ ask: id }).result) === "answered";
  }

  close(): void {
    this.#child.kill("SIGKILL");
  }

  #order(order: object): { readonly id: number; readonly result: Promise<string> } {
    const id = ++this.#ids;
    const result = new Promise<string>((resolve) => {
      this.#waiting.set(id, resolve);
    });
    this.#child.stdin?.write(`${JSON.stringify({ id, patience: PATIENCE, ...order })}\n`);
    return { id, result };
  }
}
