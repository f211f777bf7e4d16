import { existsSync, mkdirSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { runCommand } from "../../../src/system/command.ts";
import { withFileLock } from "./file-lock.ts";

/** A release of the Helm line that charts of API version 2 are for. */
const HELM_VERSION = "3.19.0";

/** Milliseconds that Go may take to fetch and build it. */
const BUILD_TIMEOUT = 900_000;

/**
 * Path of `helm`, built from its Go module when it is not in the cache of this user: some 2 minutes.
 * @throws RomanaError `command-failed` when there is neither a cache nor Go that reaches its modules
 */
export async function buildHelm(): Promise<string> {
  const cache = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  const helm = join(cache, "romana", `helm-${HELM_VERSION}`, "helm");
  if (existsSync(helm)) return helm;
  const work = `${dirname(helm)}.build`;
  mkdirSync(work, { recursive: true });
  await withFileLock(`${dirname(helm)}.lock`, async () => {
    if (existsSync(helm)) return;
    process.stderr.write(`kubernetes: building helm ${HELM_VERSION} from its Go module: some 2 minutes\n`);
    const install = ["go", "install", `helm.sh/helm/v3/cmd/helm@v${HELM_VERSION}`];
    await runCommand({ argv: ["env", `GOBIN=${work}`, ...install], timeout: BUILD_TIMEOUT });
    renameSync(work, dirname(helm));
  });
  return helm;
}
