import { endpointPrefix, hostPosition } from "../addressing/index.ts";
import {
  type Chain,
  type Endpoint,
  type Exception,
  type Fabric,
  type Host,
  type KnownPolicy,
  type Network,
  plansOf,
  type Relocation,
  type Segment,
  type SegmentBackends,
  type Service,
  segmentPlaceText,
  type Tenant,
  type VirtualIp,
} from "../model/index.ts";
import { formatAddress, formatPrefix } from "../net/index.ts";
import type { HostSnapshot, Stored, WatchEvent } from "../schema/index.ts";
import { Register } from "./register.ts";

/** What is different in what is known. */
export interface ViewChange {
  /** Something other than an endpoint changed: routes and rules are derived anew, and the view is kept on disk. */
  readonly isTopology: boolean;
  /** All was read anew: whatever is not in it is gone. */
  readonly isSnapshot: boolean;
  /** Keys of the own endpoints that came, changed or went. */
  readonly endpoints: readonly string[];
}

/** The text that names an endpoint for the agent: the first of its addresses, which nobody else has. */
export function endpointKey({ addresses }: Pick<Endpoint, "addresses">): string {
  const address = addresses.ipv4 ?? addresses.ipv6;
  return address === undefined ? "" : formatAddress(address);
}

/** What romanad has told about one host: a snapshot, kept up to date by the events of a watch. */
export class HostKnowledge {
  readonly host: string;
  readonly #networks = new Register<Stored<Network>>();
  readonly #hosts = new Register<Stored<Host>>();
  readonly #tenants = new Register<Stored<Tenant>>();
  readonly #segments = new Register<Stored<Segment>>();
  /** One that cannot be read any more is as it was. */
  readonly #policies = new Register<Stored<KnownPolicy>>();
  /** By their blocks. */
  readonly #exceptions = new Register<Stored<Exception>>();
  /** By their blocks. */
  readonly #relocations = new Register<Stored<Relocation>>();
  readonly #virtualIps = new Register<Stored<VirtualIp>>();
  readonly #services = new Register<Stored<Service>>();
  readonly #chains = new Register<Stored<Chain>>();
  readonly #fabrics = new Register<Stored<Fabric>>();
  /** By network, tenant and segment. */
  readonly #backends = new Register<Stored<SegmentBackends>>();
  readonly #endpoints = new Register<Stored<Endpoint>>();
  #revision = 0;
  #topologyRevision = 0;

  constructor(view: HostSnapshot) {
    this.host = view.host;
    this.replace(view);
  }

  /** Revision of the last event or snapshot. */
  get revision(): number {
    return this.#revision;
  }

  /** Revision of the last change of something other than an endpoint. */
  get topologyRevision(): number {
    return this.#topologyRevision;
  }

  /** The host itself; undefined when romanad knows no such host any more. */
  get ownHost(): Host | undefined {
    return this.#hosts.get(this.host);
  }

  get networks(): readonly Network[] {
    return this.#networks.list;
  }

  get hosts(): readonly Host[] {
    return this.#hosts.list;
  }

  get tenants(): readonly Tenant[] {
    return this.#tenants.list;
  }

  get segments(): readonly Segment[] {
    return this.#segments.list;
  }

  get policies(): readonly KnownPolicy[] {
    return this.#policies.list;
  }

  get exceptions(): readonly Exception[] {
    return this.#exceptions.list;
  }

  get relocations(): readonly Relocation[] {
    return this.#relocations.list;
  }

  get virtualIps(): readonly VirtualIp[] {
    return this.#virtualIps.list;
  }

  get services(): readonly Service[] {
    return this.#services.list;
  }

  get chains(): readonly Chain[] {
    return this.#chains.list;
  }

  /** The fabric that has the rack of this host; undefined when none has. */
  get fabric(): Fabric | undefined {
    const group = this.#hosts.get(this.host)?.group.join("/");
    return this.#fabrics.list.find(({ racks }) => racks.some((rack) => rack.group.join("/") === group));
  }

  get backends(): readonly SegmentBackends[] {
    return this.#backends.list;
  }

  /** The endpoints that are on this host by {@link endpointKey}. */
  get endpoints(): ReadonlyMap<string, Stored<Endpoint>> {
    return this.#endpoints.byKey;
  }

  /** The network of that name. */
  network(name: string): Network | undefined {
    return this.#networks.get(name);
  }

  /**
   * True when rules can already tell who an own endpoint is: its segment has its code, and it acts as another segment
   * exactly if it should. What romanad has told of the endpoint since counts.
   */
  knowsIdentity(endpoint: Stored<Endpoint>): boolean {
    const { tenant, segment, code } = endpoint;
    const codes = this.#segments.get(`${tenant}/${segment}`)?.codes ?? [];
    const isKnown = codes.some((known) => known.code === code.code && known.extraBits === code.extraBits);
    if (!isKnown) return false;
    const told = this.#endpoints.get(endpointKey(endpoint));
    const { actsAs } = told !== undefined && told.revision > endpoint.revision ? told : endpoint;
    if (actsAs !== undefined && !this.#segments.has(`${tenant}/${actsAs}`)) return false;
    const blocks = this.#blocksOf(endpoint);
    if (blocks === undefined || this.#exceptions.get(blocks)?.segment !== actsAs) return false;
    return endpoint.host === this.host || this.#relocations.get(blocks)?.locatedOn === this.host;
  }

  /** True when the endpoint is on this host, wherever its address says that it is. */
  #isHere({ host, locatedOn = host }: Endpoint): boolean {
    return locatedOn === this.host;
  }

  /** The blocks of an own endpoint, as exceptions are known by them; undefined when its network or tenant is not known. */
  #blocksOf({ network: networkName, host: home, tenant: tenantName, ...rest }: Endpoint): string | undefined {
    const { code, endpointId } = rest;
    const network = this.#networks.get(networkName);
    const tenant = this.#tenants.get(tenantName)?.id;
    const host = this.#hosts.get(home);
    if (network === undefined || tenant === undefined || host === undefined) return undefined;
    const identity = { ...hostPosition(network, host), tenant, code, endpoint: endpointId };
    return blocksText({ blocks: plansOf(network).map((plan) => endpointPrefix(plan, identity)) });
  }

