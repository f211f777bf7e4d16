"""romanad's REST API as typed calls: what the drivers need of it and no more."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import netaddr

from networking_romana.plug import NOT_PLUGGED, Plug, plug_in
from networking_romana.transport import Transport, Unreachable


class ApiError(Exception):
    """An answer that says no: ``code`` of romanad's closed list, ``data`` the whole problem document."""

    def __init__(self, status: int, data: Mapping[str, Any]) -> None:
        """``data``: the problem document (RFC 9457), empty when there was none."""
        self.status = status
        self.code = str(data.get("code", "internal"))
        self.detail = str(data.get("detail", f"HTTP status {status}"))
        self.data = data
        super().__init__(self.detail)

    def is_missing(self, noun: str) -> bool:
        """Whether an object of this noun is not there."""
        return self.code == "not-found" and self.data.get("noun") == noun


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """What has an address. ``external_id`` is the ID of the Neutron port."""

    network: str
    host: str
    tenant: str
    segment: str
    addresses: tuple[str, ...]
    external_id: str | None
    acts_as: str | None
    revision: int | None
    plug: Plug = NOT_PLUGGED
    located_on: str | None = None

    @property
    def place(self) -> str:
        """The host where it is, whatever its address says."""
        return self.located_on or self.host

    def address_of(self, ip_version: int) -> str | None:
        """Its address of family 4 or 6."""
        return next((a for a in self.addresses if (":" in a) == (ip_version == 6)), None)


@dataclasses.dataclass(frozen=True)
class Tenant:
    """An owner. ``external_id`` is the ID of the Neutron project."""

    name: str
    external_id: str | None
    labels: Mapping[str, str]
    revision: int


def endpoint_of(body: Mapping[str, Any]) -> Endpoint:
    """Reads an endpoint."""
    addresses = body["addresses"]
    return Endpoint(
        network=body["network"],
        host=body["host"],
        tenant=body["tenant"],
        segment=body["segment"],
        addresses=tuple(addresses[family] for family in ("ipv4", "ipv6") if family in addresses),
        external_id=body.get("externalId"),
        acts_as=body.get("actsAs"),
        revision=body.get("revision"),
        plug=plug_in(body),
        located_on=body.get("locatedOn"),
    )


def tenant_of(body: Mapping[str, Any]) -> Tenant:
    """Reads a tenant."""
    return Tenant(body["name"], body.get("externalId"), body.get("labels", {}), body["revision"])


