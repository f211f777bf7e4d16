"""The ML2 mechanism driver: refuses before the commit what Romana cannot do, acts after it, binds ports as taps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Callable

import netaddr
from neutron.services.segments import exceptions as segment_exc
from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.callbacks import events, registry, resources
from neutron_lib.plugins.ml2 import api
from oslo_log import log as logging

from networking_romana import config, group_events, tags
from networking_romana.acting import follow, make_segment, settle, wish_now
from networking_romana.client import ApiError
from networking_romana.errors import RomanaConflict, refusal
from networking_romana.live_move import is_activation, may_come, relocate
from networking_romana.move import move_port
from networking_romana.network_type import TYPE_ROMANA
from networking_romana.planned import (
    has_planned_addresses,
    is_planned_network,
    is_project_used,
    planned_addresses,
)
from networking_romana.plug import Plug, plug_of
from networking_romana.romana import romana
from networking_romana.segment_choice import PROFILE_KEY, TAG
from networking_romana.subnet_rules import check_subnet
from networking_romana.transport import Unreachable
from networking_romana.wish import facts_of

LOG = logging.getLogger(__name__)

BINDABLE = (TYPE_ROMANA, constants.TYPE_LOCAL, constants.TYPE_FLAT)
"""Types of networks whose ports may be taps without a bridge."""


class RomanaMechanismDriver(api.MechanismDriver):
    """The driver's entry point."""

    @property
    def connectivity(self) -> str:
        """Ports are routed."""
        return str(portbindings.CONNECTIVITY_L3)

    def initialize(self) -> None:
        """Reads the options. Nothing is asked of romanad yet: it may start later."""
        options = config.register()
        self._relocates = options.live_migration == "exception"
        romana()
        tags.listen()
        group_events.listen()
        if options.cold_migration == "readdress":
            registry.subscribe(_before_port_update, resources.PORT, events.BEFORE_UPDATE)

    def create_network_postcommit(self, context: Any) -> None:
        """Makes the tenant of the network's project; if that fails, the first address does."""
        network = context.current
        if network.get("provider:network_type") == TYPE_ROMANA:
            _softly("make a tenant", romana().tenants.name_of, network["project_id"])
            _keep_project_name(context, network["project_id"])

    def update_network_precommit(self, context: Any) -> None:
        """Refuses a new name that would put ports of one network into two segments."""
        network, original = context.current, context.original
        if network["name"] == original["name"] or _tagged(network):
            return
        if has_planned_addresses(context._plugin_context.session, network["id"]):
            raise RomanaConflict(
                what=f'rename network "{original["name"]}"',
                reason=f'its name is the segment of its ports: first give it the tag "{TAG}{original["name"]}"',
            )

    def delete_network_postcommit(self, context: Any) -> None:
        """Deletes the segment of the network, and the tenant with its last object."""
        network = context.current
        if network.get("provider:network_type") in BINDABLE:
            _drop_segments(network["project_id"], {network["name"], *_tagged(network)} - {""})
            _drop_tenant_if_unused(network["project_id"])

    def create_subnet_precommit(self, context: Any) -> None:
        """Refuses subnets that are neither plans nor apart from all of them."""
        check_subnet(context.current, str(context.network.current.get("provider:network_type")))

    def create_port_precommit(self, context: Any) -> None:
        """Refuses what a port of Romana cannot have."""
        _check_address_pairs(context)

    def create_port_postcommit(self, context: Any) -> None:
        """Keeps the name of the project in step, and has the security groups of a port with addresses enforced."""
        port = context.current
        if context.network.current.get("provider:network_type") == TYPE_ROMANA:
            _keep_project_name(context, port["project_id"])
        if planned_addresses(context._plugin_context, port):
            settle(context._plugin_context, port)

    def update_port_precommit(self, context: Any) -> None:
        """Refuses addresses of another host than the port's, and what a port of Romana cannot have."""
        _check_address_pairs(context)
        port, original = context.current, context.original
        if context.host and (context.host != context.original_host or port["fixed_ips"] != original["fixed_ips"]):
            planned = planned_addresses(context._plugin_context, port)
            if self._relocates and is_activation(context):
                session = context._plugin_context.session
                relocate(session, romana().endpoints, port["id"], planned, context.host)
            for address in planned:
                if _host_of(address, port["id"]) != context.host:
                    raise segment_exc.HostNotCompatibleWithFixedIps(host=context.host, port_id=port["id"])
        if _acts_anew(port, original):
            planned = planned_addresses(context._plugin_context, port)
            if planned:
                make_segment(wish_now(context._plugin_context, port), planned)

    def update_port_postcommit(self, context: Any) -> None:
        """Releases what the port has no longer. A port that has waited for its host waits again without one."""
        port, original = context.current, context.original
        kept = {ip["ip_address"] for ip in port["fixed_ips"]}
        before = {ip["ip_address"] for ip in original["fixed_ips"]}
        if before - kept:
            planned = planned_addresses(context._plugin_context, original)
            _release(port["id"], [address for address in planned if address not in kept], kept)
        if planned_addresses(context._plugin_context, port):
            if _acts_anew(port, original) or (kept & before and _plug(port) != _plug(original)):
                follow(port["id"])
            elif kept - before:
                settle(context._plugin_context, port)
        waits = context.original_host and not context.host and port.get("ip_allocation") == "deferred"
        if waits and planned_addresses(context._plugin_context, port):
            admin = context._plugin_context.elevated()
            context._plugin.update_port(admin, port["id"], {"port": {"fixed_ips": []}})
        if self._relocates and context.host != context.original_host and is_activation(context):
            # Neutron makes it DOWN until somebody says that it is plugged in, and nobody else does.
            admin = context._plugin_context.elevated()
            context._plugin.update_port_status(admin, port["id"], constants.PORT_STATUS_ACTIVE, context.host)

    def delete_port_postcommit(self, context: Any) -> None:
        """Releases the addresses of the port, and deletes the tenant with its last object."""
        port = context.current
        planned = planned_addresses(context._plugin_context, port)
        if planned:
            _release(port["id"], planned, [])
            profile = _profile_segment(port)
            _drop_segments(port["project_id"], {*_tagged(port), *([profile] if profile else [])})
        if planned or context.network.current.get("provider:network_type") == TYPE_ROMANA:
            _drop_tenant_if_unused(port["project_id"])

    def bind_port(self, context: Any) -> None:
        """Binds a port as a tap when all of its addresses belong to the host; else to nothing.

        So the second binding for a live migration fails before the migration begins, unless the port may take its
        addresses along.
        """
        port = context.current
        planned = planned_addresses(context._plugin_context, port)
        if not planned or len(planned) != len(port["fixed_ips"]):
            return
        owners = {_host_of(address, port["id"]) for address in planned}
        awaits = self._relocates and may_come(context, owners)
        if owners != {context.host} and not awaits:
            LOG.warning("Port %s is not bound on host %s: %s is on %s", port["id"], context.host, planned, owners)
            return
        segment = next((s for s in context.segments_to_bind if s[api.NETWORK_TYPE] in BINDABLE), None)
        if segment is not None:
            details = {
                portbindings.CAP_PORT_FILTER: True,
                portbindings.VIF_DETAILS_CONNECTIVITY: self.connectivity,
            }
            context.set_binding(
                segment[api.ID], portbindings.VIF_TYPE_TAP, details, status=constants.PORT_STATUS_ACTIVE
            )


