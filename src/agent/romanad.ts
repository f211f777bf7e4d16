import type { Client } from "../client/index.ts";
import { type Endpoint, type HostReport, hasCode } from "../model/index.ts";
import {
  type BodyOf,
  type CONTRACT,
  encodeHostReport,
  type HeartbeatAnswerResult,
  type HeartbeatJson,
  type HostSnapshot,
  type Stored,
  type WatchEvent,
} from "../schema/index.ts";

/** What an endpoint shall be, as romanad takes it. */
export type Allocation = NonNullable<BodyOf<typeof CONTRACT.createEndpoint>>;

/** Told of every connection of the watch and every loss of it. */
export type OnState = (state: { readonly connected: boolean; readonly error?: Error }) => void;

/** What the agent asks of romanad. */
export interface Romanad {
  view(host: string, signal: AbortSignal): Promise<HostSnapshot>;
  /** Changes behind a revision, over broken connections; ends when the signal aborts. @throws RomanaError `compacted`. */
  watch(host: string, after: number, signal: AbortSignal, onState: OnState): AsyncIterable<WatchEvent>;
  /** Revision of its store now. */
  revision(signal: AbortSignal): Promise<number>;
  /** Idempotent by name and token. `created` is false when the endpoint was there already. */
  allocate(
    allocation: Allocation,
  ): Promise<{ readonly endpoint: Stored<Endpoint>; readonly created: boolean }>;
  /** The endpoint with that address; undefined when there is none. */
  find(address: string): Promise<Stored<Endpoint> | undefined>;
  /** @throws RomanaError `not-found`, `revision-mismatch`. */
  release(address: string, revision: number): Promise<void>;
  /** @throws RomanaError `aborted` when it knows no routes of the host and the report has none. */
  report(host: string, report: HostReport): Promise<void>;
  /** Says that the host lives, and asks which virtual IPs it may hold. Never tried again by itself. */
  beat(host: string, heartbeat: HeartbeatJson, signal: AbortSignal): Promise<HeartbeatAnswerResult>;
}

/** romanad behind its REST API. */
export function createRomanad(client: Client): Romanad {
  return {
    view: (host, signal) => client.call("viewHost", { params: { host } }, { signal }),
    watch: (host, after, signal, onState) => client.watch({ host, after }, { signal, onState }),
    revision: async (signal) => (await client.call("getReadiness", {}, { signal })).revision,
    async allocate(allocation) {
      const { status, result } = await client.callWithStatus("createEndpoint", { body: allocation });
      return { endpoint: result, created: status === 201 };
    },
    async find(address) {
      try {
        return await client.call("getEndpoint", { params: { ref: address } });
      } catch (error) {
        if (hasCode(error, "not-found")) return undefined;
        throw error;
      }
    },
    async release(address, revision) {
      await client.call("deleteEndpoint", { params: { ref: address } }, { ifMatch: revision });
    },
    async report(host, report) {
      await client.call("putHostStatus", { params: { host }, body: encodeHostReport(report) });
    },
    beat: (host, heartbeat, signal) =>
      client.call("sendHeartbeat", { params: { host }, body: heartbeat }, { signal }),
  };
}
