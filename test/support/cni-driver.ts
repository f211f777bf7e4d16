import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { inNamespace } from "../../src/system/namespace.ts";

/** A plugin configuration object (CNI specification, section 1). */
export interface PluginConfig {
  readonly type: string;
  readonly capabilities?: Readonly<Record<string, boolean>>;
  readonly [key: string]: unknown;
}

/** A network configuration, and where a runtime runs its plugins. */
export interface NetworkConfig {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly PluginConfig[];
}

/** What a runtime says for one attachment. */
export interface AttachmentParameters {
  readonly containerId: string;
  readonly netns: string;
  readonly ifname: string;
  /** CNI_ARGS. */
  readonly args?: string;
  /** Capability arguments by capability. */
  readonly capabilities?: Readonly<Record<string, unknown>>;
}

/** The result of an ADD. */
export interface CniResult {
  readonly cniVersion: string;
  readonly interfaces: readonly { readonly name: string; readonly mac?: string; readonly sandbox?: string }[];
  readonly ips: readonly {
    readonly address: string;
    readonly interface?: number;
    readonly version?: string;
  }[];
  readonly routes: readonly { readonly dst: string; readonly gw?: string }[];
  readonly dns: object;
}

/** A plugin that has failed, with its error object. */
export class PluginFailure extends Error {
  readonly type: string;
  /** Code of the error object; undefined when there was none. */
  readonly code: number | undefined;
  readonly output: string;

  constructor(type: string, status: number | string, output: string) {
    super(`${type} ended with ${status}: ${output}`);
    this.type = type;
    this.output = output;
    try {
      this.code = (JSON.parse(output) as { code?: number }).code;
    } catch {
      this.code = undefined;
    }
  }
}

/** One execution of a plugin: variables, standard input, and what came of it. */
export interface Execution {
  readonly status: number | string;
  readonly output: string;
}

/** Runs an executable in a network namespace with these variables and no others but PATH. */
export function startPlugin(
  path: string,
  namespace: string,
  env: Readonly<Record<string, string>>,
  input: string,
): { readonly child: ChildProcessWithoutNullStreams; readonly ended: Promise<Execution> } {
  const child = inNamespace(namespace, () =>
    spawn(path, { env: { PATH: process.env["PATH"] ?? "", ...env }, stdio: "pipe" }),
  );
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.resume();
  // A plugin that fails early does not read.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const ended = new Promise<Execution>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, signal) => {
      resolve({ status: status ?? signal ?? "", output });
    });
  });
  return { child, ended };
}

/**
 * A container runtime that does what section 3 of the CNI specification says and nothing else. It knows no plugin, and
 * keeps the results of ADD for CHECK and DEL.
 */
export class CniRuntime {
  readonly #network: NetworkConfig;
  readonly #path: readonly string[];
  readonly #namespace: string;
  readonly #results = new Map<string, CniResult>();

  /** @param path directories of executables; @param namespace that plugins run in */
  constructor(network: NetworkConfig, path: readonly string[], namespace: string) {
    this.#network = network;
    this.#path = path;
    this.#namespace = namespace;
  }

  /** Adds an attachment: every plugin in order, each with the result of the one before. @throws PluginFailure */
  async add(parameters: AttachmentParameters): Promise<CniResult> {
    let previous: CniResult | undefined;
    for (const plugin of this.#network.plugins) {
      const output = await this.#run("ADD", plugin, this.#derive(plugin, parameters, previous), parameters);
      previous = JSON.parse(output) as CniResult;
    }
    if (previous === undefined) throw new Error("a network has a plugin");
    this.#results.set(keyOf(parameters), previous);
    return previous;
  }

  /** Checks an attachment with the result of its ADD. @throws PluginFailure */
  async check(parameters: AttachmentParameters): Promise<void> {
    const previous = this.#results.get(keyOf(parameters));
    for (const plugin of this.#network.plugins) {
      const output = await this.#run("CHECK", plugin, this.#derive(plugin, parameters, previous), parameters);
      if (output !== "") throw new PluginFailure(plugin.type, "output", output);
    }
  }

  /** Deletes an attachment, plugins in reverse order. @throws PluginFailure */
  async delete(parameters: AttachmentParameters): Promise<void> {
    const previous = this.#results.get(keyOf(parameters));
    for (const plugin of this.#network.plugins.toReversed()) {
      await this.#run("DEL", plugin, this.#derive(plugin, parameters, previous), parameters);
    }
    this.#results.delete(keyOf(parameters));
  }

  /** Has everything removed that is not listed; all plugins are asked, whatever one of them says. @throws the first */
  async collectGarbage(
    valid: readonly { readonly containerID: string; readonly ifname: string }[] | null,
  ): Promise<void> {
    const failures: unknown[] = [];
    for (const plugin of this.#network.plugins) {
      const config = { ...this.#derive(plugin), "cni.dev/valid-attachments": valid };
      await this.#run("GC", plugin, config).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Asks all plugins whether they are ready. @throws PluginFailure */
  async status(): Promise<void> {
    for (const plugin of this.#network.plugins) await this.#run("STATUS", plugin, this.#derive(plugin));
  }

  /** Versions that the first plugin speaks, and the version that it answers in. */
  async version(): Promise<{ readonly cniVersion: string; readonly supportedVersions: readonly string[] }> {
    const plugin = this.#network.plugins[0] as PluginConfig;
    const { cniVersion } = this.#network;
    return JSON.parse(await this.#run("VERSION", plugin, { cniVersion })) as never;
  }

  /** Starts one plugin without waiting for it. */
  start(
    command: string,
    plugin: PluginConfig,
    config: object,
    parameters?: AttachmentParameters,
  ): ReturnType<typeof startPlugin> {
    const { containerId, netns, ifname, args } = parameters ?? {};
    const env = {
      CNI_COMMAND: command,
      CNI_PATH: this.#path.join(":"),
      ...(containerId !== undefined && { CNI_CONTAINERID: containerId }),
      ...(netns !== undefined && { CNI_NETNS: netns }),
      ...(ifname !== undefined && { CNI_IFNAME: ifname }),
      ...(args !== undefined && { CNI_ARGS: args }),
    };
    return startPlugin(this.#find(plugin.type), this.#namespace, env, JSON.stringify(config));
  }

  async #run(
    command: string,
    plugin: PluginConfig,
    config: object,
    parameters?: AttachmentParameters,
  ): Promise<string> {
    const { status, output } = await this.start(command, plugin, config, parameters).ended;
    if (status !== 0) throw new PluginFailure(plugin.type, status, output);
    return output;
  }

  /** Section 3, "Deriving request configuration from plugin configuration". */
  #derive(plugin: PluginConfig, parameters?: AttachmentParameters, previous?: CniResult): object {
    const { capabilities = {}, ...rest } = plugin;
    const { name, cniVersion } = this.#network;
    const given = Object.entries(parameters?.capabilities ?? {}).filter(
      ([key]) => capabilities[key] === true,
    );
    return {
      ...rest,
      cniVersion,
      name,
      ...(given.length > 0 && { runtimeConfig: Object.fromEntries(given) }),
      ...(previous !== undefined && { prevResult: previous }),
    };
  }

  #find(type: string): string {
    const found = this.#path.map((directory) => join(directory, type)).find((path) => existsSync(path));
    if (found === undefined) throw new Error(`there is no plugin ${type}`);
    return found;
  }
}

function keyOf({ containerId, ifname }: AttachmentParameters): string {
  return `${containerId} ${ifname}`;
}
