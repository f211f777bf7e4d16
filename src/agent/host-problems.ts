import type { AttachmentRecord, AttachmentResource } from "../schema/index.ts";
import type { Kernel } from "../system/kernel.ts";
import { nameOf } from "./attacher.ts";
import type { Attachments } from "./attachments.ts";
import type { Connection } from "./follower.ts";
import type { Inventory } from "./inventory.ts";
import type { Keeper } from "./keeper.ts";
import type { Reconciler } from "./reconciler.ts";

/** What the problems of a host are found in. */
export interface ProblemSources {
  readonly damage: readonly string[];
  readonly kernel: Pick<Kernel, "sysctl">;
  readonly keeper: Pick<Keeper, "failures">;
  readonly reconciler: Pick<Reconciler, "fights" | "inventory">;
  readonly attachments: Attachments;
  readonly connection: Connection;
  /** Whether romanad knows this host. */
  readonly isKnown: boolean;
  /** Why the desired state could not be derived. */
  readonly underivable: string | undefined;
  /** What is wrong with policies. */
  readonly policing: readonly string[];
  /** Why taps are not wired. */
  readonly taps: readonly string[];
  /** Why virtual IPs are not held. */
  readonly virtualIps: readonly string[];
  /** Why flows are not steered as they should be. */
  readonly steering: readonly string[];
  /** Why other racks are not reached. */
  readonly routing: readonly string[];
  /** Why guests do not get their addresses. */
  readonly dhcp: readonly string[];
}

/** Most problems of a report, and most characters of one. */
const MAX_PROBLEMS = 100;
const MAX_LENGTH = 1_000;
/** Names that a sentence lists before it only counts. */
const MAX_NAMES = 10;

/** Sentences for people: everything that is not as it should be. */
export function hostProblems(sources: ProblemSources): readonly string[] {
  const { damage, keeper, reconciler, connection, underivable } = sources;
  const { lostRevision } = connection;
  const problems = [
    ...damage,
    ...(sources.isKnown ? [] : ["romanad has not told about this host"]),
    ...(sources.isKnown && reconciler.inventory.host === undefined ? ["The kernel is not set up yet"] : []),
    ...(underivable === undefined ? [] : [underivable]),
    ...(lostRevision === undefined
      ? []
      : [
          `romanad's store is older than revision ${lostRevision}, which this agent has seen: endpoints that it does not know stay attached`,
        ]),
    ...(reconciler.inventory.host?.problems ?? []),
    ...sources.policing,
    ...sources.taps,
    ...sources.virtualIps,
    ...sources.steering,
    ...sources.routing,
    ...sources.dhcp,
    ...keeper.failures,
    ...reconciler.fights.map(({ item }) => `Somebody keeps changing ${item}`),
    ...missingDevices(sources),
    ...arpProblems(sources.kernel),
  ].map((problem) => problem.slice(0, MAX_LENGTH));
  if (problems.length <= MAX_PROBLEMS) return problems;
  const left = problems.length - MAX_PROBLEMS + 1;
  return [...problems.slice(0, MAX_PROBLEMS - 1), `${left} more problems`];
}

function missingDevices({ reconciler, attachments }: ProblemSources): string[] {
  const names = reconciler.inventory.missingDevices.flatMap((device) => {
    const attachment = attachments.onDevice(device);
    return attachment === undefined ? [] : [`${nameOf(attachment.endpoint)} (${device})`];
  });
  if (names.length === 0) return [];
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : "";
  return [`The device is gone of ${names.slice(0, MAX_NAMES).join(", ")}${more}`];
}

/** The gateway's address is on another device than the endpoint's: this would keep the host from answering for it. */
function arpProblems(kernel: Pick<Kernel, "sysctl">): string[] {
  const name = "net.ipv4.conf.all.arp_ignore";
  const value = kernel.sysctl(name) ?? "0";
  return value === "0" ? [] : [`${name} is ${value}: endpoints cannot find their IPv4 gateway until it is 0`];
}

/** An attachment for whoever asks. */
export function describeAttachment(
  attachment: AttachmentRecord,
  inventory: Pick<Inventory, "endpointOf" | "indexOf">,
): AttachmentResource {
  const { endpoint, revision, target, device, mac, mtu, isReleasing } = attachment;
  const gateways = inventory.endpointOf(device)?.gateways ?? [];
  const ipv4 = gateways.find(({ family }) => family === 4);
  const ipv6 = gateways.find(({ family }) => family === 6);
  const state = inventory.indexOf(device) === undefined ? "device-missing" : "attached";
  return {
    endpoint: { ...endpoint, revision },
    ...(target && { attach: target }),
    state: isReleasing ? "releasing" : state,
    device,
    ...(target?.kind === "netns" && { interface: target.interface }),
    ...(mac !== undefined && { mac }),
    mtu,
    gateways: { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) },
  };
}
