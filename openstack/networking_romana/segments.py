"""The segments of ports: what words name, divided by the security groups of the ports."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Callable

from networking_romana.client import ApiError, Client
from networking_romana.errors import RomanaConflict
from networking_romana.port_class import WORD_LABEL, PortClass
from networking_romana.tenants import MADE_BY, NEUTRON, Tenants

Segment = Mapping[str, Any]


class Segments:
    """A segment of a class is known by its external ID. The first class of a word has the word as its name."""

    def __init__(self, client: Client, tenants: Tenants, before_first: Callable[[], None]) -> None:
        """``before_first`` sees to it that no port of a new segment is open; it is called before one is made."""
        self._client = client
        self._tenants = tenants
        self._before_first = before_first
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], Segment] = {}

    def of_class(self, tenant: str, word: str, port_class: PortClass) -> Segment:
        """The segment of a class, made if need be: without codes when the tenant has none left."""
        external_id = port_class.external_id(word)
        with self._lock:
            known = self._known.get((tenant, external_id))
        if known is not None:
            return known
        segment = self._client.segment_with(tenant, external_id) or self._make(tenant, word, port_class)
        with self._lock:
            self._known[tenant, external_id] = segment
        return segment

    def birth(self, tenant: str, word: str, port_class: PortClass) -> str:
        """Where a port is born: in the segment of its class, else in one of the same word, as which it does not act."""
        segment = self.of_class(tenant, word, port_class)
        name = str(segment["name"])
        if segment["codes"]:
            return name
        coded = sorted(str(s["name"]) for s in self._client.segments(tenant) if s["codes"] and word_of(s) == word)
        if not coded:
            raise RomanaConflict(what=f'find room for segment "{word}"', reason="the project has no code left for it")
        return word if word in coded else coded[0]

    def is_still(self, tenant: str, name: str, word: str, port_class: PortClass) -> bool:
        """Whether a segment is that of a class now; it stays so while an endpoint is in it or acts as it."""
        found = self._client.segment(tenant, name)
        return found is not None and found.get("externalId") == port_class.external_id(word)

    def forget(self, tenant: str, word: str, port_class: PortClass) -> None:
        """The next call looks again; for a segment that somebody has deleted."""
        with self._lock:
            self._known.pop((tenant, port_class.external_id(word)), None)

    def _make(self, tenant: str, word: str, port_class: PortClass) -> Segment:
        self._before_first()
        external_id = port_class.external_id(word)
        for name in (word, port_class.name(word)):
            spec = {"name": name, "externalId": external_id, "labels": self._labels(word, port_class)}
            try:
                return self._create(tenant, spec, is_first=name == word)
            except ApiError as error:
                if error.code != "conflict":
                    raise
            found = self._client.segment(tenant, name)
            if found is not None and found.get("externalId") == external_id:
                return found
            if found is not None and name == word and found.get("externalId") is None:
                adopted = self._adopt(tenant, found, word, port_class)
                if adopted is not None:
                    return adopted
        raise RomanaConflict(
            what=f'find the segment of "{word}"', reason=f'segment "{port_class.name(word)}" is somebody else\'s'
        )

    def _create(self, tenant: str, spec: dict[str, Any], is_first: bool) -> Segment:
        try:
            return self._client.create_segment(tenant, spec)
        except ApiError as error:
            if error.code != "pool-exhausted":
                raise
        self._tenants.drop_segments(tenant)
        try:
            return self._client.create_segment(tenant, spec)
        except ApiError as error:
            if error.code != "pool-exhausted" or is_first:
                raise
            return self._client.create_segment(tenant, {**spec, "codes": []})

    def _adopt(self, tenant: str, found: Segment, word: str, port_class: PortClass) -> Segment | None:
        """Makes a segment that is nobody's class that of the first class that comes; None when somebody is faster."""
        labels = {**found.get("labels", {}), **port_class.labels(word)}
        patch = {"externalId": port_class.external_id(word), "labels": labels}
        try:
            return self._client.change_segment(tenant, found, patch)
        except ApiError as error:
            if error.code not in ("revision-mismatch", "not-found"):
                raise
            return None

    def _labels(self, word: str, port_class: PortClass) -> dict[str, str]:
        return {MADE_BY: NEUTRON, **port_class.labels(word)}


def word_of(segment: Segment) -> str:
    """The word that a segment stands for: its own name, unless it is of a class."""
    return str(segment.get("labels", {}).get(WORD_LABEL, segment["name"]))
