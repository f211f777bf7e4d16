import type { Endpoint } from "../model/index.ts";
import { formatAddress, isAddress, parseAddress } from "../net/index.ts";
import type { AttachmentRecord } from "../schema/index.ts";
import { endpointKey } from "./host-knowledge.ts";

/** The attachments of the host, found by everything that names them. */
export class Attachments {
  readonly #byKey = new Map<string, AttachmentRecord>();
  readonly #keys = new Map<string, string>();
  readonly #releasing = new Set<string>();

  /** All attachments, those that are being released included. */
  get all(): readonly AttachmentRecord[] {
    return [...this.#byKey.values()];
  }

  /** The endpoints that are attached. */
  get endpoints(): readonly Endpoint[] {
    return this.all.flatMap(({ endpoint, isReleasing }) => (isReleasing ? [] : [endpoint]));
  }

  /** Number of those that are attached. */
  get attached(): number {
    return this.#byKey.size - this.#releasing.size;
  }

  /** Those that are detached and still to be released at romanad. */
  get releasing(): readonly AttachmentRecord[] {
    return [...this.#releasing].flatMap((key) => this.#byKey.get(key) ?? []);
  }

  /** By {@link endpointKey}. */
  get(key: string): AttachmentRecord | undefined {
    return this.#byKey.get(key);
  }

  /** By name, by any address or by request token. */
  find(ref: string): AttachmentRecord | undefined {
    const alias = isAddress(ref) ? addressAlias(formatAddress(parseAddress(ref))) : nameAlias(ref);
    const key = this.#keys.get(alias) ?? this.#keys.get(tokenAlias(ref));
    return key === undefined ? undefined : this.#byKey.get(key);
  }

  /** The one that is wired to the device of the host. */
  onDevice(device: string): AttachmentRecord | undefined {
    const key = this.#keys.get(deviceAlias(device));
    return key === undefined ? undefined : this.#byKey.get(key);
  }

  /** Adds an attachment, or takes its new state. */
  put(attachment: AttachmentRecord): void {
    const key = endpointKey(attachment.endpoint);
    this.remove(key);
    this.#byKey.set(key, attachment);
    if (attachment.isReleasing) this.#releasing.add(key);
    for (const alias of aliasesOf(attachment)) this.#keys.set(alias, key);
  }

  /** Forgets an attachment. */
  remove(key: string): void {
    const attachment = this.#byKey.get(key);
    if (attachment === undefined) return;
    this.#byKey.delete(key);
    this.#releasing.delete(key);
    // A device or name may have gone over to another attachment while this one was being released.
    for (const alias of aliasesOf(attachment)) if (this.#keys.get(alias) === key) this.#keys.delete(alias);
  }
}

function aliasesOf({ endpoint, device }: AttachmentRecord): readonly string[] {
  const { addresses, name, requestToken } = endpoint;
  return [
    ...[addresses.ipv4, addresses.ipv6].flatMap((address) =>
      address ? [addressAlias(formatAddress(address))] : [],
    ),
    ...(name === undefined ? [] : [nameAlias(name)]),
    ...(requestToken === undefined ? [] : [tokenAlias(requestToken)]),
    deviceAlias(device),
  ];
}

const addressAlias = (text: string): string => `address ${text}`;
const nameAlias = (text: string): string => `name ${text}`;
const tokenAlias = (text: string): string => `token ${text}`;
const deviceAlias = (text: string): string => `device ${text}`;
