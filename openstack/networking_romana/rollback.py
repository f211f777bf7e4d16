"""Undoing what was done outside of the database when its transaction is rolled back.

Neutron tells an IPAM driver nothing when a transaction fails after it was asked. SQLAlchemy does: the outermost
transaction of the session ends, and there was no commit.
"""

from __future__ import annotations

from typing import Any, Callable

from oslo_log import log as logging
from sqlalchemy import event

LOG = logging.getLogger(__name__)

_KEY = "networking_romana.rollback"


class _Watch:
    """The undoings of one session, and whether its outermost transaction has been committed."""

    def __init__(self, session: Any) -> None:
        self.undoings: list[Callable[[], None]] = []
        self.is_committed = False
        event.listen(session, "after_commit", self._after_commit)
        event.listen(session, "after_transaction_end", self._after_end)

    def _after_commit(self, session: Any) -> None:
        # It also comes for savepoints.
        if session.get_nested_transaction() is None:
            self.is_committed = True

    def _after_end(self, _session: Any, transaction: Any) -> None:
        if transaction.parent is not None:
            return
        undoings, self.undoings = self.undoings, []
        committed, self.is_committed = self.is_committed, False
        if committed:
            return
        for undo in reversed(undoings):
            try:
                undo()
            except Exception:
                # The error that made the transaction fail is the one to tell.
                LOG.exception("Cannot undo an allocation at romanad")


def on_rollback(session: Any, undo: Callable[[], None]) -> None:
    """Has ``undo`` called when the transaction that the session is in is not committed."""
    watch = session.info.get(_KEY)
    if watch is None:
        watch = session.info[_KEY] = _Watch(session)
    watch.undoings.append(undo)
