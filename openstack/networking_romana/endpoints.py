"""Ports of Neutron as endpoints of Romana: which one a port gets, and when it goes."""

from __future__ import annotations

import collections
import threading
from collections.abc import Iterable
from typing import Any, Callable

from networking_romana.client import ApiError, Client, Endpoint, endpoint_of
from networking_romana.errors import RomanaConflict
from networking_romana.plug import Plug
from networking_romana.port_class import PortClass
from networking_romana.segments import Segments
from networking_romana.tenants import Tenants
from networking_romana.transport import Unreachable
from networking_romana.wish import Wish

MOST = 16
"""Most endpoints of one port on one host."""

REMEMBERED = 10_000
"""Endpoints that this process has made and still knows, so that it need not ask for them."""

ATTEMPTS = 3
"""Most attempts while others delete and make what is needed."""

NO_ROOM = 507
"""The status that says that nothing was made for want of room."""


class Endpoints:
    """An endpoint has the addresses of a port in both families. Its name and its request token say port and host."""

    def __init__(
        self, client: Client, tenants: Tenants, segments: Segments, when_unsure: Callable[[str, str], None]
    ) -> None:
        """``client`` talks to romanad, ``tenants`` and ``segments`` know those of projects.

        ``when_unsure`` is told port and name or address of an endpoint that may have been made.
        """
        self._client = client
        self._when_unsure = when_unsure
        self._tenants = tenants
        self._segments = segments
        self._lock = threading.Lock()
        self._own: collections.OrderedDict[str, Endpoint] = collections.OrderedDict()

    def allocate(
        self, network: str, wish: Wish, is_free: Callable[[Endpoint], bool], is_held: Callable[[Endpoint], bool]
    ) -> tuple[Endpoint, bool]:
        """The first endpoint of a port on its host that is free for it, made if need be; True when it is new.

        ``is_free`` says whether Neutron has not given the port the wanted address yet. So the second family of
        a port is that of the endpoint which the first one has made, and what a crash has left is found again.
        ``is_held`` says whether the port has any address of it; what is left of another segment, without, is renewed.
        """
        for number in range(MOST):
            name = f"{wish.port_id}.{wish.host}" + (f".{number}" if number else "")
            request = {"network": network, "name": name, "requestToken": f"neutron/{name}"}
            try:
                endpoint, is_new = self._post(wish, request, name)
            except ApiError as error:
                leftover = _own_leftover(error, wish)
                if leftover is None:
                    raise
                if is_held(leftover):
                    endpoint, is_new = leftover, False
                else:
                    self.release(wish.port_id, leftover.addresses[:1], kept=[])
                    endpoint, is_new = self._post(wish, request, name)
            if is_new or is_free(endpoint):
                return endpoint, is_new
        raise RomanaConflict(what=f"give port {wish.port_id} an address", reason=f"it has {MOST} already")

    def claim(self, network: str, wish: Wish, address: str) -> tuple[Endpoint, bool]:
        """The endpoint with a certain address; True when it is new. The port may have it already."""
        known = self._known(address) or self._client.endpoint(address)
        if known is not None:
            if known.external_id == wish.port_id:
                return known, False
            raise RomanaConflict(what=f"give port {wish.port_id} an address", reason=f"{address} is taken")
        token = f"neutron/{wish.port_id}/{address}"
        return self._post(wish, {"network": network, "address": address, "requestToken": token}, address)

    def at(self, ref: str, port_id: str) -> Endpoint | None:
        """The endpoint of a port with an address or a name; None when there is none, or it is somebody else's."""
        found = self._known(ref)
        if found is None or found.external_id != port_id:
            found = self._client.endpoint(ref)
        return found if found is not None and found.external_id == port_id else None

    def host_of(self, address: str) -> str | None:
        """The host that an address belongs to."""
        return self._client.host_of(address)

    def release(self, port_id: str, refs: Iterable[str], kept: Iterable[str]) -> list[Endpoint]:
        """Releases endpoints of a port, said by address or name, but for those with an address that the port keeps."""
        stays = set(kept)
        gone: list[Endpoint] = []
        for ref in refs:
            if any(ref in endpoint.addresses for endpoint in gone):
                continue
            endpoint = self.at(ref, port_id)
            if endpoint is None or stays.intersection(endpoint.addresses):
                continue
            self.delete(endpoint)
            gone.append(endpoint)
        return gone

    def delete(self, endpoint: Endpoint) -> None:
        """Releases an endpoint. One that has changed is looked at again: it may be somebody else's by now."""
        with self._lock:
            for address in endpoint.addresses:
                self._own.pop(address, None)
        current: Endpoint | None = endpoint
        while current is not None and current.external_id == endpoint.external_id:
            if self._client.release(current):
                return
            current = self._client.endpoint(endpoint.addresses[0])

    def now(self, address: str, port_id: str) -> Endpoint | None:
        """The same as ``at``, as romanad says it now."""
        found = self._client.endpoint(address)
        return found if found is not None and found.external_id == port_id else None

    def act_as(self, endpoint: Endpoint, word: str, port_class: PortClass) -> Endpoint:
        """Lets policies take an endpoint for one of a class; ``word`` is the segment that words name.

        The segment is looked at when the endpoint is of it: only then nobody can delete it and make another one.
        """
        tenant = endpoint.tenant
        for _ in range(ATTEMPTS):
            segment = str(self._segments.of_class(tenant, word, port_class)["name"])
            try:
                if (endpoint.acts_as or endpoint.segment) != segment:
                    other = None if segment == endpoint.segment else segment
                    endpoint = self._client.act_as(endpoint.addresses[0], other)
                if self._segments.is_still(tenant, segment, word, port_class):
                    self._remember(endpoint)
                    return endpoint
            except ApiError as error:
                if not error.is_missing("segment"):
                    raise
            self._segments.forget(tenant, word, port_class)
        raise RomanaConflict(what=f'find segment "{word}"', reason="others change it at the same time")

    def plug(self, endpoint: Endpoint, plug: Plug) -> Endpoint:
        """Says where an endpoint is plugged in, and for which VM."""
        if endpoint.plug == plug:
            return endpoint
        endpoint = self._client.plug(endpoint.addresses[0], plug)
        self._remember(endpoint)
        return endpoint

    def locate(self, endpoint: Endpoint, host: str) -> Endpoint:
        """Says that an endpoint is on a host, which may be another one than its address says."""
        if endpoint.place == host:
            return endpoint
        endpoint = self._client.locate(endpoint.addresses[0], host)
        self._remember(endpoint)
        return endpoint

    def is_host(self, name: str) -> bool:
        """Whether it is a host of Romana."""
        return any(host["name"] == name for host in self._client.hosts())

    def _post(self, wish: Wish, request: dict[str, Any], ref: str) -> tuple[Endpoint, bool]:
        """Allocates in the segment of the port's class, and makes the tenant or the segment when they are not there.

        When nobody knows whether romanad did it, what ``ref`` stands for is released later.
        """
        for _ in range(ATTEMPTS):
            tenant = self._tenants.name_of(wish.project_id)
            try:
                segment = self._segments.birth(tenant, wish.segment, wish.port_class)
                body = {
                    **request,
                    "host": wish.host,
                    "tenant": tenant,
                    "segment": segment,
                    "externalId": wish.port_id,
                    **{key: word for key, word in wish.plug.words().items() if word is not None},
                }
                endpoint, is_new = self._client.allocate(body)
            except Unreachable:
                self._when_unsure(wish.port_id, ref)
                raise
            except ApiError as error:
                if error.status >= 500 and error.status != NO_ROOM:
                    self._when_unsure(wish.port_id, ref)
                if not error.is_missing("tenant") and not error.is_missing("segment"):
                    raise
                if error.is_missing("tenant"):
                    self._tenants.forget(wish.project_id)
                self._segments.forget(tenant, wish.segment, wish.port_class)
                continue
            try:
                endpoint = self.plug(endpoint, wish.plug)
                return self.act_as(endpoint, wish.segment, wish.port_class), is_new
            except Exception:
                self._when_unsure(wish.port_id, ref)
                raise
        raise RomanaConflict(what=f"give port {wish.port_id} an address", reason="its tenant or segment goes away")

    def _known(self, address: str) -> Endpoint | None:
        with self._lock:
            return self._own.get(address)

    def _remember(self, endpoint: Endpoint) -> None:
        with self._lock:
            for address in endpoint.addresses:
                self._own[address] = endpoint
            while len(self._own) > REMEMBERED:
                self._own.popitem(last=False)


def _own_leftover(error: ApiError, wish: Wish) -> Endpoint | None:
    """The endpoint that the port has on its host, in another segment than is wanted now."""
    existing = error.data.get("existing")
    if error.code != "conflict" or error.data.get("noun") != "endpoint" or not isinstance(existing, dict):
        return None
    endpoint = endpoint_of(existing)
    mine = endpoint.external_id == wish.port_id and endpoint.host == wish.host
    return endpoint if mine else None
