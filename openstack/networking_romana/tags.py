"""Changes of tags that name segments.

Neutron tells drivers nothing of tags, but its database session has them before they are written.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from neutron.db import models_v2
from neutron.db.models import tag as tag_model
from sqlalchemy import event, orm

from networking_romana.acting import follow
from networking_romana.errors import RomanaBadRequest, RomanaConflict
from networking_romana.planned import has_planned_addresses
from networking_romana.segment_choice import NAME, TAG, BadSegment, choose_segment
from networking_romana.transactions import on_commit


def listen() -> None:
    """Has every session looked at before it writes."""
    if not event.contains(orm.Session, "before_flush", _before_flush):
        event.listen(orm.Session, "before_flush", _before_flush)


def _before_flush(session: Any, _context: Any, _instances: Any) -> None:
    changed = {
        tag.standard_attr_id
        for tag in (*session.new, *session.deleted)
        if isinstance(tag, tag_model.Tag) and tag.tag.startswith(TAG)
    }
    for standard_attr_id in changed:
        with session.no_autoflush:
            _change(session, standard_attr_id)


def _change(session: Any, standard_attr_id: int) -> None:
    """Lets ports follow, once it is committed; refuses what would leave ports of a network behind."""
    rows = session.query(tag_model.Tag.tag).filter(tag_model.Tag.standard_attr_id == standard_attr_id)
    before = {row.tag for row in rows}
    after = before - _tags_in(session.deleted, standard_attr_id) | _tags_in(session.new, standard_attr_id)
    network = session.query(models_v2.Network).filter_by(standard_attr_id=standard_attr_id).first()
    if network is not None:
        if _segment(after, network.name) != _segment(before, network.name) and has_planned_addresses(
            session, network.id
        ):
            raise RomanaConflict(
                what=f"change the segment of network {network.id}",
                reason="ports have addresses of it: tag the ports, or delete them first",
            )
        return
    port = session.query(models_v2.Port.id).filter_by(standard_attr_id=standard_attr_id).first()
    if port is not None:
        _said("tag the port", port_tags=after)
        on_commit(session, partial(follow, port.id))


def _segment(tags: set[str], network_name: str) -> str | None:
    """The segment that tags of a network name, else its own name; None when that is no segment's name."""
    if not any(tag.startswith(TAG) for tag in tags):
        return network_name if NAME.fullmatch(network_name) else None
    return _said("tag the network", network_tags=tags)


def _said(what: str, port_tags: Iterable[str] = (), network_tags: Iterable[str] = ()) -> str:
    try:
        return choose_segment(port_tags, {}, network_tags, "")
    except BadSegment as error:
        raise RomanaBadRequest(what=what, reason=str(error)) from error


def _tags_in(objects: Any, standard_attr_id: int) -> set[str]:
    return {
        found.tag
        for found in objects
        if isinstance(found, tag_model.Tag) and found.standard_attr_id == standard_attr_id
    }
