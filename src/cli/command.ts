import type { Caller, Client } from "../client/index.ts";
import type { AGENT_CONTRACT } from "../schema/index.ts";
import type { Screen } from "./format.ts";

/** The name of the program. */
export const PROGRAM = "romana";

/** Names that the shell may complete from the server. */
export type Completer =
  | "network"
  | "host"
  | "tenant"
  | "segment"
  | "endpoint"
  | "workload"
  | "fabric"
  | "vip"
  | "service"
  | "chain"
  | "policy"
  | "lab"
  | "lab-endpoint"
  | "file";

/** A positional argument of a command. */
export interface Argument {
  /** Shown in upper case in the usage line. */
  readonly name: string;
  readonly summary: string;
  readonly optional?: boolean;
  /** Takes all words that are left; only the last argument may. */
  readonly many?: boolean;
  readonly choices?: readonly string[];
  readonly complete?: Completer;
}

/** An option `--name` of a command. */
export interface Option {
  readonly name: string;
  readonly short?: string;
  /** Name of its value in the usage line; an option without one is a flag. */
  readonly value?: string;
  readonly summary: string;
  /** May be given several times; the values are collected. */
  readonly many?: boolean;
  readonly required?: boolean;
  /** Text unless this says that the value is a whole number of 0 or more. */
  readonly kind?: "integer";
  readonly choices?: readonly string[];
  readonly complete?: Completer;
}

/** What was typed, checked against the declaration of the command. */
export interface Input {
  /** A positional argument that the declaration requires. */
  argument(name: string): string;
  maybeArgument(name: string): string | undefined;
  /** All words of an argument with `many`. */
  argumentList(name: string): readonly string[];
  text(option: string): string | undefined;
  integer(option: string): number | undefined;
  flag(option: string): boolean;
  list(option: string): readonly string[];
}

/** What a command answers: data for programs, text for people, and the exit code when it is not 0. */
export interface Result {
  /** What `-o json` and `-o yaml` print. */
  readonly data: unknown;
  /** What `-o table` and `-o wide` print, without a newline at the end. */
  text(screen: Screen): string;
  readonly exitCode?: number;
}

/** A client of an agent's local socket. */
export type AgentCaller = Caller<typeof AGENT_CONTRACT>;

/** Where a command reads from and writes to besides its result. */
export interface Context {
  /** Version of this program. */
  readonly version: string;
  /** Environment variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** romanad, where `--server` or the environment says that it is. It is connected when first used. */
  client(): Promise<Client>;
  /** The agent of this host, where `--socket` or the environment says that it is. */
  agent(): Promise<AgentCaller>;
  /** Aborts when the user interrupts. */
  readonly signal: AbortSignal;
  /** One line about long work, for people; goes to standard error. */
  progress(line: string): void;
}

/** One verb of a noun, as data: the program, its help, its examples' test and completion are made from it. */
export interface Command {
  readonly verb: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly arguments?: readonly Argument[];
  readonly options?: readonly Option[];
  /** Complete command lines, shown by `--help`; a test parses each. */
  readonly examples: readonly string[];
  /** Every word after the first argument belongs to that argument, options too (`lab exec`). */
  readonly passThrough?: boolean;
  run(input: Input, context: Context): Promise<Result> | Result;
}

/** A program that commands talk to. */
export type Connection = "romanad" | "agent";

/** A noun and its verbs. */
export interface Noun {
  readonly name: string;
  readonly summary: string;
  /** Which program the commands talk to; it decides which option says where that is. */
  readonly connection?: Connection;
  readonly commands: readonly Command[];
}
