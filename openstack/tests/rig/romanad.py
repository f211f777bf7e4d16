"""A real romanad."""

import json
import os
import pathlib

from rig.http_json import Api
from rig.processes import Program, free_port

ROOT = pathlib.Path(__file__).parents[3]

NETWORKS = [
    {
        "name": "seed",
        "plans": {
            "ipv4": {"prefix": "10.0.0.0/8", "hostBits": 8, "tenantBits": 8, "segmentBits": 4, "endpointBits": 4}
        },
    },
    {
        "name": "dual",
        "plans": {
            "ipv4": {"prefix": "172.16.0.0/12", "hostBits": 6, "tenantBits": 6, "segmentBits": 4, "endpointBits": 4},
            "ipv6": {"prefix": "fd00:10::/48", "hostBits": 24, "tenantBits": 20, "segmentBits": 16, "endpointBits": 20},
        },
    },
    {
        "name": "half",
        "plans": {
            "ipv6": {"prefix": "fd00:64::/64", "hostBits": 16, "tenantBits": 16, "segmentBits": 16, "endpointBits": 16}
        },
    },
    {
        "name": "tiny",
        "plans": {
            "ipv4": {"prefix": "192.168.0.0/21", "hostBits": 2, "tenantBits": 5, "segmentBits": 3, "endpointBits": 1}
        },
    },
]

HOSTS = ["host-a", "host-b", "host-c"]


class Romanad:
    """Its store survives ``stop`` and ``start``. Released addresses are used again at once, so that mistakes show."""

    def __init__(self, directory: pathlib.Path):
        self.directory = directory
        self.port = free_port()
        self.api = Api(self.port)
        self.program = None
        directory.mkdir(parents=True, exist_ok=True)
        self.config = directory / "romanad.yaml"
        self.config.write_text(
            json.dumps(
                {
                    "socket": str(directory / "romanad.sock"),
                    "listen": f"127.0.0.1:{self.port}",
                    "data": str(directory / "data"),
                    "coolDown": 0,
                }
            )
        )

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        path = f"{ROOT}/node_modules/.bin:{os.environ['PATH']}"
        self.program = Program(
            self.directory / "romanad.log",
            ["node", str(ROOT / "bin/romanad.mjs"), "--config", str(self.config)],
            {"PATH": path},
        )
        self.program.wait_for_http(self.port, "/readyz")
        return self

    def stop(self):
        self.program.end()

    def populate(self, networks=NETWORKS, hosts=HOSTS):
        for network in networks:
            self.api.send("POST", "/v1/networks", network).ok()
        for number, name in enumerate(hosts, start=1):
            spec = {"name": name, "id": number, "underlay": {"ipv4": f"198.51.100.{number}"}}
            self.api.send("POST", "/v1/hosts", spec).ok()

    def items(self, path):
        return self.api.send("GET", f"{path}{'&' if '?' in path else '?'}limit=1000").ok()["items"]

    def endpoints(self):
        return self.items("/v1/endpoints")
