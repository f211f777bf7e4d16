"""The segment of a port, as its owner has said it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

TAG = "romana.segment="
"""A tag of a port or of a network that begins so names the segment."""

PROFILE_KEY = "romana_segment"
"""The key of a port's binding profile that names the segment."""

DEFAULT = "default"
"""The segment of ports of which nobody says anything."""

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")


class BadSegment(Exception):
    """The text of the reason is for the tenant."""


def choose_segment(
    port_tags: Iterable[str],
    profile: Mapping[str, Any],
    network_tags: Iterable[str],
    network_name: str,
) -> str:
    """Port tag, else binding profile, else network tag, else name of the network, else ``default``.

    Raises BadSegment for words that are no name of a segment, and for tags that contradict each other: a
    port must not land in a segment that nobody meant.
    """
    said = _tagged(port_tags, "the port")
    if said is None and PROFILE_KEY in profile:
        said = _checked(profile[PROFILE_KEY], "the binding profile of the port")
    if said is None:
        said = _tagged(network_tags, "the network")
    if said is not None:
        return said
    if not network_name:
        return DEFAULT
    if NAME.fullmatch(network_name) is None:
        raise BadSegment(
            f'the name of the network, "{network_name}", cannot be the name of a segment: '
            f'give the network or the port a tag "{TAG}NAME"'
        )
    return network_name


def _tagged(tags: Iterable[str], where: str) -> str | None:
    names = sorted({tag[len(TAG) :] for tag in tags if tag.startswith(TAG)})
    if len(names) > 1:
        raise BadSegment(f"{where} has several tags {TAG}…: {', '.join(names)}")
    return _checked(names[0], f"the tag of {where}") if names else None


def _checked(name: object, where: str) -> str:
    if isinstance(name, str) and NAME.fullmatch(name):
        return name
    raise BadSegment(
        f'{where} says segment "{name}", which is no name: 1 to 63 letters, digits, "_", "." or "-", '
        'the first a letter, digit or "_"'
    )
