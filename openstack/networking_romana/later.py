"""What could not be done at once is done later."""

from __future__ import annotations

import threading
from typing import Callable

from oslo_log import log as logging

LOG = logging.getLogger(__name__)

PAUSE = 5.0
"""Seconds between two attempts."""

MOST = 100_000
"""Things that are kept in mind. What is beyond, and what a restart forgets, is found by comparing both sides."""


class Later:
    """Tries again, in a thread of its own that lives while there is something to do."""

    def __init__(self, pause: float = PAUSE) -> None:
        """``pause``: seconds between two attempts."""
        self._pause = pause
        self._lock = threading.Lock()
        self._waiting: dict[str, Callable[[], None]] = {}
        self._thread: threading.Thread | None = None

    def try_now(self, what: str, act: Callable[[], None]) -> None:
        """Does something that may be done twice, and again until it does not fail; ``what`` says it in the log."""
        try:
            act()
        except Exception as error:
            LOG.warning("Cannot %s yet: %s", what, error)
            self._add(what, act)

    def _add(self, what: str, act: Callable[[], None]) -> None:
        with self._lock:
            if len(self._waiting) >= MOST:
                LOG.error("Too much is waiting: it is left out to %s", what)
                return
            self._waiting[what] = act
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="romana-later", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        wait = threading.Event()
        while True:
            wait.wait(self._pause)
            with self._lock:
                waiting = dict(self._waiting)
            for what, act in waiting.items():
                self._try(what, act)
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return

    def _try(self, what: str, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:
            LOG.warning("Cannot %s yet: %s", what, error)
            return
        with self._lock:
            if self._waiting.get(what) is act:
                del self._waiting[what]
