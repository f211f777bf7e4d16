"""Neutron's REST API, with the account of the group ``[romana_neutron]``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Callable
from urllib.parse import urlencode

from keystoneauth1 import exceptions as ks_exc
from keystoneauth1 import loading
from oslo_config import cfg

GROUP = "romana_neutron"
"""Group of the configuration that says who reads Neutron: the usual options of Keystone's clients."""

PAGE = 1000
"""Objects of one answer, if Neutron gives as many."""

BATCH = 100
"""IDs in one request; more would not fit into its line."""

FIELDS = {
    "networks": ("id", "project_id", "name", "tags", "provider:network_type"),
    "subnets": ("id", "cidr"),
    "security-groups": ("id", "name", "stateful", "security_group_rules"),
    "address-groups": ("id", "addresses"),
    "ports": (
        "id",
        "project_id",
        "network_id",
        "binding:host_id",
        "binding:profile",
        "fixed_ips",
        "tags",
        "device_id",
        "device_owner",
        "mac_address",
        "ip_allocation",
        "security_groups",
        "port_security_enabled",
    ),
}
"""What is asked for of each object."""

SPARE = {"address-groups"}
"""Nouns that a Neutron need not have."""

DEMANDED = {"networks": "provider:network_type", "ports": "binding:host_id"}
"""Fields that Neutron shows to admins only."""


class NeutronError(Exception):
    """Neutron did not answer, or not as it should. The text is for the operator."""


def register(conf: Any) -> None:
    """Makes the options of the group known."""
    loading.register_auth_conf_options(conf, GROUP)
    loading.register_session_conf_options(conf, GROUP)
    loading.register_adapter_conf_options(conf, GROUP)
    conf.set_default("service_type", "network", GROUP)
    conf.set_default("timeout", 300, GROUP)


class NeutronApi:
    """Reads, and writes a port. Every call raises NeutronError. Threads may share it."""

    def __init__(self, send: Callable[[str, str, Any], tuple[int, Any]]) -> None:
        """``send`` takes method, path and body, and answers status and body."""
        self._send = send

    def demand_admin(self) -> None:
        """Raises unless Neutron shows everything to this account: what is not seen would count as gone."""
        status, _ = self._send("GET", "/v2.0/quotas", None)
        if status == 403:
            raise NeutronError(f"the account of [{GROUP}] is no admin: Neutron would not show it everything")
        _demand(status, "/v2.0/quotas")

    def all(self, noun: str, report: Callable[[int], None] = lambda count: None) -> list[Mapping[str, Any]]:
        """All objects of a noun; ``report`` hears how many have come."""
        found: dict[str, Mapping[str, Any]] = {}
        for page in self._pages(noun):
            found.update({body["id"]: body for body in page})
            report(len(found))
        return list(found.values())

    def ports(self, ids: Iterable[str]) -> list[Mapping[str, Any]]:
        """Those ports with these IDs that are there; at most BATCH."""
        query = [("id", port_id) for port_id in ids]
        path = f"/v2.0/ports?{urlencode([*query, *_fields('ports')])}"
        status, body = self._send("GET", path, None)
        _demand(status, "/v2.0/ports")
        return _checked("ports", body)

    def group(self, group_id: str) -> tuple[Mapping[str, Any], dict[str, list[str]]] | None:
        """A security group, and the addresses of the address groups that it names, by ID; None without it."""
        group = self._one(f"/v2.0/security-groups/{group_id}", "security_group")
        if group is None:
            return None
        ids = {rule.get("remote_address_group_id") for rule in group["security_group_rules"]} - {None}
        named = {it: self._one(f"/v2.0/address-groups/{it}", "address_group") for it in sorted(ids)}
        return group, {it: list(found["addresses"]) if found else [] for it, found in named.items()}

    def forget_addresses(self, port_id: str) -> None:
        """Takes all addresses from a port."""
        path = f"/v2.0/ports/{port_id}"
        status, _ = self._send("PUT", path, {"port": {"fixed_ips": []}})
        _demand(status, path)

    def _one(self, path: str, noun: str) -> Mapping[str, Any] | None:
        status, body = self._send("GET", path, None)
        if status == 404:
            return None
        _demand(status, path)
        return body[noun]  # type: ignore[no-any-return]

    def _pages(self, noun: str) -> Iterator[list[Mapping[str, Any]]]:
        before: list[str] = []
        while True:
            words = [("limit", str(PAGE)), ("sort_key", "id"), ("sort_dir", "asc"), *_fields(noun)]
            if before:
                words.append(("marker", before[-1]))
            status, body = self._send("GET", f"/v2.0/{noun}?{urlencode(words)}", None)
            if status == 404 and before:
                before.pop()  # the object that stands for the place is gone: the one before it does as well
                continue
            if status == 404 and noun in SPARE:
                return
            _demand(status, f"/v2.0/{noun}")
            page = _checked(noun, body)
            yield page
            before.extend(item["id"] for item in page)
            if not any(link.get("rel") == "next" for link in body.get(f"{noun.replace('-', '_')}_links", ())):
                return


def neutron_api(conf: Any) -> NeutronApi:
    """With the account of the configuration. Raises NeutronError when that cannot be used."""
    try:
        auth = loading.load_auth_from_conf_options(conf, GROUP)
        session = loading.load_session_from_conf_options(conf, GROUP, auth=auth)
        adapter = loading.load_adapter_from_conf_options(conf, GROUP, session=session, auth=auth)
    except (ks_exc.ClientException, cfg.Error, OSError) as error:
        raise NeutronError(f"[{GROUP}] cannot be used: {error}") from error
    if auth is None and not conf[GROUP].endpoint_override:
        raise NeutronError(f"[{GROUP}] says no account: set auth_type, such as password, and what belongs to it")

    def send(method: str, path: str, body: Any) -> tuple[int, Any]:
        try:
            base = adapter.get_endpoint() or ""
            short = path[len("/v2.0") :] if base.rstrip("/").endswith("/v2.0") else path
            more = {} if body is None else {"json": body}
            answer = adapter.request(short, method, raise_exc=False, **more)
            return answer.status_code, answer.json() if answer.status_code < 300 and answer.content else {}
        except (ks_exc.ClientException, ValueError) as error:
            raise NeutronError(f"Neutron does not answer {method} {path.partition('?')[0]}: {error}") from error

    return NeutronApi(send)


def _fields(noun: str) -> list[tuple[str, str]]:
    return [("fields", field) for field in FIELDS[noun]]


def _demand(status: int, path: str) -> None:
    if status == 401:
        raise NeutronError(f"Neutron does not know the account of [{GROUP}] (401)")
    if status >= 300:
        raise NeutronError(f"Neutron answers {path} with status {status}")


def _checked(noun: str, body: Any) -> list[Mapping[str, Any]]:
    """What is listed, if it is shown whole."""
    items = body.get(noun.replace("-", "_")) if isinstance(body, dict) else None
    if not isinstance(items, list):
        raise NeutronError(f"Neutron's answer has no {noun}")
    demanded = DEMANDED.get(noun)
    for item in items:
        if demanded is not None and demanded not in item:
            raise NeutronError(f"Neutron does not show {demanded} of {noun}: the account of [{GROUP}] must be an admin")
    return items
