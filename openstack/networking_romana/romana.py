"""The parts of the drivers, made once in a process from its configuration."""

from __future__ import annotations

import dataclasses
import threading

from neutron_lib import context as n_context
from neutron_lib import exceptions as n_exc
from neutron_lib.plugins import directory

from networking_romana import config
from networking_romana.client import Client
from networking_romana.endpoints import Endpoints
from networking_romana.groups import Groups
from networking_romana.later import Later
from networking_romana.plans import Plans
from networking_romana.read_group import read_group
from networking_romana.releases import Releases
from networking_romana.segments import Segments
from networking_romana.tenants import Tenants
from networking_romana.transport import Settings, Transport


@dataclasses.dataclass(frozen=True)
class Romana:
    """What the drivers work with."""

    plans: Plans
    tenants: Tenants
    endpoints: Endpoints
    releases: Releases
    segments: Segments
    groups: Groups
    later: Later


def romana_of(settings: Settings) -> Romana:
    """The parts for a romanad. Raises ValueError when its URL cannot be used."""
    client = Client(Transport(settings))
    tenants = Tenants(client)
    groups = Groups(client, read_group)
    segments = Segments(client, tenants, groups.ensure_fixed)
    endpoints = Endpoints(client, tenants, segments, lambda port_id, ref: releases.later(port_id, [ref]))
    releases = Releases(endpoints, _addresses_of)
    return Romana(Plans(client), tenants, endpoints, releases, segments, groups, Later())


_lock = threading.Lock()
_romana: Romana | None = None


def romana() -> Romana:
    """The parts for the romanad of the configuration."""
    global _romana
    with _lock:
        if _romana is None:
            _romana = romana_of(config.settings_of(config.register()))
        return _romana


def _addresses_of(port_id: str) -> list[str]:
    try:
        port = directory.get_plugin().get_port(n_context.get_admin_context(), port_id)
    except n_exc.PortNotFound:
        return []
    return [ip["ip_address"] for ip in port["fixed_ips"]]
