"""Ports whose owner names another segment than the one they were born in act as that; their addresses stay."""

from __future__ import annotations

from collections.abc import Iterable

from neutron_lib import context as n_context
from neutron_lib import exceptions as n_exc
from neutron_lib.plugins import directory
from oslo_log import log as logging

from networking_romana.client import ApiError
from networking_romana.errors import refusal
from networking_romana.planned import planned_addresses
from networking_romana.romana import romana
from networking_romana.transport import Unreachable
from networking_romana.wish import facts_of, segment_of

LOG = logging.getLogger(__name__)


def make_segment(port_id: str, addresses: Iterable[str], segment: str) -> None:
    """Makes the segment that endpoints of a port shall act as, if it is not there."""
    try:
        for address in addresses:
            endpoint = romana().endpoints.at(address, port_id)
            if endpoint is not None and endpoint.segment != segment:
                romana().tenants.create_segment(endpoint.tenant, segment)
    except (ApiError, Unreachable) as error:
        raise refusal(f"let port {port_id} act as segment {segment}", error) from error


def act_as(port_id: str, addresses: Iterable[str], segment: str) -> None:
    """Has the endpoints of a port act as a segment."""
    for address in addresses:
        endpoint = romana().endpoints.at(address, port_id)
        if endpoint is not None:
            romana().endpoints.act_as(endpoint, segment)


def follow_words(port_id: str) -> None:
    """Has the endpoints of a port act as the segment that its words name now."""
    context = n_context.get_admin_context()
    plugin = directory.get_plugin()
    try:
        port = plugin.get_port(context, port_id)
        planned = planned_addresses(context, port)
        if planned:
            network = plugin.get_network(context, port["network_id"])
            segment = segment_of(facts_of(port), list(network.get("tags", ())), network["name"])
            make_segment(port_id, planned, segment)
            act_as(port_id, planned, segment)
    except n_exc.PortNotFound:
        return
    except (ApiError, Unreachable, n_exc.NeutronException) as error:
        LOG.error("Port %s does not act as its tags say: %s", port_id, error)