  /** Takes a new snapshot in place of everything known, and says what is different. */
  replace(view: HostSnapshot): ViewChange {
    const before = [...this.#endpoints.byKey.keys()];
    this.#networks.fill(view.networks, ({ name }) => name);
    this.#hosts.fill(view.hosts.map(withoutPrefixes), ({ name }) => name);
    this.#tenants.fill(view.tenants, ({ name }) => name);
    this.#segments.fill(view.segments, segmentPath);
    const policies = view.policies.map((policy) => this.#readable(policy));
    this.#policies.fill(policies, ({ id }) => id);
    this.#exceptions.fill(view.exceptions, blocksText);
    this.#relocations.fill(view.relocations, blocksText);
    this.#virtualIps.fill(view.virtualIps, ({ name }) => name);
    this.#services.fill(view.services, ({ name }) => name);
    this.#chains.fill(view.chains, ({ name }) => name);
    this.#fabrics.fill(view.fabrics, ({ name }) => name);
    this.#backends.fill(view.backends, segmentPlaceText);
    const endpoints = view.endpoints.filter((endpoint) => this.#isHere(endpoint));
    this.#endpoints.fill(endpoints, endpointKey);
    this.#revision = view.revision;
    this.#topologyRevision = view.revision;
    const changed = [...new Set([...before, ...this.#endpoints.byKey.keys()])];
    return { isTopology: true, isSnapshot: true, endpoints: changed };
  }

  /** Takes the changes of one revision. */
  apply({ revision, changes }: WatchEvent): ViewChange {
    const endpoints: string[] = [];
    let isTopology = false;
    for (const change of changes) {
      const { type } = change;
      switch (change.kind) {
        case "networks":
          this.#networks.take(change.object.name, type, change.object);
          break;
        case "hosts":
          this.#hosts.take(change.object.name, type, withoutPrefixes(change.object));
          break;
        case "tenants":
          this.#tenants.take(change.object.name, type, change.object);
          break;
        case "segments":
          this.#segments.take(segmentPath(change.object), type, change.object);
          break;
        case "policies":
          this.#policies.take(change.object.id, type, this.#readable(change.object));
          break;
        case "exceptions":
          this.#exceptions.take(blocksText(change.object), type, change.object);
          break;
        case "relocations":
          this.#relocations.take(blocksText(change.object), type, change.object);
          break;
        case "virtualIps":
          this.#virtualIps.take(change.object.name, type, change.object);
          continue;
        case "services":
          this.#services.take(change.object.name, type, change.object);
          continue;
        case "chains":
          this.#chains.take(change.object.name, type, change.object);
          break;
        case "fabrics":
          this.#fabrics.take(change.object.name, type, change.object);
          break;
        case "backends":
          this.#backends.take(segmentPlaceText(change.object), type, change.object);
          continue;
        case "endpoints":
          if (!this.#isHere(change.object) && !this.#endpoints.has(endpointKey(change.object))) continue;
          this.#endpoints.take(
            endpointKey(change.object),
            this.#isHere(change.object) ? type : "delete",
            change.object,
          );
          endpoints.push(endpointKey(change.object));
          continue;
      }
      isTopology = true;
    }
    this.#revision = revision;
    if (isTopology) this.#topologyRevision = revision;
    return { isTopology, isSnapshot: false, endpoints };
  }

  /** The policy as told, or, when it cannot be read, as it was last told if that is newer than what romanad remembers. */
  #readable(told: Stored<KnownPolicy>): Stored<KnownPolicy> {
    const held = this.#policies.get(told.id);
    if (told.damage === undefined || held === undefined || isStandIn(held)) return told;
    if (told.damage === "earlier-version" && told.revision > held.revision) return told;
    return held.damage === undefined ? { ...held, damage: "earlier-version" } : held;
  }

  /** Everything known, in the form of a snapshot. */
  snapshot(): HostSnapshot {
    return {
      revision: this.#revision,
      host: this.host,
      networks: [...this.#networks.list],
      hosts: [...this.#hosts.list],
      tenants: [...this.#tenants.list],
      segments: [...this.#segments.list],
      policies: [...this.#policies.list],
      exceptions: [...this.#exceptions.list],
      relocations: [...this.#relocations.list],
      virtualIps: [...this.#virtualIps.list],
      services: [...this.#services.list],
      chains: [...this.#chains.list],
      fabrics: [...this.#fabrics.list],
      backends: [...this.#backends.list],
      endpoints: [...this.#endpoints.list],
    };
  }
}

/** True when it only stands for a policy of which nobody knows what it said. */
function isStandIn({ damage = "earlier-version" }: KnownPolicy): boolean {
  return damage !== "earlier-version";
}

function segmentPath({ tenant, name }: Segment): string {
  return `${tenant}/${name}`;
}

function blocksText({ blocks }: Pick<Exception, "blocks">): string {
  return blocks.map(formatPrefix).join();
}

/** Prefixes follow from the plans; of a thousand hosts they would be most of the memory. */
function withoutPrefixes({ name, id, group, underlay, labels, revision }: Stored<Host>): Stored<Host> {
  return { name, id, group, underlay, ...(labels !== undefined && { labels }), revision };
}
