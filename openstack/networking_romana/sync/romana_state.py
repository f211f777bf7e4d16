"""What romanad says, as far as Neutron has to do with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from networking_romana.client import Client, Tenant, tenant_of
from networking_romana.segments import word_of
from networking_romana.tenants import MADE_BY, NEUTRON

TOKEN = "neutron/"
"""Request tokens of endpoints that were made for Neutron begin so."""


@dataclasses.dataclass(frozen=True)
class Segment:
    """A segment of a tenant. ``word`` is what words of ports name when they mean it or another class of it."""

    tenant: str
    name: str
    codes: tuple[str, ...]
    external_id: str | None
    word: str
    is_ours: bool
    revision: int


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """An endpoint; ``body`` is all that romanad says of it."""

    name: str | None
    network: str
    host: str
    tenant: str
    segment: str
    addresses: tuple[str, ...]
    port_id: str | None
    acts_as: str
    is_ours: bool
    revision: int
    body: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class RomanaState:
    """romanad's networks, tenants (by project, too), segments, endpoints (by each address), and policies by ID."""

    networks: tuple[Mapping[str, Any], ...]
    tenants: Mapping[str, Tenant]
    by_project: Mapping[str, tuple[Tenant, ...]]
    segments: Mapping[tuple[str, str], Segment]
    endpoints: tuple[Endpoint, ...]
    by_address: Mapping[str, Endpoint]
    policies: Mapping[str, Mapping[str, Any]]


def read_romana(client: Client) -> RomanaState:
    """Reads all. Raises ApiError or Unreachable."""
    return romana_state(
        client.networks(), client.tenants(), client.all_segments(), client.endpoints(), client.policies()
    )


def romana_state(
    networks: list[Mapping[str, Any]],
    tenants: list[Mapping[str, Any]],
    segments: list[Mapping[str, Any]],
    endpoints: list[Mapping[str, Any]],
    policies: list[Mapping[str, Any]],
) -> RomanaState:
    """Of the objects as the API has them."""
    known = [tenant_of(body) for body in tenants]
    by_project: dict[str, tuple[Tenant, ...]] = {}
    for tenant in known:
        if tenant.external_id is not None:
            by_project[tenant.external_id] = (*by_project.get(tenant.external_id, ()), tenant)
    read = tuple(_endpoint_of(body) for body in endpoints)
    return RomanaState(
        networks=tuple(networks),
        tenants={tenant.name: tenant for tenant in known},
        by_project=by_project,
        segments={(body["tenant"], body["name"]): _segment_of(body) for body in segments},
        endpoints=read,
        by_address={address: endpoint for endpoint in read for address in endpoint.addresses},
        policies={str(policy["id"]): policy for policy in policies},
    )


def _segment_of(body: Mapping[str, Any]) -> Segment:
    return Segment(
        tenant=body["tenant"],
        name=body["name"],
        codes=tuple(body["codes"]),
        external_id=body.get("externalId"),
        word=word_of(body),
        is_ours=body.get("labels", {}).get(MADE_BY) == NEUTRON,
        revision=body["revision"],
    )


def _endpoint_of(body: Mapping[str, Any]) -> Endpoint:
    addresses = body["addresses"]
    return Endpoint(
        name=body.get("name"),
        network=body["network"],
        host=body["host"],
        tenant=body["tenant"],
        segment=body["segment"],
        addresses=tuple(addresses[family] for family in ("ipv4", "ipv6") if family in addresses),
        port_id=body.get("externalId"),
        acts_as=body.get("actsAs", body["segment"]),
        is_ours=body.get("requestToken", "").startswith(TOKEN),
        revision=body["revision"],
        body=body,
    )