def _before_port_update(resource: Any, event: Any, trigger: Any, payload: Any) -> None:
    original, wanted = payload.states
    move_port(payload.context, original, wanted)


def _host_of(address: str, port_id: str) -> str | None:
    """The host where a port's address is; None when Romana does not say that it is the port's."""
    try:
        endpoints = romana().endpoints
        # Another process may have said that it is somewhere else.
        moves = config.register().live_migration == "exception"
        endpoint = endpoints.now(address, port_id) if moves else endpoints.at(address, port_id)
    except (ApiError, Unreachable) as error:
        raise refusal(f"look at address {address}", error) from error
    return None if endpoint is None else endpoint.place


def _profile_segment(port: Mapping[str, Any]) -> str | None:
    return facts_of(port).profile.get(PROFILE_KEY)


def _acts_anew(port: Mapping[str, Any], original: Mapping[str, Any]) -> bool:
    """Whether the words of a port or its security groups are others than before."""
    before, after = facts_of(original), facts_of(port)
    return _profile_segment(port) != _profile_segment(original) or (
        (set(before.groups or ()), before.is_secured) != (set(after.groups or ()), after.is_secured)
    )


def _plug(port: Mapping[str, Any]) -> Plug:
    return plug_of(port["id"], port["device_owner"], port["device_id"], port["mac_address"])


def _tagged(resource: Mapping[str, Any]) -> set[str]:
    return {tag[len(TAG) :] for tag in resource.get("tags") or () if tag.startswith(TAG)}


def _check_address_pairs(context: Any) -> None:
    port = context.current
    own = {netaddr.IPNetwork(ip["ip_address"]) for ip in port["fixed_ips"]}
    pairs = [pair["ip_address"] for pair in port.get("allowed_address_pairs") or ()]
    others = [address for address in pairs if netaddr.IPNetwork(address) not in own]
    if others and is_planned_network(context._plugin_context, port["network_id"]):
        raise RomanaConflict(
            what=f"allow address pairs of port {port['id']}",
            reason=f"an address of Romana belongs to one port: {', '.join(others)}",
        )


def _release(port_id: str, addresses: list[str], kept: Iterable[str]) -> None:
    try:
        romana().endpoints.release(port_id, addresses, kept)
    except (ApiError, Unreachable) as error:
        LOG.warning("The addresses %s of port %s are released later: %s", addresses, port_id, error)
        romana().releases.later(port_id, addresses)


def _keep_project_name(context: Any, project_id: str) -> None:
    """Only who acts for the project knows its name."""
    caller = context._plugin_context
    if caller.project_id == project_id and caller.project_name:
        _softly("write the name of a project", romana().tenants.keep_name, project_id, caller.project_name)


def _drop_segments(project_id: str, names: set[str]) -> None:
    for name in names:
        _softly("delete a segment", romana().tenants.drop_segment, project_id, name)


def _drop_tenant_if_unused(project_id: str) -> None:
    if not is_project_used(project_id):
        _softly("delete a tenant", romana().tenants.drop, project_id)


def _softly(what: str, act: Callable[..., Any], *words: Any) -> None:
    """Does what may as well happen later; nothing of Neutron's fails for it."""
    try:
        act(*words)
    except (ApiError, Unreachable, RomanaConflict) as error:
        LOG.warning("Cannot %s now: %s", what, error)
