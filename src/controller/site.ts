import type { KubernetesConfig } from "../schema/index.ts";
import type { ApiServer } from "./api-server.ts";
import type { Cluster } from "./cluster.ts";
import type { EventRecorder, Subject } from "./event-recorder.ts";
import type { Cached, Informer } from "./informer.ts";
import type { Mirror } from "./mirror.ts";
import type { Romanad } from "./romanad.ts";

/** What the handlers of keys work with. */
export interface Site {
  readonly cluster: Cluster;
  readonly mirror: Mirror;
  readonly romanad: Romanad;
  readonly api: Pick<ApiServer, "call">;
  readonly events: EventRecorder;
  readonly config: Pick<KubernetesConfig, "topologyLabels" | "segmentGrace" | "virtualIpPools">;
  /** Milliseconds since 1970 UTC. */
  readonly now: () => number;
  /** Asks for another key to be worked on, perhaps in so many milliseconds. */
  readonly ask: (key: string, after?: number) => void;
  /** Says that romanad is not as the mirror says: it is read anew. */
  readonly surprise: () => void;
}

/** Makes what a key names in romanad as the cluster says; when to come back, in milliseconds, or undefined. */
export type Handler = (site: Site, name: string) => Promise<number | undefined>;

/** An object of a cache as the subject of events and conditions. */
export function subjectOf<T>(
  { resource }: Informer<T>,
  { meta }: Cached<T>,
): Subject & { readonly path: string } {
  return { kind: resource.kind, apiVersion: resource.apiVersion, path: resource.path, meta };
}
