import { join } from "node:path";

/** Where the state of all labs is, one directory each. */
export const LABS_DIRECTORY = "/run/romana/lab";

/** Environment variable that marks the programs of a lab; its value is the lab's directory. */
export const LAB_VARIABLE = "ROMANA_LAB";

/** The files of one lab; all of them are below its directory. */
export interface LabPaths {
  readonly directory: string;
  /** The document that describes the lab; written before anything else is made. */
  readonly document: string;
  /** The process that is bringing the lab up. */
  readonly owner: string;
  /** What the lab has become; written when it is up. */
  readonly record: string;
  readonly romanad: ProgramPaths;
}

/** The files of a program of a lab. */
export interface ProgramPaths {
  readonly directory: string;
  readonly socket: string;
  readonly config: string;
  readonly log: string;
}

/** The files of a lab below its directory. */
export function labPaths(directory: string): LabPaths {
  return {
    directory,
    document: join(directory, "lab.json"),
    owner: join(directory, "owner.json"),
    record: join(directory, "record.json"),
    romanad: programPaths(join(directory, "romanad"), "romanad"),
  };
}

/** The files of the agent of a host. */
export function agentPaths(lab: LabPaths, host: string): ProgramPaths {
  return programPaths(join(lab.directory, "hosts", host), "agent");
}

/** What a namespace is for. */
export type NamespaceRole = "underlay" | "host" | "endpoint";

/**
 * The name of a namespace of a lab. Names of labs have no dot, so no two labs and no two roles share one.
 */
export function namespaceName(lab: string, role: NamespaceRole, name?: string): string {
  return `${namespacePrefix(lab)}${role}${name === undefined ? "" : `.${name}`}`;
}

/** How the names of all namespaces of a lab start. */
export function namespacePrefix(lab: string): string {
  return `romana-${lab}.`;
}

function programPaths(directory: string, program: string): ProgramPaths {
  return {
    directory,
    socket: join(directory, `${program}.sock`),
    config: join(directory, `${program}.yaml`),
    log: join(directory, `${program}.log`),
  };
}
