import { z } from "zod";
import {
  DEFAULT_POLICY_ORDER,
  type Direction,
  type Fault,
  hasCode,
  invalidInput,
  POLICY_ID_PATTERN,
  type Policy,
  type PolicyRule,
  type PolicyVerdict,
} from "../model/index.ts";
import { quote } from "./decode.ts";
import { below, DocumentFaults, type Fields, isFields } from "./document-faults.ts";
import { decodePolicy, descriptionSchema, POLICY_ID_RULE } from "./policy.ts";
import { readPeers, readTargets } from "./policy-document-party.ts";
import { type DocumentRule, readDocumentRules } from "./policy-document-rule.ts";
import { externalIdSchema } from "./text.ts";

/** Around several policies in one document. */
const WRAPPER = "securitypolicies";

/** Fields of old documents that say nothing to us: what a service filled in, and what it dropped. */
const IGNORED_FIELDS = ["datacenter", "tags"] as const;
const ENTRY_FIELDS = ["peers", "rules"] as const;
const POLICY_FIELDS = [
  "id",
  "name",
  "external_id",
  "description",
  "direction",
  "action",
  "order",
  "established",
  "applied_to",
  "ingress",
  "egress",
  ...ENTRY_FIELDS,
] as const;

/** Every field that a native document may have, those that are ignored included. */
export const POLICY_DOCUMENT_FIELDS: readonly string[] = [...POLICY_FIELDS, ...IGNORED_FIELDS];

const ACTIONS: ReadonlyMap<string, PolicyVerdict> = new Map([
  ["allow", "accept"],
  ["deny", "drop"],
  ["log", "log"],
]);

const orderSchema = z.int().min(0);

/**
 * Reads policies as people write them: a native document of any generation of Romana (peers and rules at the top;
 * inside `ingress` or `egress`; with text IDs), the form that romanad answers, a list of these, or a list below
 * `securitypolicies`. What the first Romana refused is refused in its words.
 * @throws RomanaError `invalid-input` with all faults of all policies.
 */
export function decodePolicyDocument(document: unknown, what = "read policy"): Policy[] {
  const faults: Fault[] = [];
  const policies = entriesOf(document, faults).flatMap(({ value, path }): Policy[] => {
    try {
      return [decodeOne(value, what)];
    } catch (error) {
      if (!hasCode(error, "invalid-input")) throw error;
      faults.push(
        ...error.failure.faults.map((fault) => ({
          path: [path, fault.path].filter((part) => part !== "").join("."),
          reason: fault.reason,
        })),
      );
      return [];
    }
  });
  for (const [index, { id }] of policies.entries()) {
    if (policies.findIndex((other) => other.id === id) === index) continue;
    faults.push({ path: "", reason: `two policies are called "${id}"` });
  }
  if (faults.length > 0) throw invalidInput(what, faults);
  return policies;
}

function entriesOf(document: unknown, faults: Fault[]): { value: unknown; path: string }[] {
  const list = isFields(document) && Object.hasOwn(document, WRAPPER) ? document[WRAPPER] : document;
  const path = list === document ? "" : WRAPPER;
  if (path !== "") {
    for (const key of Object.keys(document as Fields)) {
      if (key !== WRAPPER)
        faults.push({ path: key, reason: `belongs to one of the policies in '${WRAPPER}'` });
    }
  }
  if (!Array.isArray(list)) return [{ value: list, path }];
  if (list.length === 0) faults.push({ path, reason: "has no policy" });
  return list.map((value: unknown, index) => ({ value, path: below(path, index) }));
}

function decodeOne(value: unknown, what: string): Policy {
  if (!isFields(value)) throw invalidInput(what, [{ path: "", reason: "expected keys and values" }]);
  return Object.hasOwn(value, "appliedTo") ? decodePolicy(value) : decodeNative(value, what);
}

/** Faults come in the order in which the first Romana told them: direction, applied_to, rules, peers, name. */
function decodeNative(fields: Fields, what: string): Policy {
  const faults = new DocumentFaults();
  const direction = readDirection(fields, faults);
  const appliedTo = readTargets(fields["applied_to"], "applied_to", faults);
  const verdict = readAction(fields, faults);
  const rules = readEntries(fields, direction ?? "ingress", verdict, faults);
  const { id, description, externalId } = readNames(fields, faults);
  const order =
    fields["order"] === undefined ? DEFAULT_POLICY_ORDER : faults.read(orderSchema, fields["order"], "order");
  const established = readWord(fields, "established", ["cut", "keep"], faults) ?? "cut";
  faults.addUnknown(fields, "", POLICY_DOCUMENT_FIELDS, new Map());
  const all = faults.all();
  if (all.length > 0) throw invalidInput(what, all);
  return {
    id,
    ...(description !== undefined && { description }),
    ...(externalId !== undefined && { externalId }),
    tier: "standard",
    order: order ?? DEFAULT_POLICY_ORDER,
    appliedTo,
    isolates: isolating(direction, rules) ? [direction ?? "ingress"] : [],
    rules,
    established: established === "keep" ? "keep" : "cut",
  };
}

/**
 * What accepts isolates. But who only lets the endpoints' own host in says nothing of others: hosts reach their own
 * endpoints anyway. Sending to the host only does say that nobody else is sent to.
 */
function isolating(direction: Direction | undefined, rules: readonly PolicyRule[]): boolean {
  return rules.some(
    ({ verdict, peers }) =>
      verdict === "accept" && (direction === "egress" || peers.some(({ kind }) => kind !== "host")),
  );
}

