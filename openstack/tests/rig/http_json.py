"""HTTP with JSON, as a test wants it: a status and what came with it."""

import dataclasses
import http.client
import json
import typing


@dataclasses.dataclass(frozen=True)
class Reply:
    status: int
    body: typing.Any

    def ok(self):
        assert self.status < 400, (self.status, self.body)
        return self.body


class Api:
    def __init__(self, port, headers=None):
        self.port = port
        self.headers = headers or {}

    def send(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = dict(self.headers)
        data = None
        if body is not None:
            data = json.dumps(body)
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        return Reply(response.status, json.loads(text) if text else None)
