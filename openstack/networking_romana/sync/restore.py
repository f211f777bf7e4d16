"""Endpoints for addresses that only Neutron knows: romanad was restored from an old copy, or is new. Pure.

An address is asked for as it is, so what its bits say must be there first: the tenant with its ID, the segment with its
code. They are read from the bits where romanad has neither; whether all agrees is romanad's to say.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import netaddr

from networking_romana.port_class import PortClass
from networking_romana.sync.neutron_state import Port
from networking_romana.sync.romana_state import TOKEN, RomanaState, Segment
from networking_romana.tenants import MADE_BY, NEUTRON

LABELS = {MADE_BY: NEUTRON}


@dataclasses.dataclass(frozen=True)
class Growth:
    """A segment that gets further codes, if it has its revision still; ``codes`` are all of them."""

    tenant: str
    name: str
    codes: tuple[str, ...]
    revision: int


@dataclasses.dataclass(frozen=True)
class Restoration:
    """What to send, field by field: specs of tenants, of segments with their tenant, and of endpoints.

    ``refused`` says why an address cannot be restored.
    """

    tenants: tuple[Mapping[str, Any], ...]
    segments: tuple[tuple[str, Mapping[str, Any]], ...]
    growths: tuple[Growth, ...]
    endpoints: tuple[Mapping[str, Any], ...]
    refused: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class _Place:
    """What an address says. ``code`` is of the plan's own width, ``number`` the value of the endpoint's bits."""

    port: Port
    address: str
    network: str
    host: str
    tenant_id: int
    code: str
    number: int


def restoration(
    missing: Iterable[tuple[Port, str]], romana: RomanaState, hosts: Iterable[Mapping[str, Any]]
) -> Restoration:
    """What restores these addresses of ports."""
    refused: dict[str, str] = {}
    places: list[_Place] = []
    host_of = _hosts_by_prefix(hosts)
    for port, address in missing:
        place = _place_of(port, address, romana, host_of)
        if place is None:
            refused[address] = "it belongs to no host of Romana"
        else:
            places.append(place)
    names, tenants = _tenants_of(places, romana)
    owners, segments, growths = _segments_of(places, names, romana)
    taken = {endpoint.name for endpoint in romana.endpoints}
    # Both families of an endpoint have the same IDs: the first one asks for both.
    asked: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for place in places:
        tenant = names[place.port.project_id]
        segment = owners.get((tenant, place.code))
        if segment is None:
            refused[place.address] = f"no segment has its code {place.code}, and no port with it names one"
            continue
        same = (place.port.id, place.network, place.host, place.tenant_id, place.code, place.number)
        if same in asked:
            continue
        name = _free_name(f"{place.port.id}.{place.host}", taken)
        asked[same] = {
            "network": place.network,
            "host": place.host,
            "tenant": tenant,
            "segment": segment,
            "address": place.address,
            "name": name,
            "requestToken": f"{TOKEN}{name}",
            "externalId": place.port.id,
            **{key: word for key, word in place.port.plug.words().items() if word is not None},
        }
    return Restoration(tuple(tenants), tuple(segments), tuple(growths), tuple(asked.values()), refused)


_Hosts = Mapping[tuple[int, int], Mapping[int, str]]
"""Host by the number of its prefix, by IP version and length."""


def _hosts_by_prefix(hosts: Iterable[Mapping[str, Any]]) -> _Hosts:
    table: dict[tuple[int, int], dict[int, str]] = {}
    for host in hosts:
        for prefixes in host["prefixes"].values():
            for text in prefixes.values():
                prefix = netaddr.IPNetwork(text)
                table.setdefault((prefix.version, prefix.prefixlen), {})[prefix.first] = host["name"]
    return table


def _place_of(port: Port, address: str, romana: RomanaState, host_of: _Hosts) -> _Place | None:
    parsed = netaddr.IPAddress(address)
    value, width = int(parsed), 32 if parsed.version == 4 else 128
    found = (
        (network["name"], plan)
        for network in romana.networks
        for plan in network["plans"].values()
        if parsed in netaddr.IPNetwork(plan["prefix"])
    )
    network, plan = next(found, ("", None))
    if plan is None:
        return None
    behind_segment = plan["endpointBits"] + plan["strideBits"]
    behind_host = behind_segment + plan["segmentBits"] + plan["tenantBits"]
    host = host_of.get((parsed.version, width - behind_host), {}).get(value >> behind_host << behind_host)
    if host is None:
        return None
    return _Place(
        port=port,
        address=address,
        network=network,
        host=host,
        tenant_id=_bits(value, behind_segment + plan["segmentBits"], plan["tenantBits"]),
        code=str(_bits(value, behind_segment, plan["segmentBits"])),
        number=_bits(value, plan["strideBits"], plan["endpointBits"]),
    )


def _bits(value: int, behind: int, count: int) -> int:
    return value >> behind & (1 << count) - 1


def _tenants_of(places: list[_Place], romana: RomanaState) -> tuple[dict[str, str], list[Mapping[str, Any]]]:
    """The name of each project's tenant, and those that are not there."""
    names: dict[str, str] = {}
    specs: list[Mapping[str, Any]] = []
    for place in places:
        project_id = place.port.project_id
        if project_id in names:
            continue
        known = romana.by_project.get(project_id, ())
        names[project_id] = known[0].name if known else project_id
        if not known:
            specs.append({"name": project_id, "id": place.tenant_id, "externalId": project_id, "labels": LABELS})
    return names, specs


