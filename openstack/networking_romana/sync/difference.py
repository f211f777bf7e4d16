"""What is not the same on both sides."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

ADDRESS_MISSING = "address-missing"
"""A port has an address that Romana does not know."""

ADDRESS_LEFT = "address-left"
"""An endpoint that was made for Neutron is no port's any more."""

ADDRESS_TAKEN = "address-taken"
"""A port has an address that is somebody else's in Romana."""

ADDRESS_KEPT = "address-kept"
"""A port that waits for its host has still the address of the last one."""

HOST_DIFFERS = "host-differs"
"""A port is bound to another host than its address says, and Romana does not know that it is there."""

LOCATION_DIFFERS = "location-differs"
"""Romana sends the traffic of an address to another host, but its port is on the host that it says."""

TENANT_DIFFERS = "tenant-differs"
"""The address of a port says another tenant than that of its project."""

SEGMENT_DIFFERS = "segment-differs"
"""Policies take a port for one of another segment, or of other security groups, than Neutron says."""

SEGMENT_UNKNOWN = "segment-unknown"
"""A port has addresses, but its words are no name of a segment any more."""

TENANT_MISSING = "tenant-missing"
"""A project that needs a tenant has none."""

TENANT_TWICE = "tenant-twice"
"""Several tenants have the ID of one project."""

TENANT_LEFT = "tenant-left"
"""A tenant that Neutron made has a project without networks and ports."""

SEGMENT_LEFT = "segment-left"
"""A segment that Neutron made is neither named nor used."""

FIELDS_DIFFER = "fields-differ"
"""An endpoint does not say of its port what Neutron says."""

POLICY_MISSING = "policy-missing"
"""A security group that ports use has no policy."""

POLICY_DIFFERS = "policy-differs"
"""The policy of a security group does not say what the group says."""

POLICY_LEFT = "policy-left"
"""The policy of a security group that is gone."""

ADDS = frozenset({ADDRESS_MISSING, TENANT_MISSING, POLICY_MISSING})
"""What is mended by adding something."""

TAKES_AWAY = frozenset({ADDRESS_LEFT, ADDRESS_KEPT, LOCATION_DIFFERS, TENANT_LEFT, SEGMENT_LEFT, POLICY_LEFT})
"""What is mended by taking something away; servers that run may just be about to need it."""

FOR_PEOPLE = frozenset({ADDRESS_TAKEN, HOST_DIFFERS, TENANT_DIFFERS, SEGMENT_UNKNOWN, TENANT_TWICE})
"""What no program can mend without harm to what runs."""


@dataclasses.dataclass(frozen=True)
class Difference:
    """``subject`` is what it is about; with the kind it stands for the same difference at another time.

    ``neutron`` and ``romana`` say in words what the sides have; ``port_id`` is empty where no port is concerned.
    ``data`` is what mending it takes.
    """

    kind: str
    subject: str
    neutron: str
    romana: str
    port_id: str = ""
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """Kind and subject."""
        return self.kind, self.subject
