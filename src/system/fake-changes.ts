import { isSameAddress } from "../net/index.ts";
import type { FakeState } from "./fake-state.ts";
import type { KernelChange, KernelRule, LinkAddress, ProxyNeighbour } from "./kernel.ts";

/** Makes one change; returns the name of the error number when the kernel would refuse it. */
export function applyFakeChange(state: FakeState, change: KernelChange): string | undefined {
  switch (change.type) {
    case "add-link":
      return addLink(state, change);
    case "delete-link":
      return state.deleteLink(change.name);
    case "set-link-up": {
      const link = state.linkAt(change.link);
      if (link === undefined) return "ENODEV";
      if (!link.up) state.changeLink({ ...link, up: true });
      return undefined;
    }
    case "add-address":
      return addAddress(state, change.address);
    case "lease-address":
      return leaseAddress(state, change.address);
    case "delete-address":
      deleteAddress(state, change.address);
      return undefined;
    case "replace-route": {
      const result = state.routes.replace(change.route, state.surroundings);
      if (typeof result === "string") return result;
      if (result !== undefined) state.emit({ type: "route", action: "new", route: result });
      return undefined;
    }
    case "delete-route": {
      const route = state.routes.delete(change.route);
      if (route !== undefined) state.emit({ type: "route", action: "delete", route });
      return undefined;
    }
    case "add-rule":
      addRule(state, change.rule);
      return undefined;
    case "delete-rule":
      deleteRule(state, change.rule);
      return undefined;
    case "add-proxy-neighbour":
      if (state.linkAt(change.neighbour.link) === undefined) return "ENODEV";
      state.neighbours = [...withoutNeighbour(state, change.neighbour), change.neighbour];
      return undefined;
    case "delete-proxy-neighbour":
      state.neighbours = withoutNeighbour(state, change.neighbour);
      return undefined;
  }
}

function addLink(state: FakeState, change: Extract<KernelChange, { type: "add-link" }>): string | undefined {
  const { name, kind, mac } = change;
  const existing = state.links.get(name);
  if (existing === undefined) {
    state.addLink({ name, kind, mac, up: false, mtu: 1500 });
    return undefined;
  }
  if (existing.kind !== kind) return "EEXIST";
  if (mac !== undefined && existing.mac !== mac) state.changeLink({ ...existing, mac });
  return undefined;
}

function addAddress(state: FakeState, added: LinkAddress): string | undefined {
  if (state.linkAt(added.link) === undefined) return "ENODEV";
  if (state.addresses.some((address) => isSameLinkAddress(address, added))) return undefined;
  const isTaken = state.addresses.some(
    ({ link, address }) => link === added.link && isSameAddress(address, added.address),
  );
  if (isTaken && added.address.family === 6) return "EEXIST";
  state.addresses.push(added);
  state.emit({ type: "address", action: "new", address: added });
  return undefined;
}

/** The fake knows no time: a test takes the address away when it is due. */
function leaseAddress(state: FakeState, leased: LinkAddress): string | undefined {
  if (state.linkAt(leased.link) === undefined) return "ENODEV";
  const address: LinkAddress = { ...leased, isLeased: true };
  state.addresses = [...state.addresses.filter((other) => !isSameLinkAddress(other, leased)), address];
  state.emit({ type: "address", action: "new", address });
  return undefined;
}

/** Like the kernel, takes one that differs in its maker only for the same. */
function addRule(state: FakeState, added: KernelRule): void {
  if (state.rules.some((rule) => isSameRule(rule, { ...added, protocol: rule.protocol }))) return;
  state.rules = [...state.rules, added].toSorted((a, b) => a.family - b.family || a.priority - b.priority);
  state.emit({ type: "rule", action: "new", rule: added });
}

function deleteRule(state: FakeState, deleted: KernelRule): void {
  const kept = state.rules.filter((rule) => !isSameRule(rule, deleted));
  if (kept.length === state.rules.length) return;
  state.rules = kept;
  state.emit({ type: "rule", action: "delete", rule: deleted });
}

function isSameRule(a: KernelRule, b: KernelRule): boolean {
  const keys: readonly (keyof KernelRule)[] = ["family", "priority", "mark", "mask", "table", "protocol"];
  return keys.every((key) => a[key] === b[key]);
}

function deleteAddress(state: FakeState, deleted: LinkAddress): void {
  const kept = state.addresses.filter((address) => !isSameLinkAddress(address, deleted));
  if (kept.length === state.addresses.length) return;
  state.addresses = kept;
  const { address } = deleted;
  const isLeft = kept.some((other) => isSameAddress(other.address, address));
  if (!isLeft) {
    state.routes.dropWhere(({ source }) => source !== undefined && isSameAddress(source, address));
  }
  state.emit({ type: "address", action: "delete", address: deleted });
}

function isSameLinkAddress(a: LinkAddress, b: LinkAddress): boolean {
  return a.link === b.link && a.prefixLength === b.prefixLength && isSameAddress(a.address, b.address);
}

function withoutNeighbour(state: FakeState, { link, address }: ProxyNeighbour): ProxyNeighbour[] {
  return state.neighbours.filter((other) => other.link !== link || !isSameAddress(other.address, address));
}
