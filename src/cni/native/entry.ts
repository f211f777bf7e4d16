import { type Exchange, runPlugin } from "../index.ts";

/** What `main.c` gives to the plugin. */
declare const native: {
  /** Value of an environment variable. */
  readonly environment: (name: string) => string | undefined;
  /** All of standard input. @throws Error */
  readonly readInput: () => string;
  /** See {@link Exchange}. */
  readonly exchange: (socket: string, text: string) => Exchange;
  readonly writeOutput: (text: string) => void;
  /** The exit code of the process, which ends when there is nothing left to do. */
  readonly setExitCode: (code: number) => void;
};

const port = {
  environment: native.environment,
  readInput: async () => native.readInput(),
  exchange: async (socket: string, text: string) => native.exchange(socket, text),
  writeOutput: native.writeOutput,
};

void runPlugin(port).then(native.setExitCode);
