import { askAgent, attachmentPath, Refusal } from "./agent-calls.ts";
import { badConfiguration, CniError, OWN_CODE } from "./cni-error.ts";
import type { Configuration } from "./configuration.ts";
import type { Call } from "./environment.ts";
import { isTexts } from "./json-value.ts";
import type { Port } from "./port.ts";
import { expectationOf } from "./result.ts";
import { tokenOf } from "./token.ts";

/** CHECK: lets the agent look into the container, and fails with all that it finds wrong. */
export async function check(port: Port, call: Call, configuration: Configuration): Promise<undefined> {
  const { socket, name, previous } = configuration;
  if (previous === undefined) throw badConfiguration("prevResult is missing");
  const { addresses, routes } = expectationOf(previous, call);
  const attach = { netns: call.netns, interface: call.interfaceName };
  const path = `${attachmentPath(tokenOf(name, call))}/check`;
  let problems: unknown;
  try {
    ({ problems } = (await askAgent(port, socket, "POST", path, { attach, addresses, routes })).body);
  } catch (error) {
    if (!(error instanceof Refusal) || error.refusal !== "not-found") throw error;
    throw new CniError(OWN_CODE.notAttached, "The container is not attached", error.details);
  }
  if (!isTexts(problems)) throw new CniError(OWN_CODE.internal, "Cannot understand the agent");
  if (problems.length > 0) throw new CniError(OWN_CODE.checkFailed, "The check failed", problems.join("; "));
}
