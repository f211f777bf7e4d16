import { z } from "zod";
import type { EndpointSelector, NounSelector, PolicyPeer, PolicyTarget } from "../model/index.ts";
import { addressPrefix, isAddress, parseAddress, parsePrefix } from "../net/index.ts";
import { textOf } from "./decode.ts";
import { below, type DocumentFaults, type Fields, isFields } from "./document-faults.ts";
import { interfaceSchema } from "./policy-party.ts";
import { externalIdSchema, nameSchema, prefixSchema } from "./text.ts";

const TENANT_FIELDS = ["tenant", "tenant_id", "tenant_external_id", "tenant_network_id"] as const;
const SEGMENT_FIELDS = ["segment", "segment_id", "segment_external_id", "segment_network_id"] as const;
const NOUN_FIELDS = [...TENANT_FIELDS, ...SEGMENT_FIELDS] as const;
/** Fields of an entry of `applied_to`. */
export const TARGET_FIELDS = ["dest", "cidr", "interfaces", "addresses", ...NOUN_FIELDS] as const;
/** Fields of an entry of `peers`. */
export const PEER_FIELDS = ["peer", "cidr", ...NOUN_FIELDS] as const;

const TARGET_HINTS = new Map([["peer", "belongs to an entry of 'peers'; here it is called 'dest'"]]);
const PEER_HINTS = new Map([["dest", "belongs to an entry of 'applied_to'; here it is called 'peer'"]]);

const idSchema = z.int().min(0);
const addressesSchema = z
  .array(
    textOf((text) => (isAddress(text) ? addressPrefix(parseAddress(text)) : parsePrefix(text)), {
      description: "An address or a prefix.",
    }),
  )
  .min(1);

/** Reads the entries of `applied_to`. */
export function readTargets(value: unknown, path: string, faults: DocumentFaults): PolicyTarget[] {
  const entries = entriesOf(value, path, faults);
  if (entries?.length === 0) faults.add(path, "Required 'applied_to' entry missing.");
  return (entries ?? []).flatMap((entry, index) => {
    const target = readTarget(entry, below(path, index), `applied_to entry #${index + 1}`, faults);
    return target === undefined ? [] : [target];
  });
}

/** Reads the entries of `peers`; `isElsewhere`: they stand in the wrong place, which is told there. */
export function readPeers(
  value: unknown,
  path: string,
  faults: DocumentFaults,
  isElsewhere: boolean,
): PolicyPeer[] {
  const entries = entriesOf(value, path, faults);
  if (entries?.length === 0 && !isElsewhere) {
    faults.add(path, "No peers specified. Everybody is 'peer: any'.");
  }
  return (entries ?? []).flatMap((entry, index) => {
    const peer = readPeer(entry, below(path, index), `peers entry #${index + 1}`, faults);
    return peer === undefined ? [] : [peer];
  });
}

function entriesOf(value: unknown, path: string, faults: DocumentFaults): readonly unknown[] | undefined {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  faults.add(path, "expected a list");
  return undefined;
}

function readTarget(
  entry: unknown,
  path: string,
  title: string,
  faults: DocumentFaults,
): PolicyTarget | undefined {
  const fields = fieldsOf(entry, path, title, faults);
  if (fields === undefined) return undefined;
  faults.addUnknown(fields, path, TARGET_FIELDS, TARGET_HINTS);
  const dest = faults.text(fields, "dest", path)?.trim().toLowerCase();
  const kinds = kindsOf(fields, "dest");
  if (kinds.length !== 1) {
    const list = "dest, tenant, tenant_id, tenant_external_id or tenant_network_id";
    return wrongKinds(fields, kinds, path, title, list, faults);
  }
  const isMachine = ["interfaces", "addresses"].some((key) => isGiven(fields, key));
  if (isMachine && dest !== "host") faults.add(path, `${title}: interfaces and addresses want dest 'host'.`);
  if (kinds[0] === "cidr") return readPrefix(fields, path, faults);
  if (kinds[0] === "tenant") return readEndpoints(fields, path, title, faults);
  if (dest === "local") return { kind: "endpoints" };
  if (dest === "host") return isMachine ? readMachine(fields, path, faults) : { kind: "host" };
  if (dest !== undefined) {
    faults.add(below(path, "dest"), `${title}: Unknown dest '${dest}', allowed 'host' or 'local'.`);
  }
  return undefined;
}

