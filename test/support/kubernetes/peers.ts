import { spawn } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { withFileLock } from "./file-lock.ts";

/**
 * The release that clusters are made of: the last that runs with containerd 1.6 (Debian 12) and with cgroups v1.
 */
export const KUBERNETES_VERSION = "1.34.4";

const PROGRAMS = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kube-proxy",
  "kubelet",
  "kubectl",
] as const;

/** A program of Kubernetes. */
export type PeerProgram = (typeof PROGRAMS)[number];

/** Paths of the programs. */
export type Peers = Readonly<Record<PeerProgram, string>>;

/**
 * Modules that k8s.io/kubernetes develops in its own tree: it names them without a version, so that a module that
 * requires it has to say which.
 */
const STAGED = `
  api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider cluster-bootstrap
  code-generator component-base component-helpers controller-manager cri-api cri-client csi-translation-lib
  dynamic-resource-allocation endpointslice externaljwt kms kube-aggregator kube-controller-manager kube-proxy
  kube-scheduler kubectl kubelet metrics mount-utils pod-security-admission sample-apiserver sample-cli-plugin
  sample-controller`
  .trim()
  .split(/\s+/);

const MODULE = `module romana.invalid/kubernetes-peers

go 1.24.0

require k8s.io/kubernetes v${KUBERNETES_VERSION}

replace (
${STAGED.map((name) => `\tk8s.io/${name} => k8s.io/${name} v${KUBERNETES_VERSION.replace(/^1/, "0")}`).join("\n")}
)
`;

/** What ties the commands to the module: Go resolves what somebody imports. */
const IMPORTS = `//go:build tools

package peers

import (
${PROGRAMS.map((name) => `\t_ "k8s.io/kubernetes/cmd/${name}"`).join("\n")}
)
`;

/**
 * The programs of Kubernetes, built from their Go modules when they are not in the cache of this user: some 5
 * minutes, 3 GB in Go's own caches, 470 MB in the end. Two that want them at once build once. No other release stands in
 * where this one cannot be had: tests would mean something else.
 * @param say is told of progress
 * @throws Error when there is neither a cache nor what it takes to build
 */
export async function buildPeers(say: (line: string) => void = sayToStderr): Promise<Peers> {
  const directory = peersDirectory();
  if (!isComplete(directory)) {
    mkdirSync(join(directory, ".."), { recursive: true });
    await withFileLock(`${directory}.lock`, async () => {
      if (!isComplete(directory)) await build(directory, say);
    });
  }
  return Object.fromEntries(PROGRAMS.map((name) => [name, join(directory, name)])) as Peers;
}

function peersDirectory(): string {
  const cache = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  return join(cache, "romana", `kubernetes-${KUBERNETES_VERSION}`);
}

function isComplete(directory: string): boolean {
  return PROGRAMS.every((name) => existsSync(join(directory, name)));
}

async function build(directory: string, say: (line: string) => void): Promise<void> {
  say(
    `building Kubernetes ${KUBERNETES_VERSION} from its Go modules, for this and later runs: some 5 minutes`,
  );
  // What a build that was killed has left is in the same place.
  const work = `${directory}.build`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work);
  try {
    writeFileSync(join(work, "go.mod"), MODULE);
    writeFileSync(join(work, "peers.go"), IMPORTS);
    const bin = join(work, "bin");
    mkdirSync(bin);
    const ldflags = [
      "-s",
      "-w",
      `-X k8s.io/component-base/version.gitVersion=v${KUBERNETES_VERSION}`,
      `-X k8s.io/client-go/pkg/version.gitVersion=v${KUBERNETES_VERSION}`,
    ].join(" ");
    for (const name of PROGRAMS) {
      say(`building ${name}`);
      await go(work, ["build", "-o", bin, "-ldflags", ldflags, `k8s.io/kubernetes/cmd/${name}`], say);
    }
    rmSync(directory, { recursive: true, force: true });
    renameSync(bin, directory);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Runs Go, and says what it downloads. */
async function go(cwd: string, argv: readonly string[], say: (line: string) => void): Promise<void> {
  const child = spawn("go", argv, {
    cwd,
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=mod -trimpath" },
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-4000);
    if (text.includes("downloading")) say(text.trim().split("\n").at(-1) ?? "");
  });
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  child.on("error", (error: NodeJS.ErrnoException) =>
    resolve(error.code === "ENOENT" ? "there is no Go (1.24 or newer)" : error.message),
  );
  child.on("close", (status) => resolve(status === 0 ? undefined : errors.trim() || `status ${status}`));
  const reason = await promise;
  if (reason === undefined) return;
  const advice = `put its programs into ${peersDirectory()}, or run this where Go reaches its modules`;
  throw new Error(`Cannot build Kubernetes ${KUBERNETES_VERSION}: ${reason}; ${advice}`);
}

function sayToStderr(line: string): void {
  process.stderr.write(`kubernetes: ${line}\n`);
}
