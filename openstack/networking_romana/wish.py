"""What a port wants of Romana, whichever form Neutron shows the port in."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from neutron.db import models_v2
from neutron.db.models import securitygroup as group_models
from neutron.db.models import tag as tag_model
from neutron.db.port_security import models as port_security_models
from neutron.objects import ports as port_objects
from neutron_lib import constants
from neutron_lib.api.definitions import port_security as psec
from neutron_lib.utils import net
from oslo_serialization import jsonutils

from networking_romana.errors import RomanaBadRequest
from networking_romana.plug import NOT_PLUGGED, Plug, plug_of
from networking_romana.port_class import UNFILTERED, PortClass
from networking_romana.segment_choice import BadSegment, choose_segment


@dataclasses.dataclass(frozen=True)
class Wish:
    """An endpoint for a port. ``host`` is empty while nobody has said it; ``segment`` is what words name."""

    port_id: str
    project_id: str
    host: str
    segment: str
    port_class: PortClass = UNFILTERED
    plug: Plug = NOT_PLUGGED


@dataclasses.dataclass(frozen=True)
class PortFacts:
    """What is known of a port itself."""

    port_id: str
    project_id: str
    host: str
    network_id: str
    device_owner: str
    tags: tuple[str, ...]
    profile: Mapping[str, Any]
    groups: tuple[str, ...] | None = None
    """Its security groups; None when nobody has said any yet."""
    is_secured: bool | None = None
    """Whether port security is on; None when only its network says it."""
    device_id: str = ""
    mac: str = ""

    @property
    def what(self) -> str:
        """For sentences that begin with "Cannot"."""
        return f"give port {self.port_id} an address"


def facts_of(port: Any) -> PortFacts:
    """Of a port as the API, a mechanism context, an object or the database has it."""
    if isinstance(port, port_objects.Port):
        port = port.db_obj
    if isinstance(port, models_v2.Port):
        binding = next((b for b in port.port_bindings if b.status == constants.ACTIVE), None)
        return PortFacts(
            port_id=port.id,
            project_id=port.project_id,
            host=binding.host if binding else "",
            network_id=port.network_id,
            device_owner=port.device_owner or "",
            tags=tuple(tag.tag for tag in port.standard_attr.tags),
            profile=_profile(binding.profile if binding else None),
            groups=tuple(bound.security_group_id for bound in port.security_groups),
            is_secured=port.port_security.port_security_enabled if port.port_security else None,
            device_id=port.device_id or "",
            mac=port.mac_address or "",
        )
    groups = _given(port, "security_groups")
    return PortFacts(
        port_id=_given(port, "id") or "that is new",
        project_id=_given(port, "project_id") or _given(port, "tenant_id") or "",
        host=_given(port, "binding:host_id") or "",
        network_id=port["network_id"],
        device_owner=_given(port, "device_owner") or "",
        tags=tuple(_given(port, "tags") or ()),
        profile=_profile(_given(port, "binding:profile")),
        groups=None if groups is None else tuple(groups),
        is_secured=_given(port, psec.PORTSECURITY),
        device_id=_given(port, "device_id") or "",
        mac=_given(port, "mac_address") or "",
    )


def wish_of(context: Any, facts: PortFacts) -> Wish:
    """What a port wants, with what its network says. Raises RomanaBadRequest for words that are no segment."""
    query = context.session.query(models_v2.Network.name, models_v2.Network.standard_attr_id)
    network = query.filter_by(id=facts.network_id).one()
    rows = context.session.query(tag_model.Tag.tag).filter_by(standard_attr_id=network.standard_attr_id)
    segment = segment_of(facts, [row.tag for row in rows], network.name)
    plug = plug_of(facts.port_id, facts.device_owner, facts.device_id, facts.mac)
    return Wish(facts.port_id, facts.project_id, facts.host, segment, class_of(context, facts), plug)


def class_of(context: Any, facts: PortFacts) -> PortClass:
    """The class of a port. What nobody has said is what Neutron is about to fill in."""
    if facts.device_owner and net.is_port_trusted({"device_owner": facts.device_owner}):
        return UNFILTERED
    is_secured = facts.is_secured
    if is_secured is None:
        binding = port_security_models.NetworkSecurityBinding
        row = context.session.query(binding.port_security_enabled).filter_by(network_id=facts.network_id).first()
        is_secured = row is None or row.port_security_enabled
    if not is_secured:
        return UNFILTERED
    if facts.groups is not None:
        return PortClass(frozenset(facts.groups))
    default = group_models.DefaultSecurityGroup
    rows = context.session.query(default.security_group_id).filter_by(project_id=facts.project_id)
    return PortClass(frozenset(row.security_group_id for row in rows))


def segment_of(facts: PortFacts, network_tags: list[str], network_name: str) -> str:
    """The segment of a port. Raises RomanaBadRequest."""
    try:
        return choose_segment(facts.tags, facts.profile, network_tags, network_name or "")
    except BadSegment as error:
        raise RomanaBadRequest(what=facts.what, reason=str(error)) from error


def _given(port: Mapping[str, Any], key: str) -> Any:
    """A value, or None; what the caller left out is a word of Neutron's that is true."""
    value: Any | None = port.get(key)
    return None if value is constants.ATTR_NOT_SPECIFIED else value


def _profile(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        value = jsonutils.loads(value) if value else {}
    return value if isinstance(value, Mapping) else {}
