import { connect as connectHttp, type IncomingHttpHeaders } from "node:http2";
import { connect } from "node:net";
import {
  decodeMessage,
  encodeMap,
  encodeMessage,
  type Fields,
  type Message,
  mapOf,
  messageOf,
  messagesOf,
  numberOf,
  textOf,
} from "./protobuf.ts";

/** What a pod sandbox shall be. */
export interface SandboxSpec {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly portMappings?: readonly {
    readonly protocol: "tcp" | "udp" | "sctp";
    readonly containerPort: number;
    readonly hostPort: number;
  }[];
}

/** A pod sandbox that was run. */
export interface Sandbox {
  readonly id: string;
  readonly spec: SandboxSpec;
}

/** What is known of a pod sandbox. */
export interface SandboxStatus {
  readonly id: string;
  readonly isReady: boolean;
  /** Addresses, the main one first. */
  readonly addresses: readonly string[];
  /** Path of its network namespace, as the runtime sees it. */
  readonly netns: string | undefined;
}

/** What a command in a container left. */
export interface ExecResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** An error that the runtime answers with. */
export class CriError extends Error {
  /** Status code of gRPC. */
  readonly code: number;

  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

/** Milliseconds that a call may take. */
const TIMEOUT = 120_000;

/** A pod's network and IPC namespaces are its containers' (0), process IDs are a container's own (1). */
const NAMESPACES: Message = { 1: 0, 2: 1, 3: 0 };

const PROTOCOLS = { tcp: 0, udp: 1, sctp: 2 } as const;

/**
 * A client of a container runtime (Kubernetes CRI v1, api.proto of k8s.io/cri-api), for pods without a kubelet. The
 * numbers in messages are field numbers of that file.
 */
export class CriClient {
  readonly #session: ReturnType<typeof connectHttp>;

  /** @param socket path of the runtime's socket */
  constructor(socket: string) {
    this.#session = connectHttp("http://localhost", { createConnection: () => connect(socket) });
    // Every call under way hears of it by itself.
    this.#session.on("error", () => {});
  }

  close(): void {
    this.#session.destroy();
  }

  /** Starts a pod's sandbox; this is where CNI's ADD happens. @throws CriError */
  async runSandbox(spec: SandboxSpec): Promise<Sandbox> {
    const answer = await this.#call("RunPodSandbox", { 1: sandboxConfig(spec) });
    return { id: textOf(answer, 1), spec };
  }

  /** Stops it; CNI's DEL. One that is gone is fine. */
  async stopSandbox(id: string): Promise<void> {
    await this.#call("StopPodSandbox", { 1: id });
  }

  async removeSandbox(id: string): Promise<void> {
    await this.#call("RemovePodSandbox", { 1: id });
  }

  async sandboxStatus(id: string): Promise<SandboxStatus> {
    const answer = await this.#call("PodSandboxStatus", { 1: id, 2: true });
    const status = messageOf(answer, 1);
    const network = messageOf(status, 5);
    const info = JSON.parse(mapOf(answer, 2).get("info") ?? "{}") as SandboxInfo;
    return {
      id,
      isReady: numberOf(status, 3) === 0,
      addresses: [textOf(network, 1), ...messagesOf(network, 2).map((more) => textOf(more, 1))].filter(
        Boolean,
      ),
      netns: info.runtimeSpec?.linux?.namespaces?.find(({ type }) => type === "network")?.path,
    };
  }

  /** IDs of the sandboxes that run, by namespace and name, as `NAMESPACE/NAME`. */
  async listSandboxes(): Promise<ReadonlyMap<string, string>> {
    // A filter by state; the state that is not written is the first, ready.
    const answer = await this.#call("ListPodSandbox", { 1: { 2: {} } });
    return new Map(
      messagesOf(answer, 1).map((sandbox) => {
        const metadata = messageOf(sandbox, 2);
        return [`${textOf(metadata, 3)}/${textOf(metadata, 1)}`, textOf(sandbox, 1)];
      }),
    );
  }

  /** Creates and starts a container of a sandbox. @returns its ID */
  async startContainer(
    sandbox: Sandbox,
    name: string,
    image: string,
    command: readonly string[],
  ): Promise<string> {
    const config: Message = {
      1: { 1: name },
      2: { 1: image },
      3: command,
      11: `${name}.log`,
      15: { 2: { 1: { 1: ["NET_RAW"] }, 3: NAMESPACES } },
    };
    const request = { 1: sandbox.id, 2: config, 3: sandboxConfig(sandbox.spec) };
    const id = textOf(await this.#call("CreateContainer", request), 1);
    await this.#call("StartContainer", { 1: id });
    return id;
  }

  /** Runs a command in a container to its end. @param timeout in seconds */
  async exec(container: string, command: readonly string[], timeout = 20): Promise<ExecResult> {
    const answer = await this.#call("ExecSync", { 1: container, 2: command, 3: timeout });
    return { status: numberOf(answer, 3), stdout: textOf(answer, 1), stderr: textOf(answer, 2) };
  }

  /** What the runtime says of itself: its conditions that are not true, with their reasons; none when all is well. */
  async problems(): Promise<readonly string[]> {
    const status = messageOf(await this.#call("Status", {}), 1);
    return messagesOf(status, 1)
      .filter((condition) => numberOf(condition, 2) === 0)
      .map((condition) => `${textOf(condition, 1)}: ${textOf(condition, 4) || textOf(condition, 3)}`);
  }

  #call(method: string, message: Message): Promise<Fields> {
    const { promise, resolve, reject } = Promise.withResolvers<Fields>();
    const stream = this.#session.request({
      ":method": "POST",
      ":path": `/runtime.v1.RuntimeService/${method}`,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const chunks: Buffer[] = [];
    let failure: CriError | undefined;
    const hear = (headers: IncomingHttpHeaders): void => {
      const code = Number(headers["grpc-status"] ?? 0);
      const text = decodeURIComponent([headers["grpc-message"] ?? ""].join(""));
      if (code !== 0) failure = new CriError(`${method}: ${text}`, code);
    };
    stream.on("response", hear);
    stream.on("trailers", hear);
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("end", () => {
      const bytes = Buffer.concat(chunks);
      if (failure !== undefined) reject(failure);
      else if (bytes.length < PREFIX_BYTES) reject(new Error(`${method}: the runtime has gone`));
      else resolve(decodeMessage(bytes.subarray(PREFIX_BYTES)));
    });
    stream.setTimeout(TIMEOUT, () => stream.destroy(new Error(`${method}: no answer`)));
    stream.end(framed(encodeMessage(message)));
    return promise;
  }
}

/** The part of containerd's verbose status that is looked at. */
interface SandboxInfo {
  readonly runtimeSpec?: {
    readonly linux?: { readonly namespaces?: readonly { readonly type: string; readonly path?: string }[] };
  };
}

/** gRPC puts a flag and a length before every message. */
const PREFIX_BYTES = 5;

function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function sandboxConfig({
  name,
  namespace = "default",
  uid = `${name}-uid`,
  labels,
  annotations,
  portMappings = [],
}: SandboxSpec): Message {
  return {
    1: { 1: name, 2: uid, 3: namespace },
    2: name,
    3: "/var/log",
    5: portMappings.map(({ protocol, containerPort, hostPort }) => ({
      1: PROTOCOLS[protocol],
      2: containerPort,
      3: hostPort,
    })),
    6: encodeMap(labels),
    7: encodeMap(annotations),
    8: { 2: { 1: NAMESPACES } },
  };
}
