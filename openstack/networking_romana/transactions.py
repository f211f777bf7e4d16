"""What is done outside of the database when its transaction is committed, or undone when it is rolled back.

Neutron tells an IPAM driver nothing when a transaction fails after it was asked. SQLAlchemy does: the outermost
transaction of the session ends, and there was a commit or none.
"""

from __future__ import annotations

from typing import Any, Callable

from oslo_log import log as logging
from sqlalchemy import event

LOG = logging.getLogger(__name__)

_KEY = "networking_romana.transactions"


class _Watch:
    """What waits for the end of one session's outermost transaction."""

    def __init__(self, session: Any) -> None:
        self.on_commit: list[Callable[[], None]] = []
        self.on_rollback: list[Callable[[], None]] = []
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
        acts = self.on_commit if self.is_committed else self.on_rollback[::-1]
        self.on_commit, self.on_rollback, self.is_committed = [], [], False
        for act in acts:
            try:
                act()
            except Exception:
                # Neutron has decided: the client hears of that, not of this.
                LOG.exception("Cannot tell romanad how a transaction has ended")


def on_rollback(session: Any, undo: Callable[[], None]) -> None:
    """Has ``undo`` called when the transaction that the session is in is not committed."""
    _watch(session).on_rollback.append(undo)


def on_commit(session: Any, act: Callable[[], None]) -> None:
    """Has ``act`` called when the transaction that the session is in is committed."""
    _watch(session).on_commit.append(act)


def _watch(session: Any) -> _Watch:
    watch: _Watch | None = session.info.get(_KEY)
    if watch is None:
        watch = session.info[_KEY] = _Watch(session)
    return watch