def _segments_of(
    places: list[_Place], names: Mapping[str, str], romana: RomanaState
) -> tuple[dict[tuple[str, str], str], list[tuple[str, Mapping[str, Any]]], list[Growth]]:
    """The segment of each tenant's code, those that are not there, and those that want further codes.

    A code that nobody owns is that of the class that most of its ports are of; the others will act as theirs.
    """
    owners = {(tenant, code): name for (tenant, name), segment in romana.segments.items() for code in segment.codes}
    by_class = {(s.tenant, s.external_id): s for s in romana.segments.values() if s.external_id is not None}
    votes: dict[tuple[str, str], collections.Counter[tuple[str, PortClass]]] = {}
    for place in places:
        own = (names[place.port.project_id], place.code)
        if own not in owners and place.port.segment is not None:
            votes.setdefault(own, collections.Counter())[place.port.segment, place.port.port_class] += 1
    codes: dict[tuple[str, str, PortClass], list[str]] = {}
    for (tenant, code), classes in votes.items():
        (word, port_class), _ = classes.most_common(1)[0]
        codes.setdefault((tenant, word, port_class), []).append(code)
    made: list[tuple[str, Mapping[str, Any]]] = []
    growths: list[Growth] = []
    taken = set(romana.segments)
    for (tenant, word, port_class), own_codes in codes.items():
        external_id = port_class.external_id(word)
        known = by_class.get((tenant, external_id)) or _nobodys(romana, tenant, word)
        name = word if (tenant, word) not in taken else port_class.name(word)
        if known is not None:
            name = known.name
        taken.add((tenant, name))
        owners.update({(tenant, code): name for code in own_codes})
        if known is None:
            labels = {**LABELS, **port_class.labels(word)}
            made.append((tenant, {"name": name, "externalId": external_id, "codes": own_codes, "labels": labels}))
        else:
            growths.append(Growth(tenant, name, (*known.codes, *own_codes), known.revision))
    return owners, made, growths


def _nobodys(romana: RomanaState, tenant: str, word: str) -> Segment | None:
    """The segment with a word as its name that is of no class yet."""
    found = romana.segments.get((tenant, word))
    return found if found is not None and found.external_id is None else None


def _free_name(name: str, taken: set[str | None]) -> str:
    number, free = 0, name
    while free in taken:
        number += 1
        free = f"{name}.{number}"
    taken.add(free)
    return free