function readDirection(fields: Fields, faults: DocumentFaults): Direction | undefined {
  const text = faults.text(fields, "direction", "") ?? "";
  const direction = text.trim().toLowerCase();
  if (direction === "ingress" || direction === "egress") return direction;
  const isText = typeof (fields["direction"] ?? "") === "string";
  if (isText) faults.add("direction", `Unknown direction '${text}', allowed 'egress' or 'ingress'.`);
  return undefined;
}

function readWord(
  fields: Fields,
  key: string,
  words: readonly string[],
  faults: DocumentFaults,
): string | undefined {
  const text = faults.text(fields, key, "");
  const word = text?.trim().toLowerCase();
  if (word === undefined || words.includes(word)) return word;
  const list = `${words.slice(0, -1).map(quoted).join(", ")} or ${quoted(words.at(-1) ?? "")}`;
  faults.add(key, `Unknown ${key} '${text}', allowed ${list}.`);
  return undefined;
}

function quoted(word: string): string {
  return `'${word}'`;
}

function readAction(fields: Fields, faults: DocumentFaults): PolicyVerdict {
  const word = readWord(fields, "action", [...ACTIONS.keys()], faults) ?? "allow";
  return ACTIONS.get(word) ?? "accept";
}

interface Entry {
  readonly fields: Fields;
  readonly path: string;
}

/** The rules of a policy: those of its direction's list, or those at the top as in the first generation. */
function readEntries(
  fields: Fields,
  direction: Direction,
  verdict: PolicyVerdict,
  faults: DocumentFaults,
): PolicyRule[] {
  const other = direction === "ingress" ? "egress" : "ingress";
  const isAtTop = ENTRY_FIELDS.some((key) => isThere(fields, key));
  const isListed = isThere(fields, direction);
  if (isThere(fields, other)) {
    const reason = `belongs to a policy of direction '${other}'; here the entries belong to '${direction}'`;
    faults.addLate(other, reason);
  }
  if (!isListed && !isAtTop) {
    const title = direction === "ingress" ? "Ingress" : "Egress";
    if (!isThere(fields, other)) faults.add(direction, `${title} field not found`);
    return [];
  }
  if (isListed && isAtTop) {
    for (const key of ENTRY_FIELDS) {
      if (isThere(fields, key))
        faults.addLate(key, `belongs inside the entries of '${direction}'; move it there`);
    }
  }
  const entries = isListed ? listedEntries(fields[direction], direction, faults) : [{ fields, path: "" }];
  const rules = entries.map((entry) =>
    readDocumentRules(entry.fields["rules"], below(entry.path, "rules"), faults),
  );
  const isElsewhere = isListed && isThere(fields, "peers");
  return entries.flatMap((entry, index) => {
    const peers = readPeers(entry.fields["peers"], below(entry.path, "peers"), faults, isElsewhere);
    return byState(rules[index] ?? []).map(
      ({ stateful, traffic }): PolicyRule => ({ direction, verdict, peers, traffic, stateful }),
    );
  });
}

function isThere(fields: Fields, key: string): boolean {
  return fields[key] !== undefined && fields[key] !== null;
}

function listedEntries(value: unknown, direction: Direction, faults: DocumentFaults): Entry[] {
  if (!Array.isArray(value) || value.length === 0) {
    faults.add(direction, "expected a list with entries of 'peers' and 'rules'");
    return [];
  }
  const hints = new Map(
    POLICY_DOCUMENT_FIELDS.map((key) => [
      key,
      `belongs to the policy itself; move it out of '${direction}', beside 'direction'`,
    ]),
  );
  return value.flatMap((entry: unknown, index): Entry[] => {
    const path = below(direction, index);
    if (!isFields(entry)) {
      faults.add(path, "expected 'peers' and 'rules'");
      return [];
    }
    faults.addUnknown(entry, path, ENTRY_FIELDS, hints);
    return [{ fields: entry, path }];
  });
}

/** One rule for what connection tracking follows and one for what it does not. */
function byState(rules: readonly DocumentRule[]): DocumentRule[] {
  return [true, false].flatMap((stateful) => {
    const traffic = rules.filter((rule) => rule.stateful === stateful).flatMap((rule) => rule.traffic);
    return traffic.length === 0 ? [] : [{ stateful, traffic }];
  });
}

/** The ID is the text ID of the third generation, else the name, else the external ID, else the number of the first. */
function readNames(
  fields: Fields,
  faults: DocumentFaults,
): { id: string; description: string | undefined; externalId: string | undefined } {
  const name = faults.text(fields, "name", "");
  const external = faults.text(fields, "external_id", "");
  const own = fields["id"];
  const textId = typeof own === "string" && own !== "" ? own : undefined;
  const numberId = typeof own === "number" && own > 0 ? String(own) : undefined;
  if (own !== null && !["undefined", "string", "number"].includes(typeof own)) {
    faults.add("id", `expected text, got ${quote(own)}`);
  }
  const id = textId ?? name ?? external ?? numberId;
  if (id === undefined) faults.add("name", "At least one of name, external_id must be specified.");
  else if (!POLICY_ID_PATTERN.test(id)) {
    faults.add(id === textId ? "id" : "name", `${quote(id)} is not ${POLICY_ID_RULE}`);
  }
  const externalId = external && faults.read(externalIdSchema, external, "external_id");
  const given = faults.text(fields, "description", "");
  // A name beside another ID would be lost otherwise.
  const description = given ?? (name === id ? undefined : name);
  if (description !== undefined) faults.read(descriptionSchema, description, "description");
  return { id: id ?? "", description, externalId };
}
