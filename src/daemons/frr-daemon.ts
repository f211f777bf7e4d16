import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { RomanaError } from "../model/index.ts";
import { parseAddress, parsePrefix } from "../net/index.ts";
import { endProcess, findProcess } from "../system/own-process.ts";
import { type FileOwner, makeDirectory, readText, runCheck, runProgram, writeText } from "./daemon-files.ts";
import { frrChanges } from "./frr-changes.ts";
import type { DaemonPlace, DaemonRoute, RoutingDaemon } from "./routing-daemon.ts";

const PROGRAMS = "/usr/lib/frr";
/** Seconds that zebra leaves routes of an earlier life in the kernel for the others to claim. */
const KEEP_ROUTES = "60";

/** Which process of FRR a configuration needs, in the order of their start; zebra always. */
const PARTS: readonly (readonly [string, RegExp | undefined])[] = [
  ["zebra", undefined],
  ["staticd", /^ip(?:v6)? route /m],
  ["bfdd", /^bfd$/m],
  ["bgpd", /^router bgp /m],
  ["ospfd", /^router ospf\b/m],
  ["ospf6d", /^router ospf6\b/m],
];

/** FRR 8 and newer, without its own watcher: whoever keeps it looks after all its processes. */
export function createFrr({ directory, namespace, run }: DaemonPlace): RoutingDaemon {
  const path = (name: string): string => join(directory, name);
  const config = path("frr.conf");
  const argvOf = (part: string): readonly string[] => [
    `${PROGRAMS}/${part}`,
    "--vty_socket",
    directory,
    "-P",
    "0",
    "-z",
    path("zserv.api"),
    "-i",
    path(`${part}.pid`),
    "-f",
    path("empty.conf"),
    "-F",
    "datacenter",
    "-d",
    ...(part === "zebra" ? ["-K", KEEP_ROUTES] : []),
    ...(part === "bfdd" ? ["--bfdctl", path("bfdd.sock")] : []),
  ];
  const pidOf = (part: string): number | undefined => findProcess(path(`${part}.pid`), argvOf(part));
  const shell = (...words: readonly string[]): Promise<string> =>
    runProgram(run, { argv: ["vtysh", "--vty_socket", directory, ...words] });
  const read = async (name: string, text: string): Promise<void> => {
    writeText(path(name), text);
    await shell("-f", path(name));
  };
  const check = async (text: string): Promise<void> => {
    makeDirectory(directory, frrUser());
    writeText(path("draft.conf"), text);
    await runCheck(run, ["vtysh", "-C", "-f", path("draft.conf")], path("draft.conf"));
  };
  const end = async (parts: readonly string[]): Promise<void> => {
    for (const part of parts.toReversed()) {
      const pid = pidOf(part);
      if (pid !== undefined) await endProcess(pid, argvOf(part));
    }
  };
  const startParts = async (parts: readonly string[]): Promise<void> => {
    writeText(path("empty.conf"), "", frrUser());
    for (const part of parts)
      await runProgram(run, { argv: argvOf(part), ...(namespace !== undefined && { namespace }) });
  };
  const all = PARTS.map(([part]) => part);
  const change = async (before: string, text: string): Promise<void> => {
    try {
      await read("changes.conf", `${frrChanges(before, text).join("\n")}\n`);
    } catch (error) {
      if (!(error instanceof RomanaError) || error.code !== "command-failed") throw error;
      // What cannot be changed step by step is made anew.
      await end(all);
      await startParts(partsOf(text));
      await read("changes.conf", text);
    }
  };
  const isRunning = (): boolean => {
    const text = readText(config);
    return text !== undefined && partsOf(text).every((part) => pidOf(part) !== undefined);
  };
  const apply: RoutingDaemon["apply"] = async (text) => {
    const before = readText(config);
    if (before === text && isRunning()) return "unchanged";
    await check(text);
    const needed = partsOf(text);
    // The others lose what they know of zebra when it is another one, and a part that is new knows nothing of the old.
    const isFresh = pidOf("zebra") === undefined || before === undefined;
    const isMixed = before !== text && needed.some((part) => pidOf(part) === undefined);
    if (isFresh || isMixed) await end(all);
    const missing = needed.filter((part) => pidOf(part) === undefined);
    await startParts(missing);
    if (missing.length > 0 || before === undefined) await read("changes.conf", text);
    else await change(before, text);
    await end(all.filter((part) => !needed.includes(part)));
    writeText(config, text);
    return missing.length > 0 ? "started" : "reloaded";
  };
  return {
    kind: "frr",
    check,
    isRunning,
    apply,
    async revive() {
      const text = readText(config);
      if (text !== undefined) await apply(text);
    },
    async sessions() {
      const summary = JSON.parse(await shell("-c", "show bgp vrf default summary json")) as Summary;
      return Object.values(summary).flatMap(({ peers = {} }) =>
        Object.entries(peers).map(([address, { state }]) => ({
          peer: parseAddress(address),
          isEstablished: state === "Established",
        })),
      );
    },
    async routes() {
      const tables = [await shell("-c", "show ip route json"), await shell("-c", "show ipv6 route json")];
      return tables.flatMap((table) => Object.entries(JSON.parse(table) as Table).flatMap(routeOf));
    },
    async stop() {
      await end(all);
      rmSync(config, { force: true });
    },
  };
}

/** What of `show bgp summary json` matters, by family. */
type Summary = Record<string, { readonly peers?: Record<string, { readonly state: string }> }>;

/** What of `show ip route json` matters, by destination. */
type Table = Record<
  string,
  readonly { readonly protocol: string; readonly nexthops?: readonly { readonly ip?: string }[] }[]
>;

function routeOf([destination, ways]: [string, Table[string]]): DaemonRoute[] {
  const learned = ways.filter(({ protocol }) => /^(bgp|ospf6?|static)$/.test(protocol));
  if (learned.length === 0) return [];
  const hops = learned.flatMap(({ nexthops = [] }) => nexthops);
  const gateways = hops.flatMap(({ ip }) => (ip === undefined ? [] : [parseAddress(ip)]));
  return [{ destination: parsePrefix(destination), gateways }];
}

function partsOf(text: string): readonly string[] {
  return PARTS.filter(([, pattern]) => pattern?.test(text) ?? true).map(([part]) => part);
}

/** FRR gives up its rights and keeps its sockets as this user, whose directory `/run/frr` belongs to. */
function frrUser(): FileOwner | undefined {
  const found = statSync("/etc/frr", { throwIfNoEntry: false });
  return found && { uid: found.uid, gid: found.gid };
}
