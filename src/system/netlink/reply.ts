import { errnoName } from "../errno.ts";
import { CONTROL, FLAG } from "./constants.ts";
import { Attributes, type Message } from "./reader.ts";

/** The kernel's answer to one request. */
export interface Acknowledgement {
  /** Name of the error, such as `EEXIST`; undefined for success. */
  readonly errno?: string;
  /** The kernel's own words (extended acknowledgement), where it has any. */
  readonly detail?: string;
}

const ATTRIBUTE_MESSAGE = 1;
/** `struct nlmsgerr`: the error number and the header of the request. */
const ERROR_BYTES = 4 + 16;

/** Reads a message of type `NLMSG_ERROR`, which also says "no error", or `NLMSG_DONE`, the end of a dump. */
export function readAcknowledgement(bytes: Buffer, message: Message): Acknowledgement {
  const code = message.end - message.start >= 4 ? bytes.readInt32LE(message.start) : 0;
  if (code === 0) return {};
  const detail = readDetail(bytes, message);
  return detail === undefined ? { errno: errnoName(-code) } : { errno: errnoName(-code), detail };
}

function readDetail(bytes: Buffer, message: Message): string | undefined {
  if ((message.flags & FLAG.ACK_ATTRIBUTES) === 0) return undefined;
  let start = message.start + 4;
  if (message.type === CONTROL.ERROR) {
    const echoed = (message.flags & FLAG.CAPPED) === 0 ? bytes.readUInt32LE(message.start + 4) - 16 : 0;
    start = message.start + ERROR_BYTES + ((echoed + 3) & ~3);
  }
  return new Attributes(bytes, start, message.end, ATTRIBUTE_MESSAGE).string(ATTRIBUTE_MESSAGE);
}
