import { connect, type Socket } from "node:net";

/** What the load generator is told, as JSON in its first argument. */
export interface LoadSettings {
  readonly socket: string;
  readonly clients: number;
  /** Allocations that are not measured, and then those that are. */
  readonly warmup: number;
  readonly count: number;
  readonly hosts: number;
  readonly tenants: number;
  readonly segments: number;
}

/** What it prints, as JSON on one line. */
export interface LoadResult {
  /** Duration of the measured allocations, in seconds. */
  readonly seconds: number;
  /** Latencies in milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Answers that were not 201. */
  readonly failed: number;
}

/**
 * Keeps one request under way on each connection. Raw HTTP/1.1 on purpose: an HTTP client would cost more than the
 * server and measure itself.
 */
async function load(settings: LoadSettings): Promise<LoadResult> {
  const total = settings.warmup + settings.count;
  const latencies = new Float64Array(settings.count);
  let sent = 0;
  let measured = 0;
  let failed = 0;
  let start = 0;
  const client = async (): Promise<void> => {
    const connection = await Connection.open(settings.socket);
    while (sent < total) {
      const index = sent++;
      if (index === settings.warmup) start = performance.now();
      const request = requestOf(settings, index);
      const asked = performance.now();
      const status = await connection.ask(request);
      if (status !== "201") failed++;
      if (index >= settings.warmup) latencies[measured++] = performance.now() - asked;
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: settings.clients }, client));
  const seconds = (performance.now() - start) / 1000;
  latencies.sort();
  const at = (share: number): number => latencies[Math.floor(share * (settings.count - 1))] as number;
  return { seconds, p50: at(0.5), p99: at(0.99), max: at(1), failed };
}

/** Allocation number `index`: names and tokens are new, hosts, tenants and segments take turns. */
function requestOf({ hosts, tenants, segments }: LoadSettings, index: number): Buffer {
  const body = JSON.stringify({
    host: `h${1 + (index % hosts)}`,
    tenant: `t${1 + (Math.floor(index / hosts) % tenants)}`,
    segment: `s${1 + (Math.floor(index / hosts / tenants) % segments)}`,
    name: `bench-${index}`,
    requestToken: `bench/${index}`,
  });
  const head = `POST /v1/endpoints HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`;
  return Buffer.from(`${head}\r\n\r\n${body}`);
}

/** One keep-alive connection with one request under way. */
class Connection {
  readonly #socket: Socket;
  #waiting: { resolve: (status: string) => void; reject: (error: Error) => void } | undefined;
  #rest: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (data) => this.#read(data));
    socket.on("close", () => this.#waiting?.reject(new Error("the connection was closed")));
  }

  static open(path: string): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(path, () => resolve(new Connection(socket)));
      socket.on("error", reject);
    });
  }

  /** Sends a request and gives the status of its answer. */
  ask(request: Buffer): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(data: Buffer): void {
    this.#rest = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    const end = this.#rest.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = this.#rest.toString("latin1", 0, end);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1]);
    if (this.#rest.length < end + 4 + length) return;
    this.#rest = this.#rest.subarray(end + 4 + length);
    this.#waiting?.resolve(head.slice(9, 12));
  }
}

process.stdout.write(`${JSON.stringify(await load(JSON.parse(process.argv[2] as string)))}\n`);
