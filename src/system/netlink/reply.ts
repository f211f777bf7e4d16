import { errnoName } from "../errno.ts";
import { CONTROL, FLAG } from "./constants.ts";
import { Attributes, type Message } from "./reader.ts";

/** The kernel's answer to one request. */
export interface Acknowledgement {
  /** Name of the error, such as `EEXIST`; undefined for success. */
  readonly errno?: string;
  /** The kernel's own words (extended acknowledgement), where it has any. */
  readonly detail?: string;
  /** Where in the request the attribute stands that it is about, in bytes from its start. */
  readonly offset?: number;
}

/** `NLMSGERR_ATTR_MSG` and `NLMSGERR_ATTR_OFFS`. */
const ATTRIBUTE = { MESSAGE: 1, OFFSET: 2 } as const;
/** `struct nlmsgerr`: the error number and the header of the request. */
const ERROR_BYTES = 4 + 16;

/** Reads a message of type `NLMSG_ERROR`, which also says "no error", or `NLMSG_DONE`, the end of a dump. */
export function readAcknowledgement(bytes: Buffer, message: Message): Acknowledgement {
  const code = message.end - message.start >= 4 ? bytes.readInt32LE(message.start) : 0;
  if (code === 0) return {};
  return { errno: errnoName(-code), ...readExtension(bytes, message) };
}

function readExtension(bytes: Buffer, message: Message): Pick<Acknowledgement, "detail" | "offset"> {
  if ((message.flags & FLAG.ACK_ATTRIBUTES) === 0) return {};
  let start = message.start + 4;
  if (message.type === CONTROL.ERROR) {
    const echoed = (message.flags & FLAG.CAPPED) === 0 ? bytes.readUInt32LE(message.start + 4) - 16 : 0;
    start = message.start + ERROR_BYTES + ((echoed + 3) & ~3);
  }
  const attributes = new Attributes(bytes, start, message.end, ATTRIBUTE.OFFSET);
  const detail = attributes.string(ATTRIBUTE.MESSAGE);
  const offset = attributes.u32(ATTRIBUTE.OFFSET);
  return { ...(detail === undefined ? {} : { detail }), ...(offset === undefined ? {} : { offset }) };
}
