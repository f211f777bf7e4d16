import { type Answer, type Attachment, askAgent, attachmentPath, Refusal } from "./agent-calls.ts";
import { parseCniArguments } from "./cni-arguments.ts";
import { badConfiguration, CNI_CODE, CniError, OWN_CODE } from "./cni-error.ts";
import { type Configuration, readWishes, type Wishes, withoutLength } from "./configuration.ts";
import type { Call } from "./environment.ts";
import type { JsonObject } from "./json-value.ts";
import type { Port } from "./port.ts";
import { createResult } from "./result.ts";
import { tokenOf } from "./token.ts";

/** ADD: attaches the container and tells how. Whoever is there already is refused, as the specification demands. */
export async function add(port: Port, call: Call, configuration: Configuration): Promise<JsonObject> {
  const { socket, name, version, previous } = configuration;
  const wishes = withArguments(readWishes(configuration), call);
  const token = tokenOf(name, call);
  const { status, body } = await attach(port, socket, {
    ...ownerOf(wishes, call),
    ...(wishes.network !== undefined && { network: wishes.network }),
    ...(wishes.ips[0] !== undefined && { address: wishes.ips[0] }),
    requestToken: token,
    attach: {
      kind: "netns",
      netns: call.netns,
      interface: call.interfaceName,
      ...(wishes.mac !== undefined && { mac: wishes.mac }),
      ...(wishes.mtu !== undefined && { mtu: wishes.mtu }),
    },
  });
  if (status !== CREATED) {
    const details = `container ${call.containerId} is attached to network "${name}" by ${call.interfaceName} already`;
    throw new CniError(OWN_CODE.interfaceExists, "The interface exists already", details);
  }
  const attachment = body as unknown as Attachment;
  const missing = otherAddress(attachment, wishes.ips);
  if (missing === undefined) return createResult(version, attachment, call, previous, wishes.dns);
  await askAgent(port, socket, "DELETE", attachmentPath(token));
  throw badConfiguration(`address ${missing} does not go with ${wishes.ips[0]}`);
}

interface Wanted extends Wishes {
  readonly podUid?: string;
}

const CREATED = 201;

function withArguments(wishes: Wishes, { args }: Call): Wanted {
  const { podUid, ip, mac } = parseCniArguments(args);
  return {
    ...(mac !== undefined && { mac }),
    ...wishes,
    ips: wishes.ips.length === 0 && ip !== undefined ? [withoutLength(ip)] : wishes.ips,
    ...(podUid !== undefined && { podUid }),
  };
}

/** The pod as romanad knows it; without Kubernetes what the configuration says. */
function ownerOf({ podUid, tenant, segment }: Wanted, { containerId }: Call): JsonObject {
  if (podUid !== undefined) return { workload: podUid };
  if (tenant === undefined || segment === undefined) {
    throw badConfiguration(
      `${tenant === undefined ? "tenant" : "segment"} is missing, and CNI_ARGS has no K8S_POD_UID`,
    );
  }
  return { tenant, segment, externalId: containerId };
}

async function attach(port: Port, socket: string, body: JsonObject): Promise<Answer> {
  try {
    return await askAgent(port, socket, "POST", attachmentPath(), body);
  } catch (error) {
    if (!(error instanceof Refusal) || error.refusal !== "not-found") throw error;
    if (error.noun !== "network namespace") throw error;
    // Nothing is left behind, so that nothing needs to be cleaned up.
    throw new CniError(CNI_CODE.unknownContainer, "The container does not exist", error.details);
  }
}

/** The first of the wanted addresses that the endpoint does not have; its IDs decide the addresses of all families. */
function otherAddress({ endpoint }: Attachment, ips: readonly string[]): string | undefined {
  const has = Object.values(endpoint.addresses);
  return ips.slice(1).find((ip) => !has.includes(ip));
}
