"""The course of a comparison: read, look twice, mend, look again."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import time
from collections.abc import Iterable, Mapping
from typing import Any, Callable

from networking_romana.client import Client
from networking_romana.sync import difference as kinds
from networking_romana.sync.compare import compare
from networking_romana.sync.difference import Difference
from networking_romana.sync.neutron_api import BATCH, NeutronApi
from networking_romana.sync.neutron_state import NeutronState, network_of, plans_of, port_of
from networking_romana.sync.policies import wanted_policies
from networking_romana.sync.repair import Repairs
from networking_romana.sync.romana_state import RomanaState, read_romana

ROUNDS = 3
"""Most attempts: what is mended may show something else, such as an address that is free only now."""

FEW = 100
"""So many endpoints may be released whatever there is; more only if they are not most of all."""


class TooMany(Exception):
    """More would be released than can be believed. The text is for the operator."""


@dataclasses.dataclass(frozen=True)
class Options:
    """``settle``: seconds between two looks at what would be taken away; longer than a transaction of Neutron takes."""

    repair: bool
    settle: float
    parallel: int
    allow_many: bool


@dataclasses.dataclass(frozen=True)
class Outcome:
    """``differences`` are those that are there in the end; ``reasons`` say why, by key. ``mended`` are gone."""

    ports: int
    endpoints: int
    differences: tuple[Difference, ...]
    mended: tuple[Difference, ...]
    reasons: Mapping[tuple[str, str], str]


class Reconciler:
    """Raises ApiError, Unreachable, NeutronError or TooMany when it cannot go on; what is mended by then stays so."""

    def __init__(
        self,
        client: Client,
        neutron: NeutronApi,
        options: Options,
        report: Callable[[str, int], None],
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """``report`` hears what is being counted, and how many there are of it so far."""
        self._client = client
        self._neutron = neutron
        self._options = options
        self._report = report
        self._wait = wait

    def run(self) -> Outcome:
        """Compares, and mends if it shall."""
        self._neutron.demand_admin()
        neutron, romana = self._read()
        found = compare(neutron, romana)
        known = {it.key: it for it in found}
        mended_keys: set[tuple[str, str]] = set()
        reasons: dict[tuple[str, str], str] = {}
        for round_number in range(ROUNDS):
            neutron, romana = self._look_again(neutron, romana, found)
            keys = {it.key for it in found}
            # What has come since the first look is looked at twice as well, or next time.
            found = [it for it in compare(neutron, romana) if it.key in keys]
            wanted = [it for it in found if it.kind not in kinds.FOR_PEOPLE]
            if not self._options.repair or not wanted:
                break
            self._demand_few(wanted, romana)
            repairs = Repairs(
                self._client, self._neutron, self._options.parallel, lambda n: self._report("differences dealt with", n)
            )
            reasons = dict(repairs.mend(wanted, romana))
            mended_keys.update(it.key for it in wanted)
            neutron = self._with_ports(neutron, {it.port_id for it in wanted} - {""})
            romana = self._read_romana()
            found = compare(neutron, romana)
            known.update({it.key: it for it in found})
            if round_number == ROUNDS - 1:
                neutron, romana = self._look_again(neutron, romana, found)
                keys = {it.key for it in found}
                found = [it for it in compare(neutron, romana) if it.key in keys]
        left = {it.key for it in found}
        mended = tuple(known[key] for key in sorted(mended_keys - left))
        return Outcome(len(neutron.ports), len(romana.endpoints), tuple(found), mended, reasons)

    def _read(self) -> tuple[NeutronState, RomanaState]:
        # Neutron first: what it has is in Romana before it is in Neutron.
        frame = self._read_frame()
        bodies = self._neutron.all("ports", lambda count: self._report("ports read", count))
        return _with_all(frame, bodies), self._read_romana()

    def _read_frame(self) -> NeutronState:
        """All but the ports."""
        networks = {body["id"]: network_of(body) for body in self._neutron.all("networks")}
        plans = plans_of(self._neutron.all("subnets"), self._client.networks())
        groups = wanted_policies(self._neutron.all("security-groups"), self._neutron.all("address-groups"))
        return NeutronState(networks, plans, {}, groups)

    def _read_romana(self) -> RomanaState:
        return read_romana(self._client)

    def _look_again(
        self, neutron: NeutronState, romana: RomanaState, found: list[Difference]
    ) -> tuple[NeutronState, RomanaState]:
        """The same states, newer where they differ; what a repair would only add is added without a second look."""
        doubted = [it for it in found if not self._options.repair or it.kind not in kinds.ADDS]
        if not doubted:
            return neutron, romana
        if any(it.kind in kinds.TAKES_AWAY for it in doubted):
            self._wait(self._options.settle)
        frame = self._read_frame()
        # Ports that are not looked at again keep their network.
        used = {port.network_id: neutron.networks[port.network_id] for port in neutron.ports.values()}
        newer = dataclasses.replace(frame, networks={**used, **frame.networks}, ports=neutron.ports)
        return self._with_ports(newer, {it.port_id for it in doubted} - {""}), self._read_romana()

    def _with_ports(self, neutron: NeutronState, port_ids: Iterable[str]) -> NeutronState:
        ids = sorted(port_ids)
        batches = [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
        with concurrent.futures.ThreadPoolExecutor(self._options.parallel) as pool:
            bodies = [body for batch in pool.map(self._neutron.ports, batches) for body in batch]
        return _with_all(neutron, bodies, ids)

    def _demand_few(self, wanted: list[Difference], romana: RomanaState) -> None:
        count = sum(it.kind == kinds.ADDRESS_LEFT for it in wanted)
        total = sum(endpoint.is_ours for endpoint in romana.endpoints)
        if count > FEW and count * 2 > total and not self._options.allow_many:
            raise TooMany(
                f"{count} of {total} endpoints are no port's any more, which is hard to believe: nothing was changed. "
                "If Neutron is the right one and complete, repeat it with --allow-many"
            )


def _with_all(
    neutron: NeutronState, bodies: Iterable[Mapping[str, Any]], looked_for: Iterable[str] = ()
) -> NeutronState:
    ports = (port_of(body, neutron.networks, neutron.plans) for body in bodies)
    return neutron.with_ports(looked_for, [port for port in ports if port is not None])
