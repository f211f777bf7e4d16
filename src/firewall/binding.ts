import { type AddressPlan, invalidInput } from "../model/index.ts";
import {
  addressBits,
  type Family,
  formatPrefix,
  type Prefix,
  prefixContainsPrefix,
  prefixMask,
} from "../net/index.ts";
import { type EndpointDevice, type FirewallScope, ownPrefixes } from "./input.ts";
import { type RawElement, rawElement } from "./key.ts";
import type { Element, Match } from "./table.ts";

/** Set of the names of all devices of own endpoints: nothing unbound passes from them. */
export const DEVICE_SET = "endpoint_devices";

/** What the kernel takes as a device name and nft as a quoted one; `*` at the end would be a pattern. */
const DEVICE_NAME = /^[!#-)+-.0-9;-[\]-~]{1,15}$/;

/** Elements to add to and remove from one set. */
export interface SetChange {
  readonly table: string;
  readonly set: string;
  readonly add: readonly RawElement[];
  readonly remove: readonly RawElement[];
}

/** How sources of a plan are bound to devices. Plans with the same shape share sets and chains. */
export interface BindingShape {
  readonly family: Family;
  readonly strideBits: number;
  /** v1 numbering with a stride: endpoint 0 owns one address of a block that is otherwise reserved. */
  readonly hasSingles: boolean;
}

/** An element with the set that it belongs to. */
interface Member {
  readonly set: string;
  readonly element: Element;
}

/** The shape of a plan's source binding. */
export function bindingShape(plan: AddressPlan): BindingShape {
  const hasSingles = plan.numbering === "v1" && plan.strideBits > 0;
  return { family: plan.family, strideBits: plan.strideBits, hasSingles };
}

/** Suffix of the names of chains for the shape, such as `4` or `6_block2`. */
export function shapeName({ family, strideBits, hasSingles }: BindingShape): string {
  const block = strideBits > 0 ? `_block${strideBits}` : "";
  return `${family}${block}${hasSingles ? "_single" : ""}`;
}

/** Names of the sets that a shape looks into: blocks of the stride's size, then single addresses if it has such. */
export function boundSets({ family, strideBits, hasSingles }: BindingShape): readonly string[] {
  return hasSingles ? [boundSet(family, strideBits), boundSet(family, 0)] : [boundSet(family, strideBits)];
}

/** Look-ups of which one finds a source that is bound to the device which the packet came from. */
export function boundMatches(shapes: readonly BindingShape[]): readonly Match[] {
  const lookups = shapes.flatMap((shape) => boundLookups(shape, false));
  return [...new Map(lookups.map((lookup) => [lookup.set, lookup])).values()];
}

/** Look-ups that all hold for a source that is not bound to the device which the packet came from. */
export function unboundMatches(shape: BindingShape): readonly Match[] {
  return boundLookups(shape, true);
}

function boundLookups(shape: BindingShape, negated: boolean): readonly Extract<Match, { kind: "lookup" }>[] {
  const { family, strideBits, hasSingles } = shape;
  return (hasSingles ? [strideBits, 0] : [strideBits]).map((bits) => ({
    kind: "lookup",
    key: [
      { field: "input-index" },
      { field: "source", family, mask: prefixMask(family, addressBits(family) - bits) },
    ],
    set: boundSet(family, bits),
    negated,
  }));
}

/**
 * The elements of a device.
 * @throws RomanaError `invalid-input` when it owns something that is no endpoint's block of this host.
 */
export function deviceMembers(scope: FirewallScope, device: EndpointDevice): readonly Member[] {
  if (!DEVICE_NAME.test(device.name)) {
    const reason = "must be 1 to 15 printable ASCII characters without blanks, quotes, / \\ : or *";
    throw invalidInput(`bind device "${device.name}"`, [{ path: "name", reason }]);
  }
  const name: Member = { set: DEVICE_SET, element: [{ type: "ifname", value: device.name }] };
  const { index } = device;
  if (index === undefined) return [name];
  const bound = device.owns.map((block): Member => {
    const type = block.family === 4 ? "ipv4_addr" : "ipv6_addr";
    return {
      set: boundSet(block.family, blockBits(scope, device, block)),
      element: [
        { type: "iface_index", value: index },
        { type, value: block.value },
      ],
    };
  });
  return [name, ...bound];
}

/**
 * What to change in the sets of the kernel when devices come and go, without a look at the rest of the table.
 * @throws RomanaError `invalid-input` as {@link deviceMembers}.
 */
export function deviceChanges(
  scope: FirewallScope,
  { add, remove }: { readonly add: readonly EndpointDevice[]; readonly remove: readonly EndpointDevice[] },
): readonly SetChange[] {
  const added = add.flatMap((device) => deviceMembers(scope, device));
  const removed = remove.flatMap((device) => deviceMembers(scope, device));
  const keysIn = (members: readonly Member[], set: string): RawElement[] =>
    members.filter((member) => member.set === set).map((member) => rawElement(member.element));
  const sets = new Set([...added, ...removed].map((member) => member.set));
  return [...sets].map((set) => ({
    table: scope.table,
    set,
    add: keysIn(added, set),
    remove: keysIn(removed, set),
  }));
}

function boundSet(family: Family, blockBits: number): string {
  return blockBits === 0 ? `bound${family}` : `bound${family}_block${blockBits}`;
}

/** How many bits of the block are free; checked against the plan that it lies in. */
function blockBits(scope: FirewallScope, device: EndpointDevice, block: Prefix): number {
  const bits = addressBits(block.family) - block.length;
  const isVisiting = scope.visiting?.some((visitor) => prefixContainsPrefix(visitor, block)) === true;
  const own = ownPrefixes(scope, block.family).find(({ plan, prefix }) =>
    prefixContainsPrefix(isVisiting ? plan.prefix : prefix, block),
  );
  const shape = own && bindingShape(own.plan);
  if (shape && (bits === shape.strideBits || (bits === 0 && shape.hasSingles))) return bits;
  const reason = shape
    ? `${formatPrefix(block)} is not a block of ${shape.strideBits} stride bits`
    : `${formatPrefix(block)} is not in a prefix of host "${scope.host.name}"`;
  throw invalidInput(`bind device "${device.name}"`, [{ path: "owns", reason }]);
}
