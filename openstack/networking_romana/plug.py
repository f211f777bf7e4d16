"""What a port says of its VM: the tap that Nova plugs in on the host, and the instance."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from neutron_lib import constants

DEVICE_LENGTH = len("tap") + 11
"""Nova names a tap by the first letters of its port's ID: as many as a name of a device has room for."""


@dataclasses.dataclass(frozen=True)
class Plug:
    """``tap`` is the name of the device and the MAC address of the guest; ``instance`` is what Nova calls the VM."""

    tap: tuple[str, str] | None = None
    instance: str | None = None

    def words(self) -> dict[str, Any]:
        """As romanad takes them; None takes away."""
        tap = None if self.tap is None else {"device": self.tap[0], "mac": self.tap[1]}
        return {"tap": tap, "instance": self.instance}


NOT_PLUGGED = Plug()
"""Of ports that no hypervisor plugs in."""


def plug_of(port_id: str, device_owner: str, device_id: str, mac: str) -> Plug:
    """Only ports of VMs have a tap that Nova plugs in."""
    if not device_owner.startswith(constants.DEVICE_OWNER_COMPUTE_PREFIX):
        return Plug()
    tap = (f"tap{port_id}"[:DEVICE_LENGTH], mac.lower()) if mac else None
    return Plug(tap, device_id or None)


def plug_in(body: Mapping[str, Any]) -> Plug:
    """Of an endpoint as romanad tells it."""
    tap = body.get("tap")
    return Plug(None if tap is None else (tap["device"], tap["mac"]), body.get("instance"))
