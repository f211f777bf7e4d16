import { RomanaError } from "../../src/model/index.ts";
import type { Command, SyncCommandRunner } from "../../src/system/command.ts";

interface FakeChain {
  /** What packets that no rule decides about meet; `-` of chains that were made. */
  readonly policy: string;
  rules: string[];
}

type FakeTables = Map<string, Map<string, FakeChain>>;

const BUILT_IN: Readonly<Record<string, readonly string[]>> = {
  raw: ["PREROUTING", "OUTPUT"],
  filter: ["INPUT", "FORWARD", "OUTPUT"],
};

/**
 * iptables, ip6tables and ipset that keep what they are told, and refuse what the real ones refuse: chains, rules and
 * sets that are not there, and sets that a rule looks into.
 */
export class FakeIptables {
  readonly #families = { iptables: createTables(), ip6tables: createTables() };
  /** Elements with the packets that they have counted. */
  readonly #sets = new Map<string, { readonly head: string; readonly elements: Map<string, number> }>();
  /** Programs that changed something, in order. */
  readonly changes: string[] = [];
  /** Refuses a program, when set. */
  refuse: ((program: string) => boolean) | undefined;

  /** The programs are not installed. */
  isMissing = false;
  /** Told, when set, after chains were restored, and before sets are. */
  afterRestore: (() => void) | undefined;
  onIpset: ((text: string) => void) | undefined;

  /** What runs in place of processes. */
  readonly run: SyncCommandRunner = (command) => {
    const { argv, input = "" } = command;
    const [program = "", verb] = argv;
    if (this.isMissing) throw refusal(command, `spawnSync ${program} ENOENT`);
    if (this.refuse?.(program)) throw refusal(command, "refused");
    if (program === "ipset") return this.#runIpset(command, input);
    const [, family, action] = /^(iptables|ip6tables)-(save|restore)$/.exec(program) ?? [];
    if (family === undefined) throw new Error(`there is no program ${program} ${verb}`);
    if (action === "save") return this.text(family as "iptables");
    this.changes.push(program);
    this.#restore(command, family as "iptables", input);
    this.afterRestore?.();
    return "";
  };

