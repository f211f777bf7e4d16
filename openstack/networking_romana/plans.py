"""Which subnets of Neutron are address plans of Romana."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import Callable

import netaddr

from networking_romana.client import ApiError, Client
from networking_romana.transport import Unreachable

FRESH = 60.0
"""Seconds that the list of networks is believed. A plan does not change, so an old list only lacks new ones."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """The prefix of a network of Romana in one family."""

    network: str
    prefix: netaddr.IPNetwork


class Plans:
    """The plans of all networks, read again now and then."""

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` counts seconds."""
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._plans: list[Plan] | None = None
        self._read_at = 0.0

    def of_cidr(self, cidr: object) -> Plan | None:
        """The plan whose prefix is exactly this. Raises Unreachable or ApiError when plans were never heard of."""
        wanted = netaddr.IPNetwork(str(cidr))
        return next((plan for plan in self._current() if plan.prefix == wanted), None)

    def overlapping(self, cidr: object) -> Plan | None:
        """A plan that has an address in common with a prefix."""
        wanted = netaddr.IPNetwork(str(cidr))
        return next((plan for plan in self._read() if plan.prefix in wanted or wanted in plan.prefix), None)

    def _current(self) -> list[Plan]:
        with self._lock:
            plans = self._plans
            if plans is not None and self._clock() - self._read_at < FRESH:
                return plans
        try:
            return self._read()
        except (ApiError, Unreachable):
            if plans is None:
                raise
            return plans

    def _read(self) -> list[Plan]:
        plans = [
            Plan(network["name"], netaddr.IPNetwork(plan["prefix"]))
            for network in self._client.networks()
            for plan in network["plans"].values()
        ]
        with self._lock:
            self._plans = plans
            self._read_at = self._clock()
        return plans
