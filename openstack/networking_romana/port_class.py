"""Ports with the same security groups are of one class; a class within the words about a segment is a segment."""

from __future__ import annotations

import dataclasses
import hashlib

GROUP_LABEL = "sg.openstack.org/"
"""A label of a segment that begins so says a security group of its ports, by ID."""

SECURITY_LABEL = "openstack.org/port-security"
"""Label of a segment whose ports are of a class: ``on``, or ``off`` when nothing is filtered."""

WORD_LABEL = "openstack.org/segment"
"""Label of a segment whose ports are of a class: the segment that words name."""

OWNER = "neutron/"
"""External IDs of segments of classes begin so."""


@dataclasses.dataclass(frozen=True)
class PortClass:
    """``groups``: IDs of the security groups, none of which may mean that all is denied; None: port security is off."""

    groups: frozenset[str] | None

    def digest(self, word: str) -> str:
        """Text that says word and class; different ones have different digests."""
        groups = ["off"] if self.groups is None else ["on", *sorted(self.groups)]
        return hashlib.sha256("\n".join([word, *groups]).encode()).hexdigest()[:32]

    def external_id(self, word: str) -> str:
        """The external ID of the class's segment among those that a word names."""
        return f"{OWNER}{word}/{self.digest(word)}"

    def name(self, word: str) -> str:
        """What that segment is called when another class already has the name that the word says."""
        return f"{word[:52]}.{self.digest(word)[:10]}"

    def labels(self, word: str) -> dict[str, str]:
        """The labels that policies select that segment by."""
        groups = {GROUP_LABEL + group: "" for group in sorted(self.groups or ())}
        return {WORD_LABEL: word, SECURITY_LABEL: "off" if self.groups is None else "on", **groups}


UNFILTERED = PortClass(None)
"""The class of ports without port security."""
