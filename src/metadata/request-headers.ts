import { createHmac } from "node:crypto";
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";

/** Who asks for metadata, as Nova knows it. */
export interface MetadataGuest {
  /** ID of the instance. */
  readonly instance: string;
  /** ID of its project. */
  readonly tenant: string;
}

/** What a guest must not say of itself. */
const CLAIMS = /^(x-instance-id.*|x-tenant-id|x-metadata-.*|x-forwarded-.*|x-real-ip|forwarded)$/;
/** What concerns one connection only (RFC 9110, section 7.6.1). */
const PER_CONNECTION =
  /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|host|content-length)$/;

/**
 * The headers that go to Nova's metadata service: those of the guest without what it claims to be, and who it is, signed with the
 * secret that both sides know (HMAC-SHA256 of the instance's ID, in hexadecimal).
 */
export function forwardedHeaders(
  headers: IncomingHttpHeaders,
  { instance, tenant }: MetadataGuest,
  address: string,
  secret: string,
): OutgoingHttpHeaders {
  return {
    ...plainHeaders(headers, (name) => CLAIMS.test(name)),
    "x-instance-id": instance,
    "x-tenant-id": tenant,
    "x-instance-id-signature": createHmac("sha256", secret).update(instance).digest("hex"),
    "x-forwarded-for": address,
  };
}

/** The headers without those of one connection, and without those that are unwanted. */
export function plainHeaders(
  headers: IncomingHttpHeaders,
  isUnwanted: (name: string) => boolean = () => false,
): OutgoingHttpHeaders {
  const named = new Set((headers.connection ?? "").toLowerCase().split(/\s*,\s*/));
  const kept = Object.entries(headers).filter(([name]) => {
    // Behind WSGI, "_" and "-" are the same.
    const canonical = name.toLowerCase().replaceAll("_", "-");
    return !PER_CONNECTION.test(canonical) && !named.has(name) && !isUnwanted(canonical);
  });
  return Object.fromEntries(kept);
}
