"""Both sides compared. Pure: states in, differences out."""

from __future__ import annotations

from collections.abc import Iterator

from networking_romana.network_type import TYPE_ROMANA
from networking_romana.plug import Plug, plug_in
from networking_romana.segment_choice import BadSegment, choose_segment
from networking_romana.sync import difference as kinds
from networking_romana.sync.difference import Difference
from networking_romana.sync.neutron_state import NeutronState, Port
from networking_romana.sync.policies import policy_differences
from networking_romana.sync.romana_state import Endpoint, RomanaState
from networking_romana.tenants import MADE_BY, NEUTRON


def compare(neutron: NeutronState, romana: RomanaState) -> list[Difference]:
    """All differences, those of one kind together, in the order in which they are mended."""
    found = [
        *_left(neutron, romana),
        *_of_ports(neutron, romana),
        *_of_projects(neutron, romana),
        *_segments_left(neutron, romana),
        *policy_differences(neutron, romana),
    ]
    order = [kinds.ADDRESS_LEFT, kinds.ADDRESS_KEPT, kinds.TENANT_MISSING, kinds.ADDRESS_MISSING]
    rank = {kind: number for number, kind in enumerate(order)}
    return sorted(found, key=lambda it: (rank.get(it.kind, len(order)), it.kind, it.subject))


def _left(neutron: NeutronState, romana: RomanaState) -> Iterator[Difference]:
    for endpoint in romana.endpoints:
        if not endpoint.is_ours:
            continue
        port = neutron.ports.get(endpoint.port_id or "")
        if port is not None and not set(port.addresses).isdisjoint(endpoint.addresses):
            continue
        what = "no such port" if port is None else f"port {port.id} has {_words(port.addresses)}"
        whose = f"endpoint of port {endpoint.port_id}"
        yield Difference(
            kinds.ADDRESS_LEFT, endpoint.addresses[0], what, whose, endpoint.port_id or "", {"endpoint": endpoint}
        )


def _of_ports(neutron: NeutronState, romana: RomanaState) -> Iterator[Difference]:
    for port in neutron.ports.values():
        for address in port.addresses:
            endpoint = romana.by_address.get(address)
            if endpoint is None:
                where = f"port {port.id} on host {port.host or 'none'}"
                yield Difference(kinds.ADDRESS_MISSING, address, where, "nothing", port.id, {"port": port})
            elif endpoint.port_id != port.id:
                whose = f"endpoint of {endpoint.port_id or endpoint.name or 'nobody'}"
                yield Difference(kinds.ADDRESS_TAKEN, address, f"port {port.id}", whose, port.id)
        if port.is_deferred and not port.host and port.addresses:
            yield Difference(
                kinds.ADDRESS_KEPT,
                port.id,
                f"waits for its host with {_words(port.addresses)}",
                "the address of another host",
                port.id,
                {"port": port},
            )
        if port.addresses and port.segment is None:
            network = neutron.networks[port.network_id]
            what = f'"{network.name}", {_words(network.tags)}'
            yield Difference(kinds.SEGMENT_UNKNOWN, port.id, f"words of its network: {what}", "", port.id)
        for endpoint in _endpoints_of(port, romana):
            yield from _of_endpoint(port, endpoint, romana)


