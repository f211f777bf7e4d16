import type { LoggedPacket } from "../kernel.ts";
import { beginNfnetlink, NFNETLINK_HEADER_BYTES, SUBSYSTEM } from "./nfnetlink.ts";
import { Attributes, type Message } from "./reader.ts";
import type { RequestEncoder } from "./socket.ts";

/** Message types of nfnetlink_log (`NFULNL_MSG_…`). */
const LOG = { PACKET: 0, CONFIG: 1 } as const;

const CONFIG = { COMMAND: 1, MODE: 2, BUFFER_BYTES: 3, TIMEOUT: 4, THRESHOLD: 5, FLAGS: 6 } as const;
const COMMAND_BIND = 1;
const COPY_PACKET = 2;
const FLAG_SEQUENCE = 1;
const PACKET = {
  MARK: 2,
  INPUT_DEVICE: 4,
  OUTPUT_DEVICE: 5,
  PAYLOAD: 9,
  PREFIX: 10,
  SEQUENCE: 12,
} as const;

/** What {@link encodeBindLog} asks for. */
export interface LogSettings {
  /** Bytes from the IP header on that are copied of each packet. */
  readonly copyBytes: number;
  /** Packets that go into one datagram at most, … */
  readonly threshold: number;
  /** … its bytes at most, … */
  readonly bufferBytes: number;
  /** … and hundredths of a second that it waits for more. */
  readonly timeout: number;
}

/** Asks for the packets of a log group; answered by `EPERM` when another socket has it. */
export function encodeBindLog(group: number, settings: LogSettings): RequestEncoder {
  return (writer, sequence) => {
    const header = { subsystem: SUBSYSTEM.LOG, type: LOG.CONFIG, family: 0, resource: group };
    beginNfnetlink(writer, header, 0, sequence);
    writer.attributeU8(CONFIG.COMMAND, COMMAND_BIND);
    const mode = Buffer.alloc(6);
    mode.writeUInt32BE(settings.copyBytes, 0);
    mode[4] = COPY_PACKET;
    writer.attribute(CONFIG.MODE, mode);
    writer.attributeU32be(CONFIG.BUFFER_BYTES, settings.bufferBytes);
    writer.attributeU32be(CONFIG.TIMEOUT, settings.timeout);
    writer.attributeU32be(CONFIG.THRESHOLD, settings.threshold);
    writer.attribute(CONFIG.FLAGS, Uint8Array.of(0, FLAG_SEQUENCE));
    writer.endMessage();
  };
}

/** A logged packet and its number in the group, counted from 0. */
export interface NumberedPacket {
  readonly number: number;
  readonly packet: LoggedPacket;
}

/** Reads a logged packet; undefined for a message that is none. */
export function decodeLoggedPacket(bytes: Buffer, message: Message): NumberedPacket | undefined {
  if (message.type !== ((SUBSYSTEM.LOG << 8) | LOG.PACKET)) return undefined;
  const start = message.start + NFNETLINK_HEADER_BYTES;
  const attributes = new Attributes(bytes, start, message.end, PACKET.SEQUENCE);
  const inputDevice = attributes.u32be(PACKET.INPUT_DEVICE);
  const outputDevice = attributes.u32be(PACKET.OUTPUT_DEVICE);
  const mark = attributes.u32be(PACKET.MARK);
  const payload = bytes.subarray(attributes.start(PACKET.PAYLOAD), attributes.end(PACKET.PAYLOAD));
  return {
    number: attributes.u32be(PACKET.SEQUENCE) ?? 0,
    packet: {
      type: "packet",
      prefix: attributes.string(PACKET.PREFIX) ?? "",
      ...(inputDevice === undefined ? {} : { inputDevice }),
      ...(outputDevice === undefined ? {} : { outputDevice }),
      ...(mark === undefined ? {} : { mark }),
      packet: Uint8Array.from(payload),
    },
  };
}
