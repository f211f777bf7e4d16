"""HTTP/1.1 and JSON to romanad, over TCP, TLS or a unix socket, with connections that are used again."""

from __future__ import annotations

import collections
import dataclasses
import http.client
import json
import socket
import ssl
import threading
from typing import Any
from urllib.parse import unquote, urlsplit

MAX_IDLE = 16
"""Most connections that are kept for later."""


class Unreachable(Exception):
    """romanad did not answer: no connection, no answer in time, or no HTTP."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Where romanad is and how to talk to it; ``timeout`` in seconds."""

    url: str
    token: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    timeout: float = 5.0


@dataclasses.dataclass(frozen=True)
class Answer:
    """An answer; ``body`` is what the JSON says, None without one."""

    status: int
    body: Any


class UnixConnection(http.client.HTTPConnection):
    """A connection to a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        """``path`` of the socket; ``timeout`` in seconds."""
        super().__init__("romana", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connects."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Transport:
    """Sends requests. Threads may share it; nothing is connected before the first request."""

    def __init__(self, settings: Settings) -> None:
        """Raises ValueError when the URL cannot be used."""
        self._settings = settings
        self._url = urlsplit(settings.url)
        self._idle: collections.deque[http.client.HTTPConnection] = collections.deque()
        self._lock = threading.Lock()
        self._headers = {"accept": "application/json, application/problem+json"}
        if settings.token:
            self._headers["authorization"] = f"Bearer {settings.token}"
        self._tls: ssl.SSLContext | None = None
        if self._url.scheme not in ("http", "https", "unix"):
            raise ValueError(f'"{settings.url}" does not begin with http://, https:// or unix://')
        if self._url.scheme == "unix" and not self._url.path:
            raise ValueError(f'"{settings.url}" has no path')
        if self._url.scheme != "unix" and not self._url.hostname:
            raise ValueError(f'"{settings.url}" has no host')
        if self._url.scheme == "https":
            self._tls = ssl.create_default_context(cafile=settings.ca_file)
            if settings.cert_file:
                self._tls.load_cert_chain(settings.cert_file, settings.key_file)

    def request(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """Sends a request that may be sent twice without harm. Raises Unreachable."""
        data = None if body is None else json.dumps(body).encode()
        own = {**self._headers, **(headers or {})}
        if data is not None:
            own["content-type"] = "application/json"
        connection = self._take()
        if connection is not None:
            try:
                return self._exchange(connection, method, path, data, own)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                connection.close()  # it was closed while it was idle
            except (OSError, http.client.HTTPException, ValueError) as error:
                connection.close()
                raise Unreachable(str(error)) from error
        connection = self._open()
        try:
            return self._exchange(connection, method, path, data, own)
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            raise Unreachable(str(error) or type(error).__name__) from error

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        data: bytes | None,
        headers: dict[str, str],
    ) -> Answer:
        connection.request(method, path, body=data, headers=headers)
        response = connection.getresponse()
        text = response.read()
        answer = Answer(response.status, json.loads(text) if text else None)
        self._give_back(connection)
        return answer

    def _open(self) -> http.client.HTTPConnection:
        timeout = self._settings.timeout
        if self._url.scheme == "unix":
            return UnixConnection(unquote(self._url.path), timeout)
        host = self._url.hostname or ""
        if self._tls is not None:
            return http.client.HTTPSConnection(host, self._url.port or 443, timeout=timeout, context=self._tls)
        return http.client.HTTPConnection(host, self._url.port or 80, timeout=timeout)

    def _take(self) -> http.client.HTTPConnection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _give_back(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if len(self._idle) < MAX_IDLE:
                self._idle.append(connection)
                return
        connection.close()
