#!/usr/bin/env node
// Puts the CNI executable and its configuration where the node's container runtime looks for them, or takes them away
// with --remove. Files appear by a rename inside their own directory: the runtime never reads half a file, and
// containerd notices nothing else.
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

const {
  CNI_EXECUTABLE: executable = "/opt/romana/cni/romana-cni",
  CNI_CONFIGURATION: configuration = "/etc/romana/romana.conflist",
  CNI_BIN_DIRECTORY: binDirectory = "/host/cni-bin",
  CNI_CONF_DIRECTORY: confDirectory = "/host/cni-conf",
} = process.env;

/** In front of what most others call theirs: runtimes take the first file in the order of names. */
const CONFIGURATION_NAME = "10-romana.conflist";
const EXECUTABLE_NAME = "romana-cni";

function install(directory, name, content, mode) {
  const target = join(directory, name);
  if (existsSync(target) && readFileSync(target).equals(content)) return say(`${name} is there`);
  const temporary = join(directory, `.${name}.new`);
  writeFileSync(temporary, content);
  chmodSync(temporary, mode);
  const file = openSync(temporary, "r");
  fsyncSync(file);
  closeSync(file);
  renameSync(temporary, target);
  say(`${name} installed`);
}

/** Plugins that the configuration chains and that nobody has put on the node. */
function missingPlugins(content) {
  const { plugins } = JSON.parse(content.toString("utf8"));
  return plugins.map(({ type }) => type).filter((type) => !existsSync(join(binDirectory, type)));
}

function say(line) {
  process.stdout.write(`romana-install-cni: ${line}\n`);
}

if (process.argv[2] === "--remove") {
  // The configuration first: without it, nobody calls the executable.
  for (const file of [join(confDirectory, CONFIGURATION_NAME), join(binDirectory, EXECUTABLE_NAME)]) {
    rmSync(file, { force: true });
  }
  say("removed");
} else {
  install(binDirectory, EXECUTABLE_NAME, readFileSync(executable), 0o755);
  const content = readFileSync(configuration);
  const missing = missingPlugins(content);
  if (missing.length > 0) {
    const reason = `there is no ${missing.join(", ")} in the node's directory of CNI plugins`;
    say(`Cannot install ${CONFIGURATION_NAME}: ${reason}; install the standard plugins, or leave it out`);
    process.exit(1);
  }
  install(confDirectory, CONFIGURATION_NAME, content, 0o644);
}
