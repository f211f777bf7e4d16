import { PROTOCOLS_WITH_PORTS } from "../model/index.ts";
import { addressPrefix, type Prefix, parseAddress } from "../net/index.ts";
import { quote, textOf } from "./decode.ts";
import { PROTOCOL_NUMBERS } from "./protocol.ts";

/** A port of the machine that stays reachable whatever policies say. */
export interface SafeService {
  /** IP protocol number (IANA). */
  readonly protocol: number;
  readonly port: number;
}

/** What the machine itself still reaches; without a prefix at any address. */
export interface SafeDestination extends SafeService {
  readonly prefix?: Prefix;
}

/** A service as `PROTOCOL/PORT`. */
export const safeServiceSchema = textOf(parseService, {
  description: "PROTOCOL/PORT.",
  examples: ["tcp/22"],
});

/** A destination as `ADDRESS:PORT/PROTOCOL` (IPv6 in brackets), or `PROTOCOL/PORT` for any address. */
export const safeDestinationSchema = textOf(parseDestination, {
  description: "ADDRESS:PORT/PROTOCOL, or PROTOCOL/PORT for any address.",
  examples: ["10.0.0.1:9600/tcp", "[fd00::1]:9600/tcp", "udp/123"],
});

function parseService(text: string): SafeService {
  const [, word = "", digits = ""] = /^([a-z]+)\/([0-9]{1,5})$/.exec(text) ?? [];
  const service = serviceOf(word, digits);
  if (service === undefined) throw new SyntaxError(`${quote(text)} is no service such as tcp/22`);
  return service;
}

function parseDestination(text: string): SafeDestination {
  const [, address, digits = "", word = ""] = /^(.*):([0-9]{1,5})\/([a-z]+)$/.exec(text) ?? [];
  if (address === undefined) {
    if (/^[a-z]+\/[0-9]+$/.test(text)) return parseService(text);
    throw notADestination(text);
  }
  const service = serviceOf(word, digits);
  const bracketed = /^\[(.*:.*)\]$/.exec(address)?.[1];
  const isBareIpv6 = bracketed === undefined && address.includes(":");
  if (service === undefined || isBareIpv6) throw notADestination(text);
  return { ...service, prefix: addressPrefix(parseAddress(bracketed ?? address)) };
}

function notADestination(text: string): SyntaxError {
  return new SyntaxError(
    `${quote(text)} is no destination such as 10.0.0.1:9600/tcp, [fd00::1]:9600/tcp or udp/123`,
  );
}

function serviceOf(word: string, digits: string): SafeService | undefined {
  const protocol = PROTOCOL_NUMBERS.get(word);
  const port = Number(digits);
  if (protocol === undefined || !PROTOCOLS_WITH_PORTS.has(protocol)) return undefined;
  return port >= 1 && port <= 65_535 ? { protocol, port } : undefined;
}
