import type { Family } from "../net/index.ts";
import type { Flow } from "./kernel.ts";
import { kernelRefused } from "./kernel-refused.ts";
import { decodeFlow, encodeDeleteFlow, encodeGetFlows } from "./netlink/conntrack.ts";
import { NETLINK_NETFILTER } from "./netlink/constants.ts";
import { type NetlinkSocket, openNetlink } from "./netlink/socket.ts";

/** Flows that are read in one turn of the event loop; the kernel takes some 2 ms for them. */
const FLOWS_PER_TURN = 500;

/** The flows that one network namespace tracks. */
export class Conntrack {
  readonly #socket: NetlinkSocket;
  /** For walks: none while one is under way. Kept, since closing such a socket makes the kernel finish with rules first. */
  #walker: NetlinkSocket | undefined;
  #isClosed = false;

  /** Opens a socket in the network namespace of the calling thread. */
  constructor() {
    this.#socket = openNetlink(NETLINK_NETFILTER);
  }

  list(family: Family | undefined): readonly Flow[] {
    let flows: Flow[] = [];
    const answer = this.#socket.dump(
      encodeGetFlows(family),
      (bytes, message) => {
        const flow = decodeFlow(bytes, message);
        if (flow !== undefined) flows.push(flow);
      },
      () => {
        flows = [];
      },
    );
    if (answer.errno !== undefined) throw kernelRefused("list flows", answer.errno, answer.detail);
    return flows;
  }

  /** As {@link list}, in parts. May open a socket of its own in the network namespace of the calling thread. */
  walk(): AsyncGenerator<readonly Flow[], void, undefined> {
    const socket = this.#walker ?? openNetlink(NETLINK_NETFILTER);
    this.#walker = undefined;
    return walkFlows(socket, (isComplete) => {
      if (isComplete && !this.#isClosed && this.#walker === undefined) this.#walker = socket;
      else socket.close();
    });
  }

  delete(flows: readonly Flow[]): number {
    // Failures stand at their positions, with nothing between them.
    const failures = this.#socket.requestAll(flows.map(encodeDeleteFlow)).flat();
    const refused = failures.find(({ errno }) => errno !== "ENOENT");
    if (refused?.errno !== undefined) throw kernelRefused("delete flows", refused.errno, refused.detail);
    return flows.length - failures.length;
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.close();
    this.#walker?.close();
  }
}

/** @param done told whether the answer was read to its end */
async function* walkFlows(
  socket: NetlinkSocket,
  done: (isComplete: boolean) => void,
): AsyncGenerator<readonly Flow[], void, undefined> {
  let flows: Flow[] = [];
  let isComplete = false;
  try {
    const steps = socket.walk(encodeGetFlows(undefined), (bytes, message) => {
      const flow = decodeFlow(bytes, message);
      if (flow !== undefined) flows.push(flow);
    });
    for (let step = await steps.next(); ; step = await steps.next()) {
      isComplete = step.done === true;
      if (step.done === true && step.value.errno !== undefined) {
        throw kernelRefused("list flows", step.value.errno, step.value.detail);
      }
      if (step.done === true || flows.length >= FLOWS_PER_TURN) {
        yield flows;
        flows = [];
        if (step.done === true) return;
        await new Promise<void>((resolve) => {
          setImmediate(resolve);
        });
      }
    }
  } finally {
    done(isComplete);
  }
}
