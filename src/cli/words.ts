import { type Family, isAddress, parseAddress } from "../net/index.ts";
import type { Input } from "./command.ts";
import { wrongInput } from "./input.ts";

/** Addresses of options, at most one per family, as the API takes them. @throws RomanaError `invalid-input`. */
export function addressPairOf(option: string, texts: readonly string[]): { ipv4?: string; ipv6?: string } {
  const found = new Map<Family, string>();
  for (const text of texts) {
    if (!isAddress(text)) throw wrongInput(option, `"${text}" is not an IP address`);
    const { family } = parseAddress(text);
    if (found.has(family)) throw wrongInput(option, `two addresses of IPv${family}, "${text}" is the second`);
    found.set(family, text);
  }
  const [ipv4, ipv6] = [found.get(4), found.get(6)];
  return { ...(ipv4 !== undefined && { ipv4 }), ...(ipv6 !== undefined && { ipv6 }) };
}

/** Digits alone are an ID, everything else is a name: what the API tells by type, the command line by form. */
export function nameOrId(text: string): string | number {
  return /^(0|[1-9][0-9]{0,9})$/.test(text) ? Number(text) : text;
}

/**
 * Whose an endpoint shall be, from `--workload`, or `--tenant` and `--segment`, as the API takes it; what contradicts a
 * workload is left for the API to refuse. @throws RomanaError `invalid-input` when none of them is there.
 */
export function ownerOf(input: Pick<Input, "text">): {
  workload?: string;
  tenant?: string | number;
  segment?: string | number;
} {
  const [workload, tenant, segment] = ["workload", "tenant", "segment"].map((name) => input.text(name));
  if (workload === undefined && tenant === undefined) throw wrongInput("--tenant", "is missing");
  if (workload === undefined && segment === undefined) throw wrongInput("--segment", "is missing");
  return {
    ...(workload !== undefined && { workload }),
    ...(tenant !== undefined && { tenant: nameOrId(tenant) }),
    ...(segment !== undefined && { segment: nameOrId(segment) }),
  };
}

/** `TENANT/SEGMENT` as its two names. @throws RomanaError `invalid-input`. */
export function segmentName(text: string): { tenant: string; segment: string } {
  const [tenant, segment, ...rest] = text.split("/");
  if (tenant === undefined || segment === undefined || rest.length > 0 || tenant === "" || segment === "") {
    throw wrongInput("segment", `"${text}" is not TENANT/SEGMENT`);
  }
  return { tenant, segment };
}

/** Groups from the first level down, written with "/" between them. */
export function groupPath(text: string | undefined): string[] {
  return text === undefined || text === "" ? [] : text.split("/");
}

/** The fields that have a value; null is one. */
export function patchOf<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as ReturnType<
    typeof patchOf<T>
  >;
}

/** Widths of a plan as the API takes them. */
export interface PlanBits {
  groupLevels: { name: string; bits: number }[];
  hostBits: number;
  tenantBits: number;
  segmentBits: number;
  endpointBits: number;
  strideBits?: number;
}

/** Names of the levels that every plan has, and the stride; other names are topology groups. */
const FIXED_LEVELS = ["host", "tenant", "segment", "endpoint", "stride"] as const;

/**
 * Widths of levels, most significant first: `zone=4,host=8,tenant=8,segment=4,endpoint=4`. Names before `host`
 * are topology groups; `stride` may be left out.
 * @throws RomanaError `invalid-input` for bad text or a missing, doubled or misplaced level.
 */
export function planBits(option: string, text: string): PlanBits {
  const levels = text.split(",").map((part) => {
    const match = /^([^=]+)=(0|[1-9][0-9]{0,2})$/.exec(part);
    if (match === null) throw wrongInput(option, `"${part}" is not LEVEL=BITS`);
    return { name: match[1] as string, bits: Number(match[2]) };
  });
  const firstFixed = levels.findIndex(({ name }) => (FIXED_LEVELS as readonly string[]).includes(name));
  const groupLevels = firstFixed < 0 ? levels : levels.slice(0, firstFixed);
  const fixed = firstFixed < 0 ? [] : levels.slice(firstFixed);
  const wanted = fixed.length === FIXED_LEVELS.length ? FIXED_LEVELS : FIXED_LEVELS.slice(0, -1);
  if (fixed.map(({ name }) => name).join() !== wanted.join()) {
    throw wrongInput(option, `"${text}" must end with host, tenant, segment, endpoint and perhaps stride`);
  }
  const [host, tenant, segment, endpoint, stride] = fixed.map(({ bits }) => bits);
  return {
    groupLevels,
    hostBits: host as number,
    tenantBits: tenant as number,
    segmentBits: segment as number,
    endpointBits: endpoint as number,
    ...(stride !== undefined && { strideBits: stride }),
  };
}
