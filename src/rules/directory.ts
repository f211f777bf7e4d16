import type {
  EndpointSelector,
  Exception,
  Host,
  LabelRequirement,
  NounSelector,
  Segment,
  Tenant,
} from "../model/index.ts";
import { addressPrefix } from "../net/index.ts";
import { LabelIndex } from "./label-index.ts";
import {
  blockParties,
  type KeyedParty,
  LOCAL,
  namedPorts,
  prefixParty,
  segmentParty,
  tenantParty,
} from "./party.ts";

/** Who exists, as far as policies can select it. */
export interface Identities {
  readonly tenants: readonly Tenant[];
  readonly segments: readonly Segment[];
  readonly hosts: readonly Host[];
  readonly exceptions: readonly Exception[];
}

/** A destination that has a port of some name. */
export interface PortHolder {
  readonly holder: KeyedParty;
  readonly port: number;
}

/** An exception with its blocks as parties. */
export interface KnownException extends Exception {
  readonly parties: readonly KeyedParty[];
}

/** Tenants and segments by everything that policies name them by. */
export class Directory {
  readonly tenants: ReadonlyMap<string, Tenant>;
  readonly #byId: ReadonlyMap<number, Tenant>;
  readonly #byExternalId: ReadonlyMap<string, Tenant>;
  readonly #tenantIndex: LabelIndex<Tenant>;
  readonly #segmentsOf = new Map<string, Segment[]>();
  readonly #segmentIndex = new Map<string, LabelIndex<Segment>>();
  readonly #allSegments: LabelIndex<Segment>;
  readonly #hostIndex: LabelIndex<Host>;
  readonly #exceptions: readonly KnownException[];
  readonly #exceptionsIn: ReadonlyMap<string, readonly KnownException[]>;
  readonly #tenantParties = new Map<Tenant, KeyedParty>();
  readonly #segmentParties = new Map<Segment, readonly KeyedParty[]>();

