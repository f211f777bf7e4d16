import { isAddress } from "../net/index.ts";

/** Names a pod's segment explicitly. */
export const SEGMENT_LABEL = "romana.io/segment";

/** Longest name of a workload (that of an endpoint). */
const MAX_NAME = 253;

/** A hash as kubelets make them: no UID of a pod reads so, and it cannot stand for another's. */
const STATIC_HASH = /^[0-9a-f]{32}$/;

/** What decides about a pod's workload. */
export interface PodIdentity {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** What the kubelet calls a static pod, instead of its UID. */
  readonly staticHash?: string | undefined;
  readonly hostNetwork: boolean;
  readonly isFinished: boolean;
}

/** The ID of a pod's workload: what its runtime knows it by. */
export function workloadIdOf({ uid, staticHash }: PodIdentity): string {
  return staticHash !== undefined && STATIC_HASH.test(staticHash) ? staticHash : uid;
}

/** True when the pod gets an address of ours. */
export function wantsWorkload({ hostNetwork, isFinished }: PodIdentity): boolean {
  return !hostNetwork && !isFinished;
}

/** `POD.NAMESPACE`, which is unique; undefined when that cannot be a name: too long, or it reads as an address. */
export function workloadNameOf({ name, namespace }: PodIdentity): string | undefined {
  const text = `${name}.${namespace}`;
  return text.length > MAX_NAME || isAddress(text) ? undefined : text;
}
