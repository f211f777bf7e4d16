import { type Family, formatAddress, formatPrefix, isSameAddress, type Prefix } from "../net/index.ts";
import { type KernelRoute, MAIN_TABLE, ROMANA_PROTOCOL } from "../system/kernel.ts";
import type { DesiredRoute } from "./desired.ts";

/** Metric that the kernel gives to a route of ours: none for IPv4, 1024 for IPv6. */
const DEFAULT_METRIC: Readonly<Record<Family, number>> = { 4: 0, 6: 1024 };

/** Where a route of ours to the destination stands: nobody else may have that place (table, destination, metric). */
export function ownSlot(destination: Prefix): string {
  return formatPrefix(destination);
}

/** The slot of ours that a kernel route stands in; undefined when its table or metric is not ours. */
export function slotOf({ destination, table, metric }: KernelRoute): string | undefined {
  const isOurs = table === MAIN_TABLE && (metric === 0 || metric === DEFAULT_METRIC[destination.family]);
  return isOurs ? ownSlot(destination) : undefined;
}

/** The desired route for the kernel. `device` is the index of its device. */
export function kernelRoute(
  { destination, type, gateway, source }: DesiredRoute,
  device?: number,
): KernelRoute {
  return {
    destination,
    type,
    ...(gateway && { gateway }),
    ...(device !== undefined && { device }),
    ...(source && { source }),
    table: MAIN_TABLE,
    metric: 0,
    protocol: ROMANA_PROTOCOL,
  };
}

/** True when the kernel's route is the desired one. `device` is the index of the desired device. */
export function isAsDesired(desired: DesiredRoute, device: number | undefined, actual: KernelRoute): boolean {
  return (
    actual.type === desired.type &&
    actual.protocol === ROMANA_PROTOCOL &&
    isSame(desired.gateway, actual.gateway) &&
    isSame(desired.source, actual.source) &&
    (device === undefined || device === actual.device)
  );
}

function isSame(a: DesiredRoute["gateway"], b: DesiredRoute["gateway"]): boolean {
  return a === undefined || b === undefined ? a === b : isSameAddress(a, b);
}

/** The route in the words of `ip route`. */
export function formatRoute({ destination, type, gateway, device, source }: DesiredRoute): string {
  return [
    ...(type === "blackhole" ? ["blackhole"] : []),
    formatPrefix(destination),
    ...(gateway ? ["via", formatAddress(gateway)] : []),
    ...(device === undefined ? [] : ["dev", device]),
    ...(source ? ["src", formatAddress(source)] : []),
  ].join(" ");
}
