"""What came out, for people and for programs. Pure."""

from __future__ import annotations

import json

from networking_romana.sync import difference as kinds
from networking_romana.sync.difference import Difference
from networking_romana.sync.reconcile import Outcome

HEAD = ("DIFFERENCE", "WHAT", "IN NEUTRON", "IN ROMANA", "STATE")


def render_table(outcome: Outcome) -> str:
    """A line for each difference, and one that sums up."""
    rows = [(it.kind, it.subject, it.neutron, it.romana, "mended") for it in outcome.mended]
    rows += [(it.kind, it.subject, it.neutron, it.romana, _state(it, outcome)) for it in outcome.differences]
    widths = [max(len(row[column]) for row in [HEAD, *rows]) for column in range(len(HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [HEAD, *rows]]
    return "\n".join([*(lines if rows else []), _sum(outcome)])


def render_json(outcome: Outcome) -> str:
    """One object."""
    body = {
        "agree": not outcome.differences,
        "ports": outcome.ports,
        "endpoints": outcome.endpoints,
        "differences": [{**_json(it), "state": _state(it, outcome)} for it in outcome.differences],
        "mended": [_json(it) for it in outcome.mended],
    }
    return json.dumps(body, indent=2)


def _state(difference: Difference, outcome: Outcome) -> str:
    if difference.key in outcome.reasons:
        return outcome.reasons[difference.key]
    return "not for a program to mend" if difference.kind in kinds.FOR_PEOPLE else "can be mended"


def _sum(outcome: Outcome) -> str:
    counted = f"{outcome.ports} ports, {outcome.endpoints} endpoints"
    mended = f", {len(outcome.mended)} mended" if outcome.mended else ""
    return f"{counted}: {len(outcome.differences) or 'no'} differences{mended}"


def _json(difference: Difference) -> dict[str, str]:
    body = {"kind": difference.kind, "subject": difference.subject}
    sides = {"neutron": difference.neutron, "romana": difference.romana}
    return {**body, **sides, **({"port": difference.port_id} if difference.port_id else {})}
