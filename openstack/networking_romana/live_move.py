"""Live migration with the addresses of the port: an endpoint that is on another host than its address says."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from neutron.plugins.ml2 import models
from neutron_lib import constants
from neutron_lib.db import api as db_api

from networking_romana.client import ApiError
from networking_romana.endpoints import Endpoints
from networking_romana.errors import refusal
from networking_romana.romana import romana
from networking_romana.transactions import on_rollback
from networking_romana.transport import Unreachable


def may_come(context: Any, owners: set[str | None]) -> bool:
    """Whether a binding is the second one of a port whose addresses are all the port's, on a host of Romana."""
    if len(owners) != 1 or None in owners:
        return False
    with db_api.CONTEXT_READER.using(context._plugin_context):
        active = _bindings(context, status=constants.ACTIVE)
    if all(binding.host == context.host for binding in active):
        return False
    try:
        return romana().endpoints.is_host(context.host)
    except (ApiError, Unreachable) as error:
        raise refusal(f"look at host {context.host}", error) from error


def is_activation(context: Any) -> bool:
    """Whether an update of a port makes its second binding the active one, and the former one the second."""
    return bool(_bindings(context, host=context.original_host, status=constants.INACTIVE))


def _bindings(context: Any, **fields: Any) -> list[Any]:
    session = context._plugin_context.session
    return list(session.query(models.PortBinding).filter_by(port_id=context.current["id"], **fields).all())


def relocate(session: Any, endpoints: Endpoints, port_id: str, addresses: Iterable[str], host: str) -> None:
    """Lets romanad send the traffic of a port to a host. What romanad refuses fails the activation.

    When the transaction of the session is not committed, the traffic goes where it went before.
    """
    try:
        for address in addresses:
            endpoint = endpoints.now(address, port_id)
            if endpoint is not None:
                on_rollback(session, partial(_go_back, endpoints, address, port_id, endpoint.place))
                endpoints.locate(endpoint, host)
    except (ApiError, Unreachable) as error:
        raise refusal(f"move port {port_id} to host {host}", error) from error


def _go_back(endpoints: Endpoints, address: str, port_id: str, host: str) -> None:
    # Asked anew: nobody knows whether romanad did what it gave no answer to.
    endpoint = endpoints.now(address, port_id)
    if endpoint is not None:
        endpoints.locate(endpoint, host)
