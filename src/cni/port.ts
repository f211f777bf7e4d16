/** What came of one request on a socket: all that was answered, or why nothing was. */
export type Exchange =
  | { readonly text: string; readonly failure?: never }
  /** `failure` is the name of the error number, such as `ECONNREFUSED`. */
  | { readonly failure: string; readonly text?: never };

/** All that the plugin needs of a process. Node and QuickJS each have one. */
export interface Port {
  /** Value of an environment variable; undefined when it is not set. */
  readonly environment: (name: string) => string | undefined;
  /** All of standard input. @throws Error when it cannot be read. */
  readonly readInput: () => Promise<string>;
  /** Connects to a unix socket, sends ASCII text and reads to the end of the answer. Never rejects. */
  readonly exchange: (socket: string, text: string) => Promise<Exchange>;
  /** Writes to standard output. @throws Error when it cannot be written. */
  readonly writeOutput: (text: string) => void;
}
