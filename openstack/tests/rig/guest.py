"""A guest behind a tap, without a kernel: it knows its MAC address, and learns all else as a guest does."""

import contextlib
import fcntl
import os
import socket
import struct
import subprocess

from rig import frames

TUNSETIFF = 0x400454CA
TAP_WITHOUT_HEADER = 0x1002


class Guest:
    """Answers ARP and echo requests for its address, and takes every TCP connection."""

    def __init__(self, tap, mac):
        self.tap = tap
        self.mac = bytes.fromhex(mac.replace(":", ""))
        self.address = None
        self.mask = None
        self.gateway = None
        self.gateway_mac = None
        self.answered = set()
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", tap.encode(), TAP_WITHOUT_HEADER))
        # As libvirt names the host's end.
        subprocess.run(["ip", "link", "set", tap, "address", f"fe{mac[2:]}", "up"], check=True)

    def close(self):
        """The tap is gone with it."""
        os.close(self.fd)

    def read(self):
        """All that waits."""
        with contextlib.suppress(OSError):
            while True:
                self._hear(os.read(self.fd, 2048))

    def tell(self):
        known = {"address": self.address, "mask": self.mask, "gateway": self.gateway}
        return {key: value and socket.inet_ntoa(value) for key, value in known.items()}

    def settle(self):
        """Asks again for what it does not know yet; to be called once in a while."""
        if self.address is None:
            self._ask_dhcp(frames.DISCOVER)
        elif self.gateway_mac is None:
            self._send_arp(frames.ARP_REQUEST, frames.BROADCAST, b"\0" * 6, self.gateway)

    def probe(self, token, to, protocol, port):
        """A first packet; what answers it brings the token into ``answered``. Without an address nothing is sent."""
        if self.address is None or self.gateway_mac is None:
            return
        target = socket.inet_aton(to)
        if protocol == frames.ICMP:
            self._send(target, protocol, frames.echo(frames.ECHO_REQUEST, token))
        else:
            ports = (1024 + token % 64000, port)
            self._send(target, protocol, frames.tcp(self.address, target, ports, token, 0, frames.SYN))

    def _hear(self, frame):
        kind, payload = struct.unpack("!H", frame[12:14])[0], frame[14:]
        if kind == frames.ARP:
            operation, mac, sender, target = frames.read_arp(payload)
            if operation == frames.ARP_REQUEST and target == self.address is not None:
                self._send_arp(frames.ARP_REPLY, mac, mac, sender)
            elif operation == frames.ARP_REPLY and sender == self.gateway:
                self.gateway_mac = mac
        elif kind == frames.IPV4:
            source, to, protocol, body = frames.read_ipv4(payload)
            if protocol == frames.UDP:
                self._hear_dhcp(body)
            elif to == self.address is not None:
                self._answer(source, protocol, body)

    def _answer(self, source, protocol, body):
        if protocol == frames.ICMP:
            kind, token = frames.read_echo(body)
            if kind == frames.ECHO_REQUEST:
                self._send(source, protocol, frames.echo(frames.ECHO_REPLY, token))
            elif kind == frames.ECHO_REPLY:
                self.answered.add(token)
        elif protocol == frames.TCP:
            theirs, ours, sequence, acknowledged, flags = frames.read_tcp(body)
            if flags == frames.SYN:
                reply = (0, sequence + 1, frames.SYN_ACK)
            elif flags == frames.SYN_ACK:
                self.answered.add(acknowledged - 1)
                reply = (acknowledged, 0, frames.RST)
            else:
                return
            self._send(source, protocol, frames.tcp(self.address, source, (ours, theirs), *reply))

    def _hear_dhcp(self, body):
        transaction, address, options = frames.read_dhcp(body) or (None, None, {})
        if transaction != self._transaction() or self.address is not None:
            return
        if options[53] == bytes([frames.OFFER]):
            self._ask_dhcp(frames.REQUEST, (50, address), (54, options[54]))
        elif options[53] == bytes([frames.ACK]):
            self.address, self.mask, self.gateway = address, options[1], options[3]
            self.settle()

    def _transaction(self):
        return struct.unpack("!I", self.mac[2:])[0]

    def _ask_dhcp(self, kind, *options):
        body = frames.dhcp(kind, self.mac, self._transaction(), *options)
        packet = frames.ipv4(frames.NOWHERE, b"\xff" * 4, frames.UDP, body)
        self._write(frames.ethernet(frames.BROADCAST, self.mac, frames.IPV4, packet))

    def _send_arp(self, operation, to, to_mac, target):
        body = frames.arp(operation, self.mac, self.address, to_mac, target)
        self._write(frames.ethernet(to, self.mac, frames.ARP, body))

    def _send(self, to, protocol, body):
        packet = frames.ipv4(self.address, to, protocol, body)
        self._write(frames.ethernet(self.gateway_mac or frames.BROADCAST, self.mac, frames.IPV4, packet))

    def _write(self, frame):
        # A tap that is down, or full, loses it, as any wire may.
        with contextlib.suppress(OSError):
            os.write(self.fd, frame)