  constructor({ tenants, segments, hosts, exceptions }: Identities) {
    this.tenants = new Map(tenants.map((tenant) => [tenant.name, tenant]));
    this.#byId = new Map(tenants.map((tenant) => [tenant.id, tenant]));
    this.#byExternalId = new Map(
      tenants.flatMap((tenant) => (tenant.externalId === undefined ? [] : [[tenant.externalId, tenant]])),
    );
    this.#tenantIndex = new LabelIndex(tenants);
    for (const segment of segments) {
      const siblings = this.#segmentsOf.get(segment.tenant);
      if (siblings === undefined) this.#segmentsOf.set(segment.tenant, [segment]);
      else siblings.push(segment);
    }
    this.#allSegments = new LabelIndex(segments.filter(({ tenant }) => this.tenants.has(tenant)));
    this.#hostIndex = new LabelIndex(hosts);
    this.#exceptions = exceptions.map((exception) => ({ ...exception, parties: blockParties(exception) }));
    this.#exceptionsIn = Map.groupBy(this.#exceptions, ({ tenant }) => tenant);
  }

  /** Everybody that the selector selects: whole tenants or codes of segments, and single exceptions. */
  select(selector: EndpointSelector): readonly KeyedParty[] {
    return [...this.#identities(selector), ...this.#blocks(this.#exceptionsOf(selector))];
  }

  /** Selected segments and exceptions that have a port of this name, with its number. */
  withPort(selector: EndpointSelector, name: string, protocol: number): readonly PortHolder[] {
    const holders = this.#segments(selector).flatMap((segment) =>
      holding(this.#partiesOf(segment), namedPorts(segment, name, protocol)),
    );
    const blocks = this.#exceptionsOf(selector).flatMap((exception) => {
      const segment = this.#segmentNamed(exception.tenant, exception.segment);
      return holding(exception.parties, segment ? namedPorts(segment, name, protocol) : []);
    });
    return [...holders, ...blocks];
  }

  /** Underlay addresses of the hosts with these labels. */
  hosts(requirements: readonly LabelRequirement[]): readonly KeyedParty[] {
    return this.#hostIndex
      .select(requirements)
      .flatMap(({ underlay: { ipv4, ipv6 } }) => [ipv4, ipv6].filter((address) => address !== undefined))
      .map((address) => prefixParty(addressPrefix(address)));
  }

  /** All exceptions, of unknown tenants too. */
  exceptions(): readonly KnownException[] {
    return this.#exceptions;
  }

  /** The codes of a segment as parties; undefined when there is no such segment. */
  codesOf(tenant: string, segment: string): readonly KeyedParty[] | undefined {
    const found = this.#segmentNamed(tenant, segment);
    return found && this.#partiesOf(found);
  }

  #identities(selector: EndpointSelector): readonly KeyedParty[] {
    if (!isEverything(selector.segment)) {
      return this.#segments(selector).flatMap((segment) => this.#partiesOf(segment));
    }
    if (isEverything(selector.tenant)) return [LOCAL];
    return this.#tenants(selector.tenant).map((tenant) => this.#partyOf(tenant));
  }

  #tenants(selector: NounSelector | undefined): readonly Tenant[] {
    if (selector === undefined) return this.#tenantIndex.select([]);
    switch (selector.by) {
      case "name":
        return found(this.tenants.get(selector.name));
      case "id":
        return found(this.#byId.get(selector.id));
      case "external-id":
        return found(this.#byExternalId.get(selector.externalId));
      case "labels":
        return this.#tenantIndex.select(selector.requirements);
    }
  }

  #segments({ tenant, segment }: EndpointSelector): readonly Segment[] {
    if (isEverything(tenant) && segment?.by === "labels") {
      return this.#allSegments.select(segment.requirements);
    }
    return this.#tenants(tenant).flatMap(({ name }) => this.#segmentsIn(name, segment));
  }

  #segmentsIn(tenant: string, selector: NounSelector | undefined): readonly Segment[] {
    const siblings = this.#segmentsOf.get(tenant) ?? [];
    if (selector === undefined) return siblings;
    if (selector.by !== "labels") return siblings.filter((segment) => isNamed(segment, selector));
    let index = this.#segmentIndex.get(tenant);
    if (index === undefined) {
      index = new LabelIndex(siblings);
      this.#segmentIndex.set(tenant, index);
    }
    return index.select(selector.requirements);
  }

  #segmentNamed(tenant: string, name: string): Segment | undefined {
    return this.#segmentsOf.get(tenant)?.find((segment) => segment.name === name);
  }

  #exceptionsOf({ tenant, segment }: EndpointSelector): readonly KnownException[] {
    if (this.#exceptions.length === 0) return [];
    const segments = isEverything(segment)
      ? undefined
      : new Set(
          this.#segments({ kind: "endpoints", ...(tenant && { tenant }), ...(segment && { segment }) }),
        );
    const exceptions = this.#tenants(tenant).flatMap(({ name }) => this.#exceptionsIn.get(name) ?? []);
    if (segments === undefined) return exceptions;
    return exceptions.filter((exception) => {
      const own = this.#segmentNamed(exception.tenant, exception.segment);
      return own !== undefined && segments.has(own);
    });
  }

  #blocks(exceptions: readonly KnownException[]): readonly KeyedParty[] {
    return exceptions.flatMap(({ parties }) => parties);
  }

  #partyOf(tenant: Tenant): KeyedParty {
    let party = this.#tenantParties.get(tenant);
    if (party === undefined) {
      party = tenantParty(tenant.id);
      this.#tenantParties.set(tenant, party);
    }
    return party;
  }

  #partiesOf(segment: Segment): readonly KeyedParty[] {
    let parties = this.#segmentParties.get(segment);
    if (parties === undefined) {
      const tenant = this.tenants.get(segment.tenant)?.id;
      parties = tenant === undefined ? [] : segment.codes.map((code) => segmentParty(tenant, code));
      this.#segmentParties.set(segment, parties);
    }
    return parties;
  }
}

function isEverything(selector: NounSelector | undefined): boolean {
  return selector === undefined || (selector.by === "labels" && selector.requirements.length === 0);
}

function isNamed(segment: Segment, selector: Exclude<NounSelector, { by: "labels" }>): boolean {
  switch (selector.by) {
    case "name":
      return segment.name === selector.name;
    case "id":
      return segment.codes.some(({ code, extraBits }) => code === selector.id && extraBits === 0);
    case "external-id":
      return segment.externalId === selector.externalId;
  }
}

function holding(parties: readonly KeyedParty[], ports: readonly number[]): readonly PortHolder[] {
  return parties.flatMap((holder) => ports.map((port) => ({ holder, port })));
}

function found<T>(item: T | undefined): readonly T[] {
  return item === undefined ? [] : [item];
}
