"""Which prefixes are address plans of Romana."""

from __future__ import annotations

import dataclasses

import netaddr

from networking_romana.client import Client


@dataclasses.dataclass(frozen=True)
class Plan:
    """The prefix of a network of Romana in one family."""

    network: str
    prefix: netaddr.IPNetwork


class Plans:
    """The plans of all networks, as romanad says them now. Every call raises Unreachable or ApiError."""

    def __init__(self, client: Client) -> None:
        """``client`` talks to romanad."""
        self._client = client

    def of_cidr(self, cidr: object) -> Plan | None:
        """The plan whose prefix is exactly this."""
        wanted = netaddr.IPNetwork(str(cidr))
        return next((plan for plan in self._read() if plan.prefix == wanted), None)

    def overlapping(self, cidr: object) -> Plan | None:
        """A plan that has an address in common with a prefix."""
        wanted = netaddr.IPNetwork(str(cidr))
        return next((plan for plan in self._read() if plan.prefix in wanted or wanted in plan.prefix), None)

    def _read(self) -> list[Plan]:
        return [
            Plan(network["name"], netaddr.IPNetwork(plan["prefix"]))
            for network in self._client.networks()
            for plan in network["plans"].values()
        ]
