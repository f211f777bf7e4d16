"""How long a cold sync takes on our side: romanad knows hosts and networks, Neutron has 10,000 ports with addresses.

Neutron is a server that answers pages out of memory at once, since the time of the real one is not ours. romanad is
real. A second comparison, in which nothing differs, and one after 100 endpoints were left follow.

    cd openstack/tests && PYTHONPATH=.:.. /usr/bin/python3 sync_cost.py
"""

import ipaddress
import json
import pathlib
import sys
import tempfile
import time
import uuid
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

from rig.romanad import Romanad
from rig.sync_tool import SyncTool
from unit.scripted import scripted

PORTS = 10_000
HOSTS = 100
PROJECTS = 50
PLAN = {"prefix": "10.0.0.0/8", "hostBits": 8, "tenantBits": 6, "segmentBits": 4, "endpointBits": 6}


def clouds_ports():
    """Networks and ports as Neutron lists them: each project has one network, its ports are spread over the hosts."""
    projects = [uuid.UUID(int=number + 1).hex for number in range(PROJECTS)]
    networks = [
        {"id": f"net-{n:02}", "project_id": p, "name": "web", "tags": [], "provider:network_type": "romana"}
        for n, p in enumerate(projects)
    ]
    ports = []
    for number in range(PORTS):
        host, project = number % HOSTS, number // HOSTS % PROJECTS
        endpoint = number // HOSTS // PROJECTS + 1
        value = (10 << 24) | (host + 1) << 16 | (project + 1) << 10 | 1 << 6 | endpoint
        ports.append(
            {
                "id": str(uuid.UUID(int=number + 1)),
                "project_id": projects[project],
                "network_id": networks[project]["id"],
                "binding:host_id": f"host-{host}",
                "binding:profile": {},
                "fixed_ips": [{"subnet_id": "sub", "ip_address": str(ipaddress.ip_address(value))}],
                "tags": [],
                "device_id": f"vm-{number}",
                "mac_address": "fa:16:3e:00:00:01",
                "ip_allocation": "deferred",
                "security_groups": [],
                "port_security_enabled": False,
            }
        )
    return networks, ports


def neutron(networks, ports):
    """Answers as Neutron does, and keeps the texts of its pages."""
    by_id = {port["id"]: port for port in ports}
    subnets = [{"id": "sub", "cidr": PLAN["prefix"]}]
    place = {port["id"]: number for number, port in enumerate(ports)}
    others = {"networks": networks, "subnets": subnets, "security-groups": [], "address-groups": []}

    def answer(method, path, body):
        url = urlsplit(path)
        query = parse_qs(url.query)
        noun = url.path.rpartition("/")[2]
        if noun in others:
            return 200, {noun.replace("-", "_"): others[noun]}
        if noun != "ports":
            return 200, {}
        if "id" in query:
            return 200, {"ports": [by_id[port_id] for port_id in query["id"]]}
        start = place[query["marker"][0]] + 1 if "marker" in query else 0
        page = ports[start : start + 1000]
        links = [{"rel": "next"}] if start + 1000 < len(ports) else []
        return 200, json.dumps({"ports": page, "ports_links": links}).encode()

    return answer


def timed(tool, *words):
    start = time.monotonic()
    done = tool.run("-o", "json", *words)
    took = time.monotonic() - start
    assert done.returncode == 0, done.stderr + done.stdout[-2000:]
    outcome = json.loads(done.stdout)
    return took, len(outcome["mended"]), outcome["endpoints"]


def main():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="romana-sync-cost-"))
    romanad = Romanad(directory / "romanad").start()
    try:
        romanad.api.send("POST", "/v1/networks", {"name": "seed", "plans": {"ipv4": PLAN}}).ok()
        for number in range(HOSTS):
            underlay = {"ipv4": f"198.51.100.{number + 1}"}
            romanad.api.send(
                "POST", "/v1/hosts", {"name": f"host-{number}", "id": number + 1, "underlay": underlay}
            ).ok()
        with scripted(neutron(*clouds_ports())) as (url, _):
            config = directory / "neutron.conf"
            config.write_text(f"[romana]\nurl = {romanad.url}\n")
            package = pathlib.Path(__file__).parents[1]
            fake = SimpleNamespace(
                directory=directory,
                config=config,
                port=urlsplit(url).port,
                environment={"PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1"},
                as_admin=lambda: SimpleNamespace(headers={"X-Auth-Token": "admin"}),
            )
            tool = SyncTool(fake)
            for what, words in (("cold", ["--repair"]), ("nothing differs", []), ("again", ["--repair"])):
                took, mended, endpoints = timed(tool, *words)
                print(f"{what}: {took:.1f} s, {mended} mended, {endpoints} endpoints", flush=True)
    finally:
        romanad.stop()


if __name__ == "__main__":
    sys.exit(main())
