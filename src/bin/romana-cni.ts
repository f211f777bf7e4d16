import { readFileSync, writeSync } from "node:fs";
import { connect } from "node:net";
import { type Exchange, type Port, runPlugin } from "../cni/index.ts";

const STANDARD_INPUT = 0;
const STANDARD_OUTPUT = 1;
/** Longer than the agent takes for anything, in milliseconds. */
const TIMEOUT = 90_000;

const PORT: Port = {
  environment: (name) => process.env[name],
  readInput: async () => readFileSync(STANDARD_INPUT, "utf8"),
  exchange,
  writeOutput: (text) => {
    let rest = Buffer.from(text);
    while (rest.length > 0) rest = rest.subarray(writeSync(STANDARD_OUTPUT, rest));
  },
};

/** Runs `romana-cni` in Node, where the native one cannot be built, and leaves its exit code. */
export async function run(): Promise<void> {
  process.exitCode = await runPlugin(PORT);
}

function exchange(path: string, text: string): Promise<Exchange> {
  return new Promise((resolve) => {
    const socket = connect({ path, allowHalfOpen: true });
    const chunks: Buffer[] = [];
    socket.setTimeout(TIMEOUT, () => {
      resolve({ failure: "ETIMEDOUT" });
      socket.destroy();
    });
    socket.on("error", ({ code = "EIO" }: NodeJS.ErrnoException) => {
      resolve({ failure: code });
    });
    socket.on("data", (chunk) => {
      chunks.push(chunk);
    });
    socket.on("end", () => {
      resolve({ text: Buffer.concat(chunks).toString("utf8") });
      socket.end();
    });
    socket.write(text);
  });
}
