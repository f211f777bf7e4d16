import { decodeAddress } from "../addressing/index.ts";
import type { Host, Network, Segment, Tenant } from "../model/index.ts";
import { type Address, formatAddress, prefixContains } from "../net/index.ts";
import type { Finding } from "./step.ts";

/** A pod that has addresses. */
export interface AddressedPod {
  readonly name: string;
  readonly node: string;
  /** UID of its namespace. */
  readonly namespaceUid: string;
  /** A label that tells its class from the others'. */
  readonly label: readonly [key: string, value: string];
  readonly addresses: readonly Address[];
}

/** What romanad knows, as far as addresses say it. */
export interface AddressBook {
  readonly networks: readonly Network[];
  readonly hosts: readonly Pick<Host, "name" | "id">[];
  readonly tenants: readonly Pick<Tenant, "name" | "id" | "externalId">[];
  readonly segments: readonly Pick<Segment, "tenant" | "name" | "codes" | "labels">[];
  /** Names of the endpoints that act as another segment than that of their address. */
  readonly exceptions: ReadonlySet<string>;
}

const ADVICE = "compare with romana endpoint list and romana segment list; see the log of romana-kubernetes";

/** What is wrong about addresses of pods: each says the pod's node, namespace and class. */
export function addressFindings(pods: readonly AddressedPod[], book: AddressBook): readonly Finding[] {
  return pods.flatMap((pod) => {
    if (pod.addresses.length === 0) return [{ reason: `pod ${pod.name} has no address`, advice: ADVICE }];
    return pod.addresses.flatMap((address) => {
      const fault = addressFault(pod, address, book);
      if (fault === undefined) return [];
      return [{ reason: `${formatAddress(address)} of pod ${pod.name} ${fault}`, advice: ADVICE }];
    });
  });
}

function addressFault(pod: AddressedPod, address: Address, book: AddressBook): string | undefined {
  const plan = book.networks
    .flatMap(({ plans }) => [plans.ipv4, plans.ipv6])
    .find((candidate) => candidate !== undefined && prefixContains(candidate.prefix, address));
  if (plan === undefined) return "is in no network of romanad";
  const tenant = book.tenants.find(({ externalId }) => externalId === pod.namespaceUid);
  if (tenant === undefined) return "cannot be read: romanad has no tenant for its namespace";
  const segments = book.segments.filter((segment) => segment.tenant === tenant.name);
  const codes = segments.flatMap((segment) => segment.codes);
  const decoded = decodeAddress(plan, address, (id) => (id === tenant.id ? codes : []));
  const host = book.hosts.find(({ id }) => id === decoded?.host);
  if (host?.name !== pod.node) return `says node ${host?.name ?? decoded?.host}, not ${pod.node}`;
  if (decoded?.tenant !== tenant.id) return `says tenant ${decoded?.tenant}, not ${tenant.name}`;
  const { code, extraBits } = decoded.code;
  const segment = segments.find((candidate) =>
    candidate.codes.some((known) => known.code === code && known.extraBits === extraBits),
  );
  if (segment === undefined) return `says segment code ${code}, which no segment of ${tenant.name} has`;
  const [key, value] = pod.label;
  if (segment.labels?.get(key) === value || book.exceptions.has(pod.name)) return undefined;
  return `says segment ${segment.name}, which is not for pods with ${key}=${value}`;
}
