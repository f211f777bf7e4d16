import { hasCode, RomanaError } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import { runCommandSync, type SyncCommandRunner } from "./command.ts";

/** Which of the kernel's two rule engines the programs talk to; `default`: the one that the system has chosen. */
export type IptablesVariant = "default" | "nft" | "legacy";

/** Settings of {@link createIptablesRunner}. */
export interface IptablesOptions {
  /** Path of the network namespace; without it the process's own. */
  readonly namespace?: string;
  readonly variant?: IptablesVariant;
  readonly run?: SyncCommandRunner;
}

/**
 * iptables and ipset of one network namespace. All methods throw a RomanaError: `command-failed`, whose message has the
 * line that was refused, `unsupported` without the programs, `timeout`.
 */
export interface IptablesRunner {
  /**
   * Runs text for `iptables-restore`, one transaction per table of it. Chains that the text declares are emptied first,
   * all else stays; counters in it are taken (but `ip6tables-nft-restore` 1.8.9 starts from 0 whatever they say).
   */
  restore(family: Family, text: string): void;
  /**
   * Our part of `iptables-save --counters`: our chains, the rules of others that go to them, and what a built-in chain
   * asks before it asks ours.
   */
  save(family: Family): string;
  /** Runs text for `ipset restore`, line by line: what stands before a line that is refused stays done. */
  restoreSets(text: string): void;
  /** Our part of `ipset save`: sets and their elements. */
  saveSets(): string;
  /** Names of our sets. */
  setNames(): readonly string[];
}

/** How the names of all our chains and sets begin. */
const PREFIX = "ROMANA";
/** Seconds to wait for another process that holds the lock of the old engine. */
const LOCK_SECONDS = 10;

/** Chains in which rules of several programs stand one after another. */
const BUILT_IN: ReadonlySet<string> = new Set(["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]);

const PROGRAMS: Readonly<Record<Family, string>> = { 4: "iptables", 6: "ip6tables" };

/**
 * Runs the programs as child processes, during which the process does nothing else: rules must be in force before
 * there is a way to whom they are about. For hosts without nftables, where rules change seldom.
 */
export function createIptablesRunner(options: IptablesOptions = {}): IptablesRunner {
  const { namespace, variant = "default", run = runCommandSync } = options;
  const program = (family: Family, verb: "restore" | "save"): string =>
    [PROGRAMS[family], ...(variant === "default" ? [] : [variant]), verb].join("-");
  const start = (argv: readonly string[], input = ""): string => {
    try {
      return run({ argv, input, ...(namespace === undefined ? {} : { namespace }) });
    } catch (error) {
      throw explained(error, input);
    }
  };
  return {
    restore(family, text) {
      const argv = [program(family, "restore"), "--noflush", "--counters", "--wait", `${LOCK_SECONDS}`];
      start(argv, text);
    },
    save(family) {
      return ownRules(start([program(family, "save"), "--counters"]));
    },
    restoreSets(text) {
      start(["ipset", "restore"], text);
    },
    saveSets() {
      return ownLines(start(["ipset", "save"]), (line) => isOwnName(line.split(" ")[1]));
    },
    setNames() {
      const names = start(["ipset", "list", "-name"]);
      return names.split("\n").filter(isOwnName);
    },
  };
}

function isOwnName(name: string | undefined): boolean {
  return name?.startsWith(PREFIX) ?? false;
}

function ownLines(text: string, isOwn: (line: string) => boolean): string {
  return text
    .split("\n")
    .filter(isOwn)
    .map((line) => `${line}\n`)
    .join("");
}

/** The chain that a line of `iptables-save` adds a rule to, and the one that the rule goes to. */
function ruleOf(line: string): { readonly chain?: string; readonly target?: string } {
  const [, chain, target] = /^(?:\[\S+\] )?-A (\S+)(?:.* -[jg] (\S+))?/.exec(line) ?? [];
  return { ...(chain !== undefined && { chain }), ...(target !== undefined && { target }) };
}

/** The lines of `iptables-save` that are about our chains, with the tables that they are in. */
function ownRules(text: string): string {
  const tables = text.split(/^(?=\*)/m).map((table) => {
    const rules = table.split("\n").map(ruleOf);
    const jumping = rules.flatMap(({ chain = "", target }) => (isOwnName(target) ? [chain] : []));
    const waiting = new Set(jumping.filter((chain) => BUILT_IN.has(chain)));
    return ownLines(table, (line) => {
      if (line.startsWith(":")) return isOwnName(line.slice(1));
      const { chain, target } = ruleOf(line);
      const comesFirst = chain !== undefined && waiting.has(chain);
      if (comesFirst && isOwnName(target)) waiting.delete(chain);
      return /^(?:\*|COMMIT$)/.test(line) || isOwnName(chain) || isOwnName(target) || comesFirst;
    });
  });
  return tables.filter((table) => table.split("\n").length > "*\nCOMMIT\n".split("\n").length).join("");
}

/** The same failure with the line of the input that it is about; the programs say only its number. */
function explained(error: unknown, input: string): unknown {
  if (!hasCode(error, "command-failed")) return error;
  const { argv, stderr } = error.failure;
  const command = `Cannot run "${argv.join(" ")}"`;
  if (/^spawn(?:Sync)? \S+ ENOENT$/.test(stderr)) {
    const reason = "the program is missing; install the packages iptables and ipset";
    return new RomanaError(`${command}: ${reason}`, { code: "unsupported" }, { cause: error });
  }
  const number = /\bline:? ([0-9]+)/.exec(stderr)?.[1];
  if (number === undefined) return error;
  const [reason = ""] = stderr
    .split("\n")
    .map((line) => line.replace(/^\S+ v[0-9.]+(?: \(\S+\))?: ?/, "").trim())
    .filter((line) => line !== "");
  const source = input.split("\n")[Number(number) - 1]?.trim() ?? "";
  const where = new RegExp(`\\bline:? ${number}\\b`).test(reason) ? "" : `line ${number}: `;
  const quoted = source === "" ? "" : `: ${source}`;
  return new RomanaError(`${command}: ${where}${reason}${quoted}`, error.failure, { cause: error });
}