class Client:
    """Every call raises ApiError, or Unreachable when there is no answer."""

    def __init__(self, transport: Transport) -> None:
        """``transport`` sends the requests."""
        self._transport = transport

    def networks(self) -> list[Mapping[str, Any]]:
        """All networks with their plans."""
        return list(self._items("/v1/networks", {}))

    def hosts(self) -> list[Mapping[str, Any]]:
        """All hosts with their prefixes."""
        return list(self._items("/v1/hosts", {}))

    def host_of(self, address: str) -> str | None:
        """The host whose prefix an address lies in."""
        wanted = netaddr.IPAddress(address)
        for host in self.hosts():
            for prefixes in host["prefixes"].values():
                if any(wanted in netaddr.IPNetwork(prefix) for prefix in prefixes.values()):
                    return str(host["name"])
        return None

    def tenants_of(self, external_id: str) -> list[Tenant]:
        """The tenants with an external ID."""
        return [tenant_of(body) for body in self._items("/v1/tenants", {"externalId": external_id})]

    def tenants(self) -> list[Mapping[str, Any]]:
        """All tenants."""
        return list(self._items("/v1/tenants", {}))

    def all_segments(self) -> list[Mapping[str, Any]]:
        """The segments of all tenants."""
        return list(self._items("/v1/segments", {}))

    def endpoints(self) -> list[Mapping[str, Any]]:
        """All endpoints."""
        return list(self._items("/v1/endpoints", {}))

    def create_tenant(self, spec: Mapping[str, Any]) -> Tenant:
        """Creates a tenant, or answers the equal one that is there."""
        return tenant_of(self._send("POST", "/v1/tenants", spec)[1])

    def label_tenant(self, tenant: Tenant, labels: Mapping[str, str]) -> Tenant:
        """Gives a tenant these labels and no others, unless it has changed since."""
        path = f"/v1/tenants/{quote(tenant.name, safe='')}"
        return tenant_of(self._send("PATCH", path, {"labels": labels}, tenant.revision)[1])

    def delete_tenant(self, name: str) -> None:
        """Deletes a tenant that nothing uses; ApiError ``in-use`` otherwise."""
        self._delete(f"/v1/tenants/{quote(name, safe='')}")

    def segments(self, tenant: str) -> list[Mapping[str, Any]]:
        """The segments of a tenant."""
        return list(self._items(f"/v1/tenants/{quote(tenant, safe='')}/segments", {}))

    def segment(self, tenant: str, name: str) -> Mapping[str, Any] | None:
        """The segment of a tenant with a name."""
        return self._get(f"/v1/tenants/{quote(tenant, safe='')}/segments/{quote(name, safe='')}")

    def segment_with(self, tenant: str, external_id: str) -> Mapping[str, Any] | None:
        """The segment of a tenant with an external ID."""
        path = f"/v1/tenants/{quote(tenant, safe='')}/segments"
        return next(iter(self._items(path, {"externalId": external_id})), None)

    def create_segment(self, tenant: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """Creates a segment, if an equal one is not there."""
        body: Mapping[str, Any] = self._send("POST", f"/v1/tenants/{quote(tenant, safe='')}/segments", spec)[1]
        return body

    def change_segment(self, tenant: str, before: Mapping[str, Any], fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Changes fields of a segment, unless it has changed since."""
        path = f"/v1/tenants/{quote(tenant, safe='')}/segments/{quote(before['name'], safe='')}"
        body: Mapping[str, Any] = self._send("PATCH", path, fields, before["revision"])[1]
        return body

    def code_segment(self, tenant: str, name: str, codes: Iterable[str], revision: int) -> None:
        """Gives a segment these codes and no others, unless it has changed since."""
        path = f"/v1/tenants/{quote(tenant, safe='')}/segments/{quote(name, safe='')}"
        self._send("PATCH", path, {"codes": list(codes)}, revision)

    def delete_segment(self, tenant: str, name: str) -> None:
        """Deletes a segment that nothing uses; ApiError ``in-use`` otherwise."""
        self._delete(f"/v1/tenants/{quote(tenant, safe='')}/segments/{quote(name, safe='')}")

    def allocate(self, request: Mapping[str, Any]) -> tuple[Endpoint, bool]:
        """Allocates an endpoint; True when it is new, False when its request token was known."""
        status, body = self._send("POST", "/v1/endpoints", request)
        return endpoint_of(body), status == 201

    def endpoint(self, address: str) -> Endpoint | None:
        """The endpoint with an address."""
        found = self._get(f"/v1/endpoints/{quote(address, safe='')}")
        return None if found is None else endpoint_of(found)

    def act_as(self, address: str, segment: str | None) -> Endpoint:
        """Lets policies take an endpoint for one of another segment; None: of its own."""
        path = f"/v1/endpoints/{quote(address, safe='')}"
        return endpoint_of(self._send("PATCH", path, {"actsAs": segment})[1])

    def plug(self, address: str, plug: Plug) -> Endpoint:
        """Says the tap and the instance of an endpoint."""
        path = f"/v1/endpoints/{quote(address, safe='')}"
        return endpoint_of(self._send("PATCH", path, plug.words())[1])

    def locate(self, address: str, host: str) -> Endpoint:
        """Says on which host an endpoint is; the host of its address: at home again."""
        path = f"/v1/endpoints/{quote(address, safe='')}"
        return endpoint_of(self._send("PATCH", path, {"locatedOn": host})[1])

    def patch(self, address: str, fields: Mapping[str, Any], revision: int) -> None:
        """Changes fields of an endpoint, unless it has changed since."""
        self._send("PATCH", f"/v1/endpoints/{quote(address, safe='')}", fields, revision)

    def release(self, endpoint: Endpoint) -> bool:
        """Releases an endpoint; False when it has changed since, which is then left alone."""
        try:
            path = f"/v1/endpoints/{quote(endpoint.addresses[0], safe='')}"
            self._send("DELETE", path, revision=endpoint.revision)
        except ApiError as error:
            if error.code == "revision-mismatch":
                return False
            if error.code != "not-found":
                raise
        return True

    def policies(self) -> list[Mapping[str, Any]]:
        """All policies."""
        return list(self._items("/v1/policies", {}))

    def policy(self, policy_id: str) -> Mapping[str, Any] | None:
        """The policy with an ID."""
        return self._get(f"/v1/policies/{quote(policy_id, safe='')}")

    def create_policy(self, spec: Mapping[str, Any]) -> None:
        """Creates a policy, if an equal one is not there."""
        self._send("POST", "/v1/policies", spec)

    def replace_policy(self, spec: Mapping[str, Any], revision: int) -> int:
        """Replaces a policy, unless it has changed since; answers its revision, which is the same for an equal one."""
        path = f"/v1/policies/{quote(spec['id'], safe='')}"
        return int(self._send("PUT", path, spec, revision)[1]["revision"])

    def delete_policy(self, policy_id: str, revision: int | None = None) -> None:
        """Deletes a policy, unless it has changed since a revision."""
        self._delete(f"/v1/policies/{quote(policy_id, safe='')}", revision)

    def _get(self, path: str) -> Mapping[str, Any] | None:
        try:
            body: Mapping[str, Any] = self._send("GET", path)[1]
        except ApiError as error:
            if error.code == "not-found":
                return None
            raise
        return body

    def _delete(self, path: str, revision: int | None = None) -> None:
        try:
            self._send("DELETE", path, revision=revision)
        except ApiError as error:
            if error.code != "not-found":
                raise

    def _items(self, path: str, query: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        cursor: str | None = None
        while True:
            words = {**query, "limit": "1000", **({} if cursor is None else {"cursor": cursor})}
            body = self._send("GET", f"{path}?{urlencode(words)}")[1]
            yield from body["items"]
            cursor = body.get("nextCursor")
            if cursor is None:
                return

    def _send(self, method: str, path: str, body: Any = None, revision: int | None = None) -> tuple[int, Any]:
        headers = {} if revision is None else {"if-match": f'"{revision}"'}
        answer = self._transport.request(method, path, body, headers)
        if answer.status >= 400:
            raise ApiError(answer.status, answer.body if isinstance(answer.body, dict) else {})
        if not isinstance(answer.body, dict):
            raise Unreachable(f"the answer to {method} {path} is no object")
        return answer.status, answer.body