function readPeer(
  entry: unknown,
  path: string,
  title: string,
  faults: DocumentFaults,
): PolicyPeer | undefined {
  const fields = fieldsOf(entry, path, title, faults);
  if (fields === undefined) return undefined;
  faults.addUnknown(fields, path, PEER_FIELDS, PEER_HINTS);
  const kinds = kindsOf(fields, "peer");
  if (kinds.length !== 1) {
    const list = "peer, cidr, tenant, tenant_id, tenant_external_id or tenant_network_id";
    return wrongKinds(fields, kinds, path, title, list, faults);
  }
  if (kinds[0] === "cidr") {
    const target = readPrefix(fields, path, faults);
    return target && { ...target, except: [] };
  }
  if (kinds[0] === "tenant") return readEndpoints(fields, path, title, faults);
  const peer = faults.text(fields, "peer", path)?.trim().toLowerCase();
  if (peer === "any" || peer === "local" || peer === "host") return { kind: peer };
  if (peer !== undefined) {
    faults.add(below(path, "peer"), `${title}: Unknown peer '${peer}', allowed 'any', 'host' or 'local'.`);
  }
  return undefined;
}

function fieldsOf(entry: unknown, path: string, title: string, faults: DocumentFaults): Fields | undefined {
  if (isFields(entry)) return entry;
  faults.add(path, `${title}: expected keys and values.`);
  return undefined;
}

/** Empty text and the ID 0 of the first Romana's store stood for nothing. */
function isGiven(fields: Fields, key: string): boolean {
  const value = fields[key];
  if (value === undefined || value === null || value === "") return false;
  return value !== 0 || !["tenant_id", "segment_id"].includes(key);
}

/** The ways in which the entry says whom it means: one is right. */
function kindsOf(fields: Fields, word: "dest" | "peer"): ("word" | "cidr" | "tenant")[] {
  return [
    ...(isGiven(fields, word) ? (["word"] as const) : []),
    ...(isGiven(fields, "cidr") ? (["cidr"] as const) : []),
    ...(NOUN_FIELDS.some((key) => isGiven(fields, key)) ? (["tenant"] as const) : []),
  ];
}

function wrongKinds(
  fields: Fields,
  kinds: readonly string[],
  path: string,
  title: string,
  list: string,
  faults: DocumentFaults,
): undefined {
  if (kinds.length === 0) faults.add(path, `${title}: at least one of: ${list} must be specified.`);
  else {
    const given = Object.keys(fields).filter((key) => isGiven(fields, key));
    faults.add(path, `${title}: ${given.join(" and ")} exclude each other.`);
  }
  return undefined;
}

function readPrefix(
  fields: Fields,
  path: string,
  faults: DocumentFaults,
): { readonly kind: "prefix"; readonly prefix: z.output<typeof prefixSchema> } | undefined {
  const prefix = faults.read(prefixSchema, fields["cidr"], below(path, "cidr"));
  return prefix && { kind: "prefix", prefix };
}

function readMachine(fields: Fields, path: string, faults: DocumentFaults): PolicyTarget {
  const { interfaces: devices, addresses: own } = fields;
  const interfaces =
    devices === undefined || devices === null || devices === "all"
      ? undefined
      : faults.read(z.array(interfaceSchema).min(1), devices, below(path, "interfaces"));
  const addresses =
    own === undefined || own === null
      ? undefined
      : faults.read(addressesSchema, own, below(path, "addresses"));
  return { kind: "machine", ...(interfaces && { interfaces }), ...(addresses && { addresses }) };
}

function readEndpoints(
  fields: Fields,
  path: string,
  title: string,
  faults: DocumentFaults,
): EndpointSelector {
  const tenant = readNoun(fields, TENANT_FIELDS, path, faults);
  const segment = readNoun(fields, SEGMENT_FIELDS, path, faults);
  if (tenant === undefined) {
    const given = SEGMENT_FIELDS.find((key) => isGiven(fields, key)) ?? "";
    const list = "tenant, tenant_id, tenant_external_id or tenant_network_id";
    faults.add(path, `${title}: since ${given} is specified, at least one of: ${list} must be specified.`);
  }
  return { kind: "endpoints", ...(tenant && { tenant }), ...(segment && { segment }) };
}

/** A name before an external ID before an ID, however many a service has filled in. */
function readNoun(
  fields: Fields,
  [name, id, externalId, networkId]: typeof TENANT_FIELDS | typeof SEGMENT_FIELDS,
  path: string,
  faults: DocumentFaults,
): NounSelector | undefined {
  const byName = (key: string): NounSelector => ({
    by: "name",
    name: faults.read(nameSchema, fields[key], below(path, key)) ?? "",
  });
  const byId = (key: string): NounSelector => ({
    by: "id",
    id: faults.read(idSchema, fields[key], below(path, key)) ?? 0,
  });
  if (isGiven(fields, name)) return byName(name);
  if (isGiven(fields, externalId)) {
    const text = faults.read(externalIdSchema, fields[externalId], below(path, externalId));
    return { by: "external-id", externalId: text ?? "" };
  }
  if (isGiven(fields, networkId)) return byId(networkId);
  // The second Romana had names here, the first one numbers.
  if (isGiven(fields, id)) return typeof fields[id] === "string" ? byName(id) : byId(id);
  return undefined;
}
