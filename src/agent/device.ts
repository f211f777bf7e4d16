import { type Endpoint, hasCode, invalidInput, notFound, RomanaError } from "../model/index.ts";
import { addressPrefix } from "../net/index.ts";
import type { AttachTarget } from "../schema/index.ts";
import type { Kernel, Link, VethWiring } from "../system/kernel.ts";
import type { DesiredEndpoint } from "./desired.ts";
import { deviceName, macOf } from "./device-name.ts";
import type { Reconciler } from "./reconciler.ts";
import { TAP_KIND } from "./tap-fault.ts";

/** A network namespace as a target. */
export type NetnsTarget = Extract<AttachTarget, { kind: "netns" }>;

/** A tap as a target. */
export type TapTarget = Extract<AttachTarget, { kind: "tap" }>;

/** A device of the host that an endpoint is wired to. */
export interface Device {
  readonly link: Link;
  /** MAC address of the endpoint, where it is known. */
  readonly mac?: string;
}

/** Name of the host's device of an endpoint. */
export function deviceOf({ addresses }: Endpoint, target: AttachTarget): string {
  return target.kind === "netns" ? deviceName(addresses) : target.device;
}

/** Makes the pair of devices of an endpoint, or leaves nothing behind. */
export async function makeVeth(
  kernel: Kernel,
  { device, gateways }: DesiredEndpoint,
  { addresses }: Endpoint,
  target: NetnsTarget,
  mtu: number,
  wiring: VethWiring,
): Promise<Device> {
  const own = [addresses.ipv4, addresses.ipv6].filter((address) => address !== undefined);
  const { netns, interface: name, mac = macOf(addresses) } = target;
  const peer = { namespace: netns, name, mac, addresses: own.map(addressPrefix), gateways };
  const spec = { name: device, mtu, peer };
  const make = async (): Promise<Device> => {
    const veth = await kernel.createVeth(spec, wiring);
    return { link: veth.host, mac: veth.peer.mac };
  };
  try {
    return await make();
  } catch (error) {
    // An attach that was killed may have left a device of this name; nothing else can have it.
    if (!hasCode(error, "conflict") || error.failure.name !== device) throw error;
    await kernel.deleteLink(device);
    return await make();
  }
}

/** The tap's link. @throws RomanaError `not-found` when it is not there, `invalid-input` when it is no tap. */
export function findTap(kernel: Kernel, { device }: TapTarget): Link {
  const link = kernel.links().find(({ name }) => name === device);
  if (link === undefined) throw notFound("device", device);
  if (link.kind === TAP_KIND) return link;
  const reason = `"${device}" is no tap but ${link.kind ?? "hardware"}`;
  throw invalidInput("attach endpoint", [{ path: "attach.device", reason }]);
}

/** Brings a tap up with the sysctls of an endpoint's device. @throws RomanaError `kernel-refused`. */
export function takeTap(
  kernel: Kernel,
  reconciler: Pick<Reconciler, "reconcileSysctls">,
  { device, sysctls }: DesiredEndpoint,
  { mac }: TapTarget,
  link: Link,
): Device {
  const { failures } = reconciler.reconcileSysctls("desired", sysctls);
  const refused = kernel.apply(link.up ? [] : [{ type: "set-link-up", link: link.index }])[0];
  const reason = failures[0] ?? refused?.errno;
  if (reason !== undefined) {
    throw new RomanaError(`Cannot use tap "${device}": ${reason}`, {
      code: "kernel-refused",
      operation: `use tap "${device}"`,
      errno: refused?.errno ?? "EINVAL",
    });
  }
  return { link: { ...link, up: true }, ...(mac !== undefined && { mac }) };
}
