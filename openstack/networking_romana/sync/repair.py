"""Differences mended, each by itself, many at a time. Nothing here touches a port that has a host."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Callable

from networking_romana.client import ApiError, Client
from networking_romana.client import Endpoint as ClientEndpoint
from networking_romana.endpoints import Endpoints
from networking_romana.errors import RomanaConflict
from networking_romana.groups import Groups
from networking_romana.segments import Segments
from networking_romana.sync import difference as kinds
from networking_romana.sync.difference import Difference
from networking_romana.sync.neutron_api import NeutronApi, NeutronError
from networking_romana.sync.restore import restoration
from networking_romana.sync.romana_state import Endpoint, RomanaState
from networking_romana.tenants import Tenants

Refusals = Mapping[tuple[str, str], str]
"""Why a difference is still there, by its key."""


class Repairs:
    """What mends. Calls raise Unreachable when romanad is away; what it refuses is told, and the rest goes on."""

    def __init__(self, client: Client, neutron: NeutronApi, parallel: int, report: Callable[[int], None]) -> None:
        """``parallel`` requests run at a time; ``report`` hears how many differences have been dealt with."""
        self._client = client
        self._neutron = neutron
        self._tenants = Tenants(client)
        self._groups = Groups(client, neutron.group)
        segments = Segments(client, self._tenants, self._groups.ensure_fixed)
        self._endpoints = Endpoints(client, self._tenants, segments, lambda port_id, ref: None)
        self._parallel = parallel
        self._report = report
        self._done = 0

    def mend(self, differences: Iterable[Difference], romana: RomanaState) -> Refusals:
        """Mends what can be mended; in this order, since what is left may be in the way of what is missing."""
        refusals: dict[tuple[str, str], str] = {}
        by_kind: dict[str, list[Difference]] = {}
        for difference in differences:
            by_kind.setdefault(difference.kind, []).append(difference)
        for kind in (kinds.POLICY_MISSING, kinds.POLICY_DIFFERS):
            self._each(by_kind.get(kind, []), self._write_policy, refusals)
        self._each(by_kind.get(kinds.ADDRESS_KEPT, []), self._forget, refusals)
        self._each(by_kind.get(kinds.ADDRESS_LEFT, []), self._release, refusals)
        self._restore(by_kind.get(kinds.ADDRESS_MISSING, []), romana, refusals)
        self._each(by_kind.get(kinds.TENANT_MISSING, []), self._make_tenant, refusals)
        self._each(by_kind.get(kinds.SEGMENT_DIFFERS, []), self._act_as, refusals)
        self._each(by_kind.get(kinds.FIELDS_DIFFER, []), self._patch, refusals)
        self._each(by_kind.get(kinds.LOCATION_DIFFERS, []), self._send_home, refusals)
        self._each(by_kind.get(kinds.SEGMENT_LEFT, []), self._drop_segment, refusals)
        self._each(by_kind.get(kinds.TENANT_LEFT, []), self._drop_tenant, refusals)
        self._each(by_kind.get(kinds.POLICY_LEFT, []), self._drop_policy, refusals)
        return refusals

    def _forget(self, difference: Difference) -> None:
        self._neutron.forget_addresses(difference.port_id)

    def _release(self, difference: Difference) -> None:
        self._client.release(_as_client_knows(difference.data["endpoint"]))

    def _make_tenant(self, difference: Difference) -> None:
        self._tenants.name_of(difference.subject)

    def _act_as(self, difference: Difference) -> None:
        endpoint, port = difference.data["endpoint"], difference.data["port"]
        self._groups.ensure(port.port_class.groups or ())
        self._endpoints.act_as(_as_client_knows(endpoint), port.segment, port.port_class)

    def _patch(self, difference: Difference) -> None:
        endpoint = difference.data["endpoint"]
        self._client.patch(endpoint.addresses[0], difference.data["fields"], endpoint.revision)

    def _send_home(self, difference: Difference) -> None:
        endpoint = difference.data["endpoint"]
        self._client.locate(endpoint.addresses[0], endpoint.host)

    def _write_policy(self, difference: Difference) -> None:
        if difference.data["group"]:
            self._groups.ensure([difference.data["group"]])
        else:
            self._groups.ensure_fixed()

    def _drop_policy(self, difference: Difference) -> None:
        self._client.delete_policy(difference.data["policy"], difference.data["revision"])

    def _drop_segment(self, difference: Difference) -> None:
        self._client.delete_segment(difference.data["tenant"], difference.data["segment"])

    def _drop_tenant(self, difference: Difference) -> None:
        self._tenants.drop(difference.data["project_id"])

    def _restore(self, missing: list[Difference], romana: RomanaState, refusals: dict[tuple[str, str], str]) -> None:
        if not missing:
            return
        plan = restoration(((it.data["port"], it.subject) for it in missing), romana, self._client.hosts())
        key_of = {it.subject: it.key for it in missing}
        refusals.update({key_of[address]: reason for address, reason in plan.refused.items()})
        # No port may be open in a segment that is about to be.
        self._groups.ensure_fixed()
        self._groups.ensure({group for it in missing for group in it.data["port"].port_class.groups or ()})
        # Whoever is refused for want of these says so himself.
        for tenant in plan.tenants:
            _attempt(partial(self._client.create_tenant, tenant))
        for owner, segment in plan.segments:
            _attempt(partial(self._client.create_segment, owner, segment))
        for it in plan.growths:
            _attempt(partial(self._client.code_segment, it.tenant, it.name, it.codes, it.revision))
        wanted = [(key_of[request["address"]], partial(self._client.allocate, request)) for request in plan.endpoints]
        self._parallelly(wanted, refusals)

    def _each(
        self, differences: list[Difference], act: Callable[[Difference], None], refusals: dict[tuple[str, str], str]
    ) -> None:
        self._parallelly([(it.key, partial(act, it)) for it in differences], refusals)

    def _parallelly(
        self, acts: Sequence[tuple[tuple[str, str], Callable[[], Any]]], refusals: dict[tuple[str, str], str]
    ) -> None:
        if not acts:
            return
        with concurrent.futures.ThreadPoolExecutor(self._parallel) as pool:
            try:
                for (key, _), refusal in zip(acts, pool.map(lambda pair: _attempt(pair[1]), acts)):
                    if refusal is not None:
                        refusals[key] = refusal
                    self._done += 1
                    self._report(self._done)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise


def _attempt(act: Callable[[], Any]) -> str | None:
    """None when it was done, else why not."""
    try:
        act()
    except (ApiError, RomanaConflict, NeutronError) as error:
        return str(error)
    return None


def _as_client_knows(endpoint: Endpoint) -> ClientEndpoint:
    return ClientEndpoint(
        network=endpoint.network,
        host=endpoint.host,
        tenant=endpoint.tenant,
        segment=endpoint.segment,
        addresses=endpoint.addresses,
        external_id=endpoint.port_id,
        acts_as=endpoint.body.get("actsAs"),
        revision=endpoint.revision,
    )