  /** All tables of a family as its save program prints them. */
  text(family: "iptables" | "ip6tables"): string {
    return [...this.#families[family]]
      .map(([table, chains]) =>
        [
          `*${table}`,
          ...[...chains].map(([name, { policy }]) => `:${name} ${policy} [0:0]`),
          ...[...chains].flatMap(([name, { rules }]) =>
            rules.map((rule) =>
              rule.replace(/^(\[\d+:\d+\] )?/, (count) => `${count || "[0:0] "}-A ${name} `),
            ),
          ),
          "COMMIT",
          "",
        ].join("\n"),
      )
      .join("");
  }

  /** Names of all sets. */
  get sets(): readonly string[] {
    return [...this.#sets.keys()];
  }

  /** Rules of a chain as they were written; undefined when there is no such chain. */
  rules(family: "iptables" | "ip6tables", table: string, chain: string): readonly string[] | undefined {
    return this.#families[family].get(table)?.get(chain)?.rules;
  }

  /** Somebody else runs text for `iptables-restore --noflush`. */
  outside(family: "iptables" | "ip6tables", text: string): void {
    this.#restore({ argv: ["outside"] }, family, text);
  }

  /** Packets of 60 bytes have met each rule of a chain that says this. */
  count(family: "iptables" | "ip6tables", chain: string, packets: number, words = ""): void {
    const there = this.#families[family].get("filter")?.get(chain);
    const counted = `[${packets}:${packets * 60}] `;
    if (there === undefined) return;
    there.rules = there.rules.map((rule) =>
      rule.includes(words) ? counted + rule.replace(/^\[\S+ /, "") : rule,
    );
  }

  /** Packets of 60 bytes meet an element of a set whose name begins so. @throws Error when none that counts has it. */
  countElement(element: string, packets: number, start = ""): void {
    const [, set] =
      [...this.#sets].find(
        ([name, { head, elements }]) =>
          name.startsWith(start) && head.includes(" counters") && elements.has(element),
      ) ?? [];
    if (set === undefined) throw new Error(`no element ${element} is counted`);
    set.elements.set(element, packets + (set.elements.get(element) ?? 0));
  }

  #restore(command: Command, family: "iptables" | "ip6tables", text: string): void {
    let draft = new Map<string, FakeChain>();
    let table = "";
    for (const [index, line] of text.split("\n").entries()) {
      const refuse = (): never => {
        throw refusal(command, `Error occurred at line: ${index + 1}`);
      };
      const [, count = "", verb, chain = "", rest = ""] =
        /^(\[\d+:\d+\] )?-([AIDXF]) (\S+) ?(.*)$/.exec(line) ?? [];
      const there = draft.get(chain);
      if (line.startsWith("*")) {
        table = line.slice(1);
        const before = this.#families[family].get(table) ?? refuse();
        draft = new Map(
          [...before].map(([name, { policy, rules }]) => [name, { policy, rules: [...rules] }]),
        );
      } else if (line.startsWith(":"))
        draft.set(line.slice(1).split(" ")[0] ?? "", { policy: "-", rules: [] });
      else if (line === "COMMIT") this.#families[family].set(table, draft);
      else if (verb !== undefined && there === undefined) refuse();
      else if (verb === "A") {
        for (const [, set = ""] of rest.matchAll(/--match-set (\S+)/g)) if (!this.#sets.has(set)) refuse();
        there?.rules.push(count + rest);
      } else if (verb === "I") there?.rules.unshift(rest.replace(/^1 /, ""));
      else if (verb === "D") {
        const at = there?.rules.indexOf(rest) ?? -1;
        if (at < 0) refuse();
        there?.rules.splice(at, 1);
      } else if (verb === "F") there?.rules.splice(0);
      else if (verb === "X") {
        const isUsed = [...draft.values()].some(({ rules }) => rules.some((rule) => goesTo(rule, chain)));
        if (isUsed || there?.rules.length !== 0) refuse();
        draft.delete(chain);
      }
    }
  }

  #runIpset(command: Command, input: string): string {
    const [, verb] = command.argv;
    if (verb === "list") return this.sets.map((name) => `${name}\n`).join("");
    if (verb === "save") {
      return [...this.#sets]
        .flatMap(([name, { head, elements }]) => [
          head,
          ...[...elements].map(([each, packets]) => {
            const counters = head.includes(" counters") ? ` packets ${packets} bytes ${packets * 60}` : "";
            return `add ${name} ${each}${counters}`;
          }),
        ])
        .map((line) => `${line}\n`)
        .join("");
    }
    this.changes.push("ipset");
    this.onIpset?.(input);
    for (const [index, line] of input.split("\n").entries()) {
      const [word = "", name = "", element = ""] = line.split(" ");
      const set = this.#sets.get(name);
      if (word === "create") {
        const head = line.replace(" -exist", "");
        if (set === undefined) this.#sets.set(name, { head, elements: new Map() });
        else if (set.head !== head) throw refusal(command, `Error in line ${index + 1}: set exists`);
      } else if (word !== "" && (set === undefined || (word === "destroy" && this.#isUsed(name)))) {
        throw refusal(command, `Error in line ${index + 1}: cannot ${word} ${name}`);
      } else if (word === "flush") set?.elements.clear();
      else if (word === "add") set?.elements.set(element, 0);
      else if (word === "destroy") this.#sets.delete(name);
    }
    return "";
  }

  #isUsed(set: string): boolean {
    return (["iptables", "ip6tables"] as const).some((family) =>
      this.text(family).includes(` --match-set ${set} `),
    );
  }
}

function createTables(): FakeTables {
  return new Map(
    Object.entries(BUILT_IN).map(([table, chains]) => [
      table,
      new Map(chains.map((name): [string, FakeChain] => [name, { policy: "ACCEPT", rules: [] }])),
    ]),
  );
}

function goesTo(rule: string, chain: string): boolean {
  return rule.endsWith(`-j ${chain}`) || rule.endsWith(`-g ${chain}`);
}

function refusal({ argv }: Command, stderr: string): RomanaError {
  return new RomanaError(`Cannot run "${argv.join(" ")}"`, {
    code: "command-failed",
    argv,
    status: 2,
    stderr,
  });
}
