"""The IPAM driver: addresses of subnets that are plans of Romana come from romanad, all others from Neutron.

Neutron's own driver stays beneath: every address of romanad is also written to its tables, which guard uniqueness.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from neutron.db import models_v2
from neutron.ipam import exceptions as ipam_exc
from neutron.ipam import requests as ipam_req
from neutron.ipam.drivers.neutrondb_ipam import driver as neutron_driver
from neutron_lib import constants

from networking_romana.client import ApiError, Endpoint
from networking_romana.errors import RomanaBadRequest, RomanaConflict, refusal
from networking_romana.planned import plan_of, plan_of_subnet
from networking_romana.plans import Plan
from networking_romana.romana import romana
from networking_romana.transactions import on_rollback
from networking_romana.transport import Unreachable
from networking_romana.wish import PortFacts, Wish, facts_of, wish_of


class RomanaAddressRequest(ipam_req.AddressRequest):
    """An address of a plan for a port; ``address`` when it must be a certain one."""

    def __init__(self, facts: PortFacts, wish: Wish, address: str | None) -> None:
        """``wish`` says host, project and segment."""
        super().__init__()
        self.facts = facts
        self.wish = wish
        self.address = address


class RomanaAddressRequestFactory(ipam_req.AddressRequestFactory):
    """Sees the port, and defers its address as long as nobody knows its host."""

    @classmethod
    def get_request(cls, context: Any, port: Any, ip_dict: dict[str, Any]) -> Any:
        """A request for a plan, or Neutron's own for other subnets. Raises DeferIpam."""
        subnet_id = ip_dict["subnet_id"]
        if plan_of_subnet(context, subnet_id, f"give an address of subnet {subnet_id}") is None:
            return super().get_request(context, port, ip_dict)
        facts = facts_of(port)
        if facts.device_owner in constants.ROUTER_INTERFACE_OWNERS:
            reason = "networks of Romana are routed by their hosts and have no routers of Neutron"
            raise RomanaBadRequest(what="add the router interface", reason=reason)
        if facts.device_owner == constants.DEVICE_OWNER_DISTRIBUTED:
            raise RomanaBadRequest(what=facts.what, reason="a port on all hosts has no host to be addressed by")
        address = ip_dict.get("ip_address")
        if not facts.host and not address:
            # Neutron can only wait while it makes a port.
            if not isinstance(port, dict):
                raise RomanaBadRequest(
                    what=facts.what, reason="its host is not known yet, and its address says its host"
                )
            raise ipam_exc.DeferIpam()
        return RomanaAddressRequest(facts, wish_of(context, facts), address and str(address))


class RomanaSubnet(neutron_driver.NeutronDbSubnet):
    """A subnet; of a plan when Romana has one with its prefix."""

    def allocate(self, address_request: Any) -> str:
        """An address, of romanad when the subnet is a plan."""
        if isinstance(address_request, RomanaAddressRequest):
            plan = plan_of(self._subnet_id, self._cidr, address_request.facts.what)
            if plan is not None:
                return self._allocate_of(plan, address_request)
            address = address_request.address
            address_request = (
                ipam_req.AnyAddressRequest() if address is None else ipam_req.SpecificAddressRequest(address)
            )
        elif plan_of(self._subnet_id, self._cidr, "give an address") is not None:
            raise RomanaConflict(what="give an address", reason="nobody says which port it is for")
        return str(super().allocate(address_request))

    def _allocate_of(self, plan: Plan, request: RomanaAddressRequest) -> str:
        facts, wish = request.facts, request.wish
        endpoints = romana().endpoints
        try:
            if request.address is None:
                endpoint, is_new = endpoints.allocate(plan.network, wish, self._is_free, self._holds_any)
            else:
                host = wish.host or endpoints.host_of(request.address)
                if host is None:
                    raise RomanaBadRequest(what=facts.what, reason=f"{request.address} belongs to no host of Romana")
                at_host = dataclasses.replace(wish, host=host)
                endpoint, is_new = endpoints.claim(plan.network, at_host, request.address)
        except (ApiError, Unreachable) as error:
            raise refusal(facts.what, error) from error
        # A move has made its endpoint before this transaction: that is Neutron's only when this is committed.
        if is_new or not self._holds_any(endpoint):
            on_rollback(self._context.session, lambda: _undo(endpoint))
        address = endpoint.address_of(plan.prefix.version)
        if address is None:
            raise RomanaConflict(what=facts.what, reason=f'network "{plan.network}" gave none of this family')
        return str(super().allocate(ipam_req.SpecificAddressRequest(address)))

    def _is_free(self, endpoint: Endpoint) -> bool:
        address = endpoint.address_of(self._cidr_version())
        return address is not None and bool(self.subnet_manager.check_unique_allocation(self._context, address))

    def _holds_any(self, endpoint: Endpoint) -> bool:
        rows = models_v2.IPAllocation
        query = self._context.session.query(rows).filter(
            rows.port_id == endpoint.external_id, rows.ip_address.in_(endpoint.addresses)
        )
        return query.first() is not None

    def _cidr_version(self) -> int:
        return 6 if ":" in str(self._cidr) else 4


class RomanaPool(neutron_driver.NeutronDbPool):
    """The driver's entry point."""

    def get_subnet(self, subnet_id: str) -> RomanaSubnet:
        """The subnet with an ID of Neutron."""
        return RomanaSubnet.load(subnet_id, self._context)  # type: ignore[no-any-return]

    def get_address_request_factory(self) -> type[RomanaAddressRequestFactory]:
        """What makes requests out of ports."""
        return RomanaAddressRequestFactory


def _undo(endpoint: Endpoint) -> None:
    try:
        romana().endpoints.delete(endpoint)
    except (ApiError, Unreachable):
        romana().releases.later(endpoint.external_id or "", endpoint.addresses)
