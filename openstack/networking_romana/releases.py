"""Endpoints that could not be released at once are released later."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Callable

from oslo_log import log as logging

from networking_romana.client import ApiError
from networking_romana.endpoints import Endpoints
from networking_romana.transport import Unreachable

LOG = logging.getLogger(__name__)

PAUSE = 5.0
"""Seconds between two attempts."""

MOST = 100_000
"""Ports that are kept in mind. What is beyond, and what a restart forgets, is found by comparing both sides."""


class Releases:
    """Tries again, in a thread of its own that lives while there is something to do."""

    def __init__(self, endpoints: Endpoints, addresses_of: Callable[[str], list[str]], pause: float = PAUSE) -> None:
        """``addresses_of`` says which addresses a port of Neutron has now."""
        self._endpoints = endpoints
        self._addresses_of = addresses_of
        self._pause = pause
        self._lock = threading.Lock()
        self._waiting: dict[str, set[str]] = {}
        self._thread: threading.Thread | None = None

    def later(self, port_id: str, refs: Iterable[str]) -> None:
        """Has endpoints of a port, said by address or name, released as soon as romanad can.

        Those whose addresses the port has in Neutron by then are spared.
        """
        with self._lock:
            if len(self._waiting) >= MOST:
                LOG.error("Too many releases are waiting: the one of port %s is left out", port_id)
                return
            self._waiting.setdefault(port_id, set()).update(refs)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="romana-releases", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        wait = threading.Event()
        while True:
            wait.wait(self._pause)
            with self._lock:
                waiting = {port_id: set(refs) for port_id, refs in self._waiting.items()}
            for port_id, refs in waiting.items():
                if not self._try(port_id, refs):
                    break
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return

    def _try(self, port_id: str, refs: set[str]) -> bool:
        try:
            self._endpoints.release(port_id, refs, kept=self._addresses_of(port_id))
        except (ApiError, Unreachable) as error:
            LOG.warning("The addresses of port %s are not released yet: %s", port_id, error)
            return isinstance(error, ApiError)
        except Exception:
            LOG.exception("The addresses of port %s are not released yet", port_id)
            return True
        with self._lock:
            left = self._waiting.get(port_id, set()) - refs
            if left:
                self._waiting[port_id] = left
            else:
                self._waiting.pop(port_id, None)
        return True