def _of_endpoint(port: Port, endpoint: Endpoint, romana: RomanaState) -> Iterator[Difference]:
    subject = endpoint.addresses[0]
    where = endpoint.body.get("locatedOn", endpoint.host)
    if port.host and port.host != where:
        if port.host == endpoint.host:
            yield Difference(kinds.LOCATION_DIFFERS, subject, port.host, where, port.id, {"endpoint": endpoint})
        else:
            yield Difference(kinds.HOST_DIFFERS, subject, port.host, where, port.id)
    tenants = romana.by_project.get(port.project_id, ())
    if tenants and endpoint.tenant not in [tenant.name for tenant in tenants]:
        yield Difference(kinds.TENANT_DIFFERS, subject, tenants[0].name, endpoint.tenant, port.id)
    elif port.segment is not None:
        acts_as = romana.segments.get((endpoint.tenant, endpoint.acts_as))
        if acts_as is None or acts_as.external_id != port.port_class.external_id(port.segment):
            data = {"endpoint": endpoint, "port": port}
            wanted = f"{port.segment}, {_groups(port)}"
            yield Difference(kinds.SEGMENT_DIFFERS, subject, wanted, endpoint.acts_as, port.id, data)
    said = plug_in(endpoint.body)
    if said != port.plug:
        fields = {"endpoint": endpoint, "fields": port.plug.words()}
        yield Difference(kinds.FIELDS_DIFFER, subject, _plug(port.plug), _plug(said), port.id, fields)


def _of_projects(neutron: NeutronState, romana: RomanaState) -> Iterator[Difference]:
    needing = {n.project_id for n in neutron.networks.values() if n.type == TYPE_ROMANA}
    needing.update(port.project_id for port in neutron.ports.values() if port.addresses)
    for project_id in needing - {""}:
        tenants = romana.by_project.get(project_id, ())
        if not tenants:
            yield Difference(kinds.TENANT_MISSING, project_id, "networks or ports", "no tenant")
        elif len(tenants) > 1:
            names = _words(tenant.name for tenant in tenants)
            yield Difference(kinds.TENANT_TWICE, project_id, "one project", f"tenants {names}")
    present = {n.project_id for n in neutron.networks.values()} | {p.project_id for p in neutron.ports.values()}
    used = {endpoint.tenant for endpoint in romana.endpoints if not _is_left(endpoint, neutron)}
    for tenant in romana.tenants.values():
        is_ours = tenant.labels.get(MADE_BY) == NEUTRON and tenant.external_id is not None
        if not is_ours or tenant.external_id in present or tenant.name in used:
            continue
        yield Difference(
            kinds.TENANT_LEFT, tenant.name, "no network, no port", "tenant", "", {"project_id": tenant.external_id}
        )


def _segments_left(neutron: NeutronState, romana: RomanaState) -> Iterator[Difference]:
    used = {(e.tenant, name) for e in romana.endpoints if not _is_left(e, neutron) for name in (e.segment, e.acts_as)}
    named = {(port.project_id, port.segment) for port in neutron.ports.values()}
    for network in neutron.networks.values():
        try:
            word = choose_segment((), {}, network.tags, network.name)
        except BadSegment:
            continue
        named.add((network.project_id, word))
    for segment in romana.segments.values():
        project_id = romana.tenants[segment.tenant].external_id if segment.tenant in romana.tenants else None
        if not segment.is_ours or (segment.tenant, segment.name) in used or (project_id, segment.word) in named:
            continue
        subject = f"{segment.tenant}/{segment.name}"
        data = {"tenant": segment.tenant, "segment": segment.name}
        yield Difference(kinds.SEGMENT_LEFT, subject, "named by nothing", "segment", "", data)


def _endpoints_of(port: Port, romana: RomanaState) -> list[Endpoint]:
    found = {e.addresses: e for e in (romana.by_address.get(a) for a in port.addresses) if e is not None}
    return [endpoint for endpoint in found.values() if endpoint.port_id == port.id]


def _is_left(endpoint: Endpoint, neutron: NeutronState) -> bool:
    port = neutron.ports.get(endpoint.port_id or "")
    return endpoint.is_ours and (port is None or set(port.addresses).isdisjoint(endpoint.addresses))


def _groups(port: Port) -> str:
    groups = port.port_class.groups
    return "port security off" if groups is None else f"groups {_words(sorted(groups))}"


def _plug(plug: Plug) -> str:
    tap = "no tap" if plug.tap is None else f"{plug.tap[0]} with {plug.tap[1]}"
    return f"{tap}, instance {plug.instance or 'none'}"


def _words(things: object) -> str:
    return ", ".join(str(thing) for thing in things) or "none"  # type: ignore[attr-defined]
