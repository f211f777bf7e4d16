import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { runCommand } from "../../src/system/command.ts";

const PROGRAM = join(import.meta.dirname, "guest-process.ts");

/** What a guest is. */
export interface GuestSpec {
  /** Namespace of its host, and the name of the tap there. */
  readonly host: string;
  readonly tap: string;
  /** Namespace that is the machine; its interface is called eth0. */
  readonly namespace: string;
  readonly mac: string;
}

/** A guest behind a tap, with the kernel of this machine inside. */
export class Guest {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Plugs in the tap and boots: the interface has its MAC address and is up, and no address yet. */
  static async boot({ host, tap, namespace, mac }: GuestSpec): Promise<Guest> {
    const child = spawn(process.execPath, [PROGRAM, host, tap, namespace, "eth0"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise<void>((resolve, reject) => {
      child.stdout?.once("data", () => resolve());
      child.once("exit", (code) => reject(new Error(`the guest has ended with ${code}`)));
    });
    const guest = new Guest(child);
    try {
      const run = (space: string, ...argv: string[]): Promise<string> =>
        runCommand({ argv, namespace: space });
      // As libvirt names the host's end.
      await run(host, "ip", "link", "set", tap, "address", mac.replace(/^../, "fe"));
      await run(namespace, "ip", "link", "set", "lo", "up");
      await run(namespace, "ip", "link", "set", "eth0", "address", mac, "up");
      return guest;
    } catch (error) {
      await guest.shutDown();
      throw error;
    }
  }

  /** Ends it; its tap is gone then. */
  async shutDown(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.kill("SIGKILL");
    await ended;
  }
}
