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

  /** As {@link list}, in parts. Opens a socket of its own in the network namespace of the calling thread. */
  static walk(): AsyncGenerator<readonly Flow[], void, undefined> {
    return walkFlows(openNetlink(NETLINK_NETFILTER));
  }

  delete(flows: readonly Flow[]): number {
    // Failures stand at their positions, with nothing between them.
    const failures = this.#socket.requestAll(flows.map(encodeDeleteFlow)).flat();
    const refused = failures.find(({ errno }) => errno !== "ENOENT");
    if (refused?.errno !== undefined) throw kernelRefused("delete flows", refused.errno, refused.detail);
    return flows.length - failures.length;
  }

  close(): void {
    this.#socket.close();
  }
}

async function* walkFlows(socket: NetlinkSocket): AsyncGenerator<readonly Flow[], void, undefined> {
  let flows: Flow[] = [];
  try {
    const steps = socket.walk(encodeGetFlows(undefined), (bytes, message) => {
      const flow = decodeFlow(bytes, message);
      if (flow !== undefined) flows.push(flow);
    });
    for (let step = steps.next(); ; step = steps.next()) {
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
    socket.close();
  }
}
