import type { Flow, FlowTuple, Kernel } from "../system/kernel.ts";
import { firstPacket, type HostDecision, type HostJudge } from "./host-judge.ts";
import type { Log } from "./log.ts";

/** What a {@link FlowCutter} works with. */
export interface FlowCutterOptions {
  readonly kernel: Pick<Kernel, "walkFlows" | "deleteFlows">;
  readonly log: Log;
  /** Told how many flows a check cut, and how many it let live for their policy's sake. */
  readonly onChecked: (outcome: { readonly cut: number; readonly kept: number }) => void;
}

/** Flows that are deleted in one turn of the event loop. */
const CUTS_PER_TURN = 100;
/** Flows are judged for so many milliseconds before others get their turn. */
const TURN = 10;

/**
 * Cuts flows that are not allowed any more. Rules accept what belongs to a known flow, so a change of policies alone
 * ends nothing: the flow has to be forgotten, and then its next packet is judged as a first one.
 *
 * A flow is kept in spite of a change when the policy that allowed it until then says so, and then to its end. What an
 * earlier life of the agent kept is not remembered.
 */
export class FlowCutter {
  readonly #options: FlowCutterOptions;
  /** What was checked last; undefined before the first check. */
  #before: HostJudge | undefined;
  #wanted: HostJudge | undefined;
  #isRunning = false;
  #isClosed = false;
  /** Flows that live although nothing allows them now. */
  #kept: ReadonlySet<string> = new Set();

  constructor(options: FlowCutterOptions) {
    this.#options = options;
  }

  /**
   * These policies are in force now: whatever they do not allow is cut, in the background. Nothing happens if they were
   * checked before; a check that failed is made again.
   */
  check(judge: HostJudge): void {
    if (judge === this.#before && !this.#isRunning) return;
    this.#wanted = judge;
    if (!this.#isRunning) void this.#run();
  }

  /** Cuts nothing any more. */
  close(): void {
    this.#isClosed = true;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    // Whoever waits for the rules need not wait for this.
    await turn();
    while (this.#wanted !== undefined && !this.#isClosed) {
      const judge = this.#wanted;
      this.#wanted = undefined;
      if (judge === this.#before) continue;
      try {
        await this.#checkAll(judge);
        this.#before = judge;
      } catch (error) {
        // Whatever it is, new flows are judged by the rules; this must not take the agent down with it.
        const reason = error instanceof Error ? error.message : String(error);
        this.#options.log.error({ error: reason }, "cannot cut what policies no longer allow");
      }
    }
    this.#isRunning = false;
  }

  async #checkAll(judge: HostJudge): Promise<void> {
    const { kernel, log, onChecked } = this.#options;
    const kept = new Set<string>();
    const denied: Flow[] = [];
    for await (const flows of kernel.walkFlows()) {
      let start = performance.now();
      for (const flow of flows) {
        if (performance.now() - start > TURN) {
          await turn();
          start = performance.now();
        }
        const verdict = this.#verdict(flow, judge);
        if (verdict === "cut") denied.push(flow);
        if (verdict === "keep") kept.add(keyOf(flow));
      }
      if (this.#isClosed) return;
    }
    let cut = 0;
    for (let start = 0; start < denied.length; start += CUTS_PER_TURN) {
      cut += kernel.deleteFlows(denied.slice(start, start + CUTS_PER_TURN));
      await turn();
      if (this.#isClosed) return;
    }
    this.#kept = kept;
    onChecked({ cut, kept: kept.size });
    if (cut > 0) log.info({ connections: cut }, "cut connections that are not allowed any more");
  }

  #verdict(flow: Flow, judge: HostJudge): "pass" | "keep" | "cut" {
    const packet = firstPacket(flow);
    const drops = judge.judge(packet).filter(({ decision }) => decision.verdict === "drop");
    if (drops.length === 0) return "pass";
    if (this.#kept.has(keyOf(flow))) return "keep";
    const before = this.#before;
    if (before === undefined) return "cut";
    const decisions = before.judge(packet);
    const isKept = drops.every(({ direction }) =>
      keeps(
        before,
        decisions.find((decision) => decision.direction === direction),
      ),
    );
    return isKept ? "keep" : "cut";
  }
}

/** Lets others have their turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** True when a policy allowed it that wants its connections to live on. */
function keeps({ world }: HostJudge, found: HostDecision | undefined): boolean {
  if (found === undefined) return false;
  const { verdict, decidedBy } = found.decision;
  if (verdict !== "accept" || decidedBy.kind !== "rule") return false;
  return world.policies.find(({ id }) => id === decidedBy.policy)?.established === "keep";
}

/** Names a flow; the kernel's number alone may be another one's by now. */
function keyOf({ id, zone, original }: Flow): string {
  return `${id} ${zone} ${tupleText(original)}`;
}

function tupleText({ source, destination, protocol, sourcePort, destinationPort }: FlowTuple): string {
  return `${source.value} ${destination.value} ${protocol} ${sourcePort} ${destinationPort}`;
}
