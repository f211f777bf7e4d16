import { badEnvironment } from "./environment.ts";

/** What CNI_ARGS says, as far as the plugin knows it. */
export interface CniArguments {
  /** UID of the pod, by which romanad knows the workload. */
  readonly podUid?: string;
  /** An address that is wanted. */
  readonly ip?: string;
  /** A MAC address that is wanted. */
  readonly mac?: string;
}

/** Keys that Kubernetes sends and that say nothing that the plugin needs. */
const UNUSED_KEYS = ["K8S_POD_NAMESPACE", "K8S_POD_NAME", "K8S_POD_INFRA_CONTAINER_ID", "IgnoreUnknown"];
const KEYS: Readonly<Record<string, keyof CniArguments>> = { K8S_POD_UID: "podUid", IP: "ip", MAC: "mac" };

/**
 * Reads `KEY=VALUE;KEY=VALUE`. Other keys than the known ones are refused unless `IgnoreUnknown` is true, as by the
 * plugins of the CNI project.
 * @throws CniError code 4
 */
export function parseCniArguments(text: string): CniArguments {
  const pairs = text
    .split(";")
    .filter((pair) => pair !== "")
    .map((pair): [string, string] => {
      const equals = pair.indexOf("=");
      if (equals <= 0) throw badEnvironment(["CNI_ARGS"], `CNI_ARGS has "${pair}", which is no KEY=VALUE`);
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    });
  const ignoresUnknown = pairs.some(
    ([key, value]) => key === "IgnoreUnknown" && /^(1|t|T|true|True|TRUE)$/.test(value),
  );
  const found: { -readonly [key in keyof CniArguments]: CniArguments[key] } = {};
  for (const [key, value] of pairs) {
    const field = Object.prototype.hasOwnProperty.call(KEYS, key) ? KEYS[key] : undefined;
    if (field !== undefined && value !== "") found[field] = value;
    else if (field === undefined && !ignoresUnknown && !UNUSED_KEYS.includes(key)) {
      throw badEnvironment(["CNI_ARGS"], `CNI_ARGS has the unknown key "${key}"`);
    }
  }
  return found;
}
