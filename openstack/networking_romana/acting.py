"""Ports whose words or security groups change act as another segment than they were born in; their addresses stay."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from neutron_lib import context as n_context
from neutron_lib import exceptions as n_exc
from neutron_lib.db import api as db_api
from neutron_lib.plugins import directory
from oslo_log import log as logging

from networking_romana.client import ApiError
from networking_romana.errors import refusal
from networking_romana.planned import planned_addresses
from networking_romana.romana import romana
from networking_romana.transport import Unreachable
from networking_romana.wish import Wish, facts_of, wish_of

LOG = logging.getLogger(__name__)


def make_segment(wish: Wish, addresses: Iterable[str]) -> None:
    """Makes the segment that a port's endpoints shall act as, if it is not there."""
    try:
        for address in addresses:
            endpoint = romana().endpoints.now(address, wish.port_id)
            if endpoint is not None:
                romana().segments.of_class(endpoint.tenant, wish.segment, wish.port_class)
    except (ApiError, Unreachable) as error:
        raise refusal(f"let port {wish.port_id} act as segment {wish.segment}", error) from error


def settle(context: Any, port: Any) -> None:
    """Has the policies of the groups of a port that has just got addresses be there.

    Its endpoints are of its class already, unless Neutron has filled in something else than was to be expected.
    """
    try:
        wish = wish_now(context, port)
        romana().groups.ensure(wish.port_class.groups or ())
        for address in planned_addresses(context, port):
            endpoint = romana().endpoints.at(address, wish.port_id)
            segments = romana().segments
            if (
                endpoint is None
                or (endpoint.acts_as or endpoint.segment)
                != (segments.of_class(endpoint.tenant, wish.segment, wish.port_class)["name"])
            ):
                follow(wish.port_id)
                return
    except (ApiError, Unreachable, n_exc.NeutronException) as error:
        LOG.warning("The security groups of port %s are looked at again: %s", port["id"], error)
        follow(port["id"])


def follow(port_id: str) -> None:
    """Has the endpoints of a port act as its words and groups say now, at its tap, and the policies of these be there.

    Nothing fails for it: what romanad cannot do now is done later.
    """
    romana().later.try_now(f"let port {port_id} act as its groups and tags say", partial(_follow, port_id))


def _follow(port_id: str) -> None:
    context = n_context.get_admin_context()
    plugin = directory.get_plugin()
    try:
        before = plugin.get_port(context, port_id)
        while True:
            planned = planned_addresses(context, before)
            if not planned:
                return
            wish = wish_now(context, before)
            romana().groups.ensure(wish.port_class.groups or ())
            for address in planned:
                endpoint = romana().endpoints.now(address, port_id)
                if endpoint is not None:
                    endpoint = romana().endpoints.plug(endpoint, wish.plug)
                    romana().endpoints.act_as(endpoint, wish.segment, wish.port_class)
            # Another worker may have written an older word after this one: who comes last looks again.
            after = plugin.get_port(n_context.get_admin_context(), port_id)
            if wish_now(context, after) == wish and after["fixed_ips"] == before["fixed_ips"]:
                return
            before = after
    except n_exc.PortNotFound:
        return


def wish_now(context: Any, port: Any) -> Wish:
    """What a port that is in the database wants."""
    with db_api.CONTEXT_READER.using(context):
        return wish_of(context, facts_of(port))
