import { CNI_CODE, CniError } from "./cni-error.ts";
import type { Port } from "./port.ts";

/** The operations of the specification. */
export type Command = "ADD" | "DEL" | "CHECK" | "GC" | "STATUS" | "VERSION";

/** What the environment tells of a call; variables that its operation does not need may be empty. */
export interface Call {
  readonly command: Command;
  readonly containerId: string;
  readonly interfaceName: string;
  /** Path of the network namespace. */
  readonly netns: string;
  /** CNI_ARGS as it came. */
  readonly args: string;
}

type Variable = "CNI_CONTAINERID" | "CNI_IFNAME" | "CNI_NETNS";

/** Variables that an operation cannot do without (sections 2 of the specification). */
const REQUIRED: Readonly<Record<Command, readonly Variable[]>> = {
  ADD: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
  CHECK: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
  DEL: ["CNI_CONTAINERID", "CNI_IFNAME"],
  GC: [],
  STATUS: [],
  VERSION: [],
};

/** Names of interfaces that the agent takes: fewer than the specification allows, safe in rules and sysctls. */
const INTERFACE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,14}$/;
const CONTAINER_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
const NETNS = /^\/[^\0]{1,4000}$/;

const FAULTS: Readonly<Record<Variable, (value: string) => string | undefined>> = {
  CNI_CONTAINERID: (value) =>
    CONTAINER_ID.test(value)
      ? undefined
      : 'begins with a letter or digit, and goes on with these, "_", "." and "-"',
  CNI_IFNAME: (value) =>
    INTERFACE_NAME.test(value)
      ? undefined
      : 'has 1 to 15 letters, digits, "_", ".", "@" or "-", and begins with a letter, digit or "_"',
  CNI_NETNS: (value) => (NETNS.test(value) ? undefined : "is an absolute path"),
};

/** Reads and checks the variables of the call. @throws CniError code 4 that names all that are wrong. */
export function readCall({ environment }: Pick<Port, "environment">): Call {
  const command = environment("CNI_COMMAND") ?? "";
  if (!isCommand(command)) {
    throw badEnvironment(["CNI_COMMAND"], `CNI_COMMAND is "${command}", not ${COMMANDS.join(", ")}`);
  }
  const faults = REQUIRED[command].flatMap((name): [Variable, string][] => {
    const value = environment(name) ?? "";
    if (value === "") return [[name, `${name} is missing`]];
    const rule = FAULTS[name](value);
    return rule === undefined ? [] : [[name, `${name} is ${JSON.stringify(value)}, but it ${rule}`]];
  });
  if (faults.length > 0) {
    throw badEnvironment(
      faults.map(([name]) => name),
      faults.map(([, fault]) => fault).join("; "),
    );
  }
  return {
    command,
    containerId: environment("CNI_CONTAINERID") ?? "",
    interfaceName: environment("CNI_IFNAME") ?? "",
    netns: environment("CNI_NETNS") ?? "",
    args: environment("CNI_ARGS") ?? "",
  };
}

const COMMANDS = Object.keys(REQUIRED);

function isCommand(text: string): text is Command {
  return COMMANDS.includes(text);
}

/** Variables that cannot be used. The message names them, as the specification wants. */
export function badEnvironment(names: readonly string[], details: string): CniError {
  return new CniError(CNI_CODE.badEnvironment, `Invalid environment variables: ${names.join(", ")}`, details);
}
