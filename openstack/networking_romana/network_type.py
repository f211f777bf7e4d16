"""The network type ``romana``: networks without segmentation IDs, all of whose subnets are plans of Romana."""

from __future__ import annotations

from typing import Any

from neutron_lib import exceptions as n_exc
from neutron_lib.plugins.ml2 import api

TYPE_ROMANA = "romana"


class RomanaTypeDriver(api.ML2TypeDriver):
    """Reserves nothing: an address says all that a segmentation ID would."""

    def get_type(self) -> str:
        """The word for ``provider:network_type`` and ``tenant_network_types``."""
        return TYPE_ROMANA

    def initialize(self) -> None:
        """Nothing to do."""

    def initialize_network_segment_range_support(self) -> None:
        """There are no ranges."""

    def update_network_segment_range_allocations(self) -> None:
        """There are no ranges."""

    def get_network_segment_ranges(self) -> None:
        """There are no ranges."""

    def is_partial_segment(self, segment: dict[str, Any]) -> bool:
        """A segment is complete as it is."""
        return False

    def validate_provider_segment(self, segment: dict[str, Any]) -> None:
        """Refuses everything besides the type."""
        for key, value in segment.items():
            if value and key != api.NETWORK_TYPE:
                raise n_exc.InvalidInput(error_message=f"{key} means nothing to a network of type romana")

    def reserve_provider_segment(
        self, context: Any, segment: dict[str, Any], filters: Any | None = None
    ) -> dict[str, Any]:
        """The segment as it is."""
        return segment

    def allocate_tenant_segment(self, context: Any, filters: Any | None = None) -> dict[str, Any]:
        """A segment that says its type."""
        return {api.NETWORK_TYPE: TYPE_ROMANA}

    def release_segment(self, context: Any, segment: dict[str, Any]) -> None:
        """Nothing was reserved."""

    def get_mtu(self, physical_network: str | None = None) -> None:
        """None of its own: nothing is encapsulated, so it is that of the deployment."""
