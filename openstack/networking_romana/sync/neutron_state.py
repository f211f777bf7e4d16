"""What Neutron says, as far as Romana has to do with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import netaddr
from neutron_lib.utils import net

from networking_romana.plug import Plug, plug_of
from networking_romana.port_class import UNFILTERED, PortClass
from networking_romana.segment_choice import BadSegment, choose_segment

NO_PLUG = Plug()

DEFERRED = "deferred"
"""``ip_allocation`` of a port that has waited, or waits, for its host."""


@dataclasses.dataclass(frozen=True)
class Network:
    """A network of Neutron. ``segments`` are those that it or its tags name for ports that say nothing themselves."""

    id: str
    project_id: str
    name: str
    tags: tuple[str, ...]
    type: str


@dataclasses.dataclass(frozen=True)
class Port:
    """A port with its addresses of plans. ``segment`` is None when its words are no name of one."""

    id: str
    project_id: str
    network_id: str
    host: str
    addresses: tuple[str, ...]
    segment: str | None
    is_deferred: bool
    port_class: PortClass = UNFILTERED
    plug: Plug = NO_PLUG


@dataclasses.dataclass(frozen=True)
class NeutronState:
    """Networks, subnets that are plans with the plan's network of Romana, ports, by ID; wanted policies by group."""

    networks: Mapping[str, Network]
    plans: Mapping[str, str]
    ports: Mapping[str, Port]
    policies: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)

    def with_ports(self, looked_for: Iterable[str], found: Iterable[Port]) -> NeutronState:
        """The same after some ports were looked for again and these were found."""
        ports = {**self.ports}
        for port_id in looked_for:
            ports.pop(port_id, None)
        ports.update({port.id: port for port in found})
        return dataclasses.replace(self, ports=ports)


def network_of(body: Mapping[str, Any]) -> Network:
    """Reads a network of the API."""
    return Network(
        id=body["id"],
        project_id=body["project_id"],
        name=body["name"] or "",
        tags=tuple(body.get("tags") or ()),
        type=str(body["provider:network_type"]),
    )


def plans_of(subnets: Iterable[Mapping[str, Any]], networks: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Network of Romana by ID of those subnets of the API that are its plan."""
    by_prefix = {
        netaddr.IPNetwork(plan["prefix"]): str(network["name"])
        for network in networks
        for plan in network["plans"].values()
    }
    named = ((str(subnet["id"]), by_prefix.get(netaddr.IPNetwork(subnet["cidr"]))) for subnet in subnets)
    return {subnet_id: name for subnet_id, name in named if name is not None}


def port_of(body: Mapping[str, Any], networks: Mapping[str, Network], plans: Mapping[str, str]) -> Port | None:
    """Reads a port of the API; None when its network has come after the networks were read."""
    network = networks.get(body["network_id"])
    if network is None:
        return None
    tags, profile = body.get("tags") or (), body.get("binding:profile") or {}
    try:
        segment: str | None = choose_segment(tags, profile, network.tags, network.name)
    except BadSegment:
        segment = None
    return Port(
        id=body["id"],
        project_id=body["project_id"],
        network_id=network.id,
        host=body["binding:host_id"] or "",
        addresses=tuple(ip["ip_address"] for ip in body["fixed_ips"] if ip["subnet_id"] in plans),
        segment=segment,
        is_deferred=body.get("ip_allocation") == DEFERRED,
        port_class=_class_of(body),
        plug=plug_of(body["id"], body.get("device_owner") or "", body.get("device_id") or "", body["mac_address"]),
    )


def _class_of(body: Mapping[str, Any]) -> PortClass:
    owner = body.get("device_owner") or ""
    is_trusted = owner != "" and net.is_port_trusted({"device_owner": owner})
    if is_trusted or body.get("port_security_enabled") is False:
        return UNFILTERED
    return PortClass(frozenset(body.get("security_groups") or ()))
