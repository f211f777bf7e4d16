import type { HealthCheck, Service, ServicePort } from "../model/index.ts";
import { pairJson, readPair } from "./records.ts";

/** A service as JSON data: the way it looks outside, too. */
export function serviceJson(service: Service): object {
  const { name, network, tenant, segment, addresses, ports, health } = service;
  const { affinity, prefer, dnsName, externalId } = service;
  return {
    name,
    network,
    tenant,
    segment,
    addresses: pairJson(addresses),
    ports: ports.map((port) => {
      const { name: portName, protocol, port: number, targetPort } = port;
      return { name: portName, protocol, port: number, targetPort };
    }),
    affinity,
    prefer,
    health: health && healthJson(health),
    dnsName,
    externalId,
  };
}

/** A health check as JSON data, always with its fields in the same order. */
export function healthJson(check: HealthCheck): object {
  const { protocol, port, path, interval, timeout, failures, successes } = check;
  return { protocol, port, path, interval, timeout, failures, successes };
}

/** The value of a service's key. */
export function encodeServiceRecord(service: Service): string {
  return JSON.stringify(serviceJson(service));
}

/** Reads what {@link encodeServiceRecord} writes. @throws Error of any kind when it is damaged. */
export function decodeServiceRecord(text: string): Service {
  const { name, network, tenant, segment, addresses, ports, ...rest } = JSON.parse(text) as Omit<
    Service,
    "addresses"
  > & { addresses: { ipv4?: string; ipv6?: string } };
  const { affinity, prefer, health, dnsName, externalId } = rest;
  for (const word of [name, network, tenant, segment]) {
    if (typeof word !== "string" || word === "") throw new SyntaxError("a name is missing");
  }
  return {
    name,
    network,
    tenant,
    segment,
    addresses: readPair(addresses),
    ports: ports.map(readPort),
    ...(affinity !== undefined && { affinity }),
    ...(prefer !== undefined && { prefer }),
    ...(health !== undefined && { health }),
    ...(dnsName !== undefined && { dnsName }),
    ...(externalId !== undefined && { externalId }),
  };
}

function readPort(port: ServicePort): ServicePort {
  if (typeof port.port !== "number") throw new SyntaxError("a port is missing");
  return port;
}
