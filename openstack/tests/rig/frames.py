"""Frames as a guest of a test needs them: Ethernet, ARP, IPv4, ICMP echo, TCP and DHCP. Addresses are bytes."""

import struct

BROADCAST = b"\xff" * 6
NOWHERE = b"\0" * 4
IPV4, ARP = 0x0800, 0x0806
ICMP, TCP, UDP = 1, 6, 17
ARP_REQUEST, ARP_REPLY = 1, 2
ECHO_REPLY, ECHO_REQUEST = 0, 8
SYN, RST, SYN_ACK = 0x02, 0x04, 0x12
DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5
COOKIE = b"\x63\x82\x53\x63"


def checksum(data):
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(to, source, kind, payload):
    return to + source + struct.pack("!H", kind) + payload


def arp(operation, mac, address, to_mac, to):
    return struct.pack("!HHBBH", 1, IPV4, 6, 4, operation) + mac + address + to_mac + to


def read_arp(payload):
    """Operation, MAC and IPv4 address of the sender, and the address asked for."""
    return struct.unpack("!H", payload[6:8])[0], payload[8:14], payload[14:18], payload[24:28]


def ipv4(source, to, protocol, payload):
    words = (0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol)
    header = struct.pack("!BBHHHBBH", *words, 0) + source + to
    return struct.pack("!BBHHHBBH", *words, checksum(header)) + source + to + payload


def read_ipv4(packet):
    """Source, destination, protocol, payload."""
    start, length = (packet[0] & 15) * 4, struct.unpack("!H", packet[2:4])[0]
    return packet[12:16], packet[16:20], packet[9], packet[start:length]


def echo(kind, token):
    """``token`` is 32 bits that come back in the answer."""
    body = struct.pack("!I", token)
    return struct.pack("!BBH", kind, 0, checksum(struct.pack("!BBH", kind, 0, 0) + body)) + body


def read_echo(payload):
    """Type and token."""
    return payload[0], struct.unpack("!I", payload[4:8])[0]


def tcp(source, to, ports, sequence, acknowledged, flags):
    """A segment without data, as RFC 9293 has it; ``ports`` are those of source and destination."""
    words = (*ports, sequence & 0xFFFFFFFF, acknowledged & 0xFFFFFFFF, 5 << 4, flags, 65535)
    pseudo = source + to + struct.pack("!HH", TCP, 20)
    value = checksum(pseudo + struct.pack("!HHIIBBHHH", *words, 0, 0))
    return struct.pack("!HHIIBBHHH", *words, value, 0)


def read_tcp(payload):
    """Ports of source and destination, sequence and acknowledgement numbers, flags."""
    source, to, sequence, acknowledged, _, flags = struct.unpack("!HHIIBB", payload[:14])
    return source, to, sequence, acknowledged, flags


def dhcp(kind, mac, transaction, *options):
    """A request of RFC 2131 that wants its answer broadcast; from UDP port 68 to 67. Options are pairs."""
    fixed = (
        struct.pack("!BBBBIHH", 1, 1, 6, 0, transaction, 0, 0x8000) + NOWHERE * 4 + mac.ljust(16, b"\0") + b"\0" * 192
    )
    every = [(53, bytes([kind])), *options, (55, bytes([1, 3, 121]))]
    text = b"".join(bytes([code, len(value)]) + value for code, value in every)
    message = fixed + COOKIE + text + b"\xff"
    return struct.pack("!HHHH", 68, 67, 8 + len(message), 0) + message


def read_dhcp(payload):
    """Transaction, offered address and options of an answer; None for any other UDP."""
    ports, message = struct.unpack("!HH", payload[:4]), payload[8:]
    if ports != (67, 68) or message[236:240] != COOKIE:
        return None
    options, rest = {}, message[240:]
    while rest and rest[0] != 255:
        if rest[0] == 0:
            rest = rest[1:]
            continue
        options[rest[0]], rest = rest[2 : 2 + rest[1]], rest[2 + rest[1] :]
    return struct.unpack("!I", message[4:8])[0], message[16:20], options
