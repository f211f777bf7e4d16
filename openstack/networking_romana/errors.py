"""What Neutron's clients are told when romanad says no. Tenants may read every message here."""

from __future__ import annotations

from neutron_lib import exceptions as n_exc
from oslo_log import log as logging

from networking_romana.client import ApiError
from networking_romana.transport import Unreachable

LOG = logging.getLogger(__name__)


class RomanaUnavailable(n_exc.ServiceUnavailable):
    """romanad does not answer, or not as it should (503)."""

    message = "Cannot %(what)s: the address service is not available at the moment. Try again later."


class RomanaBadRequest(n_exc.BadRequest):
    """What was asked for makes no sense to Romana (400)."""

    message = "Cannot %(what)s: %(reason)s"


class RomanaConflict(n_exc.Conflict):
    """What was asked for does not go with what is there (409)."""

    message = "Cannot %(what)s: %(reason)s"


class RomanaNoRoom(n_exc.Conflict):
    """A host, a segment, a tenant or a quota is full (409)."""

    message = "Cannot %(what)s: %(reason)s"


def refusal(what: str, error: ApiError | Unreachable) -> Exception:
    """The exception of Neutron for an error of romanad. What an operator must know of it is logged."""
    if isinstance(error, Unreachable):
        LOG.error("Cannot %s: romanad does not answer: %s", what, error)
        return RomanaUnavailable(what=what)
    if error.is_missing("host"):
        return RomanaConflict(what=what, reason=f'host "{error.data.get("name")}" is not a host of Romana')
    reason = _reason(error)
    if error.code in ("pool-exhausted", "quota-exceeded"):
        return RomanaNoRoom(what=what, reason=reason)
    if error.code == "invalid-input":
        return RomanaBadRequest(what=what, reason=reason)
    if error.code in ("conflict", "in-use", "not-found", "revision-mismatch"):
        return RomanaConflict(what=what, reason=reason)
    LOG.error("Cannot %s: romanad answers %s: %s", what, error.status, error.detail)
    return RomanaUnavailable(what=what)


def _reason(error: ApiError) -> str:
    """romanad's sentence without its own "Cannot do this:"."""
    head, colon, reason = error.detail.partition(": ")
    return reason if colon and head.startswith("Cannot ") else error.detail
