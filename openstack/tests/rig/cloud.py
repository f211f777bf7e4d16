"""Neutron and romanad side by side, and what must hold between them at all times."""

import dataclasses
import ipaddress

from rig.http_json import Api, Reply
from rig.neutron_server import Neutron
from rig.romanad import NETWORKS, Romanad

PLANS = {plan["prefix"]: network["name"] for network in NETWORKS for plan in network["plans"].values()}


@dataclasses.dataclass
class Cloud:
    romanad: Romanad
    neutron: Neutron

    def project(self, project_id, name="shop"):
        return Project(self, project_id, name)

    @property
    def nova(self) -> Api:
        return self.neutron.as_admin()

    def check(self):
        """Neutron and Romana have the same addresses, for the same ports, on the same hosts."""
        endpoints = self.romanad.endpoints()
        by_address = {address: e for e in endpoints for address in e["addresses"].values()}
        subnets = {s["id"]: s["cidr"] for s in self.nova.send("GET", "/v2.0/subnets").ok()["subnets"]}
        ports = self.nova.send("GET", "/v2.0/ports").ok()["ports"]
        used = set()
        for port in ports:
            for ip in port["fixed_ips"]:
                if subnets[ip["subnet_id"]] not in PLANS:
                    continue
                endpoint = by_address.get(ip["ip_address"])
                assert endpoint is not None, f"{ip['ip_address']} is in Neutron only"
                assert endpoint["externalId"] == port["id"]
                assert port["binding:host_id"] in ("", endpoint.get("locatedOn", endpoint["host"]))
                used.update(endpoint["addresses"].values())
        assert set(by_address) == used, "addresses are in Romana only"

    def decode(self, address):
        """Host, tenant and segment code as the bits of an address say them; not by asking for the endpoint."""
        number = ipaddress.ip_address(address)
        for network in NETWORKS:
            for plan in network["plans"].values():
                prefix = ipaddress.ip_network(plan["prefix"])
                if number.version == prefix.version and number in prefix:
                    rest = int(number) >> plan["endpointBits"]
                    segment, rest = rest & (1 << plan["segmentBits"]) - 1, rest >> plan["segmentBits"]
                    tenant, rest = rest & (1 << plan["tenantBits"]) - 1, rest >> plan["tenantBits"]
                    return rest & (1 << plan["hostBits"]) - 1, tenant, segment
        raise AssertionError(f"{address} is of no plan")

    def names_of(self, address):
        """Host, external ID of the tenant, and segment that the bits of an address say."""
        host_id, tenant_id, code = self.decode(address)
        host = next(h["name"] for h in self.romanad.items("/v1/hosts") if h["id"] == host_id)
        tenant = next(t for t in self.romanad.items("/v1/tenants") if t["id"] == tenant_id)
        segments = self.romanad.items(f"/v1/tenants/{tenant['name']}/segments")
        segment = next(s["name"] for s in segments if str(code) in s["codes"])
        return host, tenant["externalId"], segment


class Project:
    """A project of Neutron and its calls, each followed by a check of both sides."""

    def __init__(self, cloud: Cloud, project_id, name):
        self.cloud = cloud
        self.id = project_id
        self.api = cloud.neutron.as_member(project_id, name)

    def send(self, method, path, body=None, api=None) -> Reply:
        reply = (api or self.api).send(method, f"/v2.0/{path}", body)
        self.cloud.check()
        return reply

    def admin(self, method, path, body=None) -> Reply:
        return self.send(method, path, body, self.cloud.nova)

    def network(self, name="web", *cidrs, **more):
        """A network with subnets: by default the seed's; None for none."""
        api = self.cloud.nova if more else self.api
        body = {"network": {"name": name, "project_id": self.id, **more}}
        network = self.send("POST", "networks", body, api).ok()["network"]
        for cidr in cidrs or ("10.0.0.0/8",):
            if cidr is not None:
                self.subnet(network, cidr).ok()
        return network

    def subnet(self, network, cidr, **more):
        body = {
            "network_id": network["id"],
            "ip_version": 6 if ":" in cidr else 4,
            "cidr": cidr,
            "gateway_ip": None,
            "enable_dhcp": False,
            **more,
        }
        return self.send("POST", "subnets", {"subnet": body})

    def boot(self, network, host, **more):
        """A VM's port in the calls of Nova: made by the user without a host, then bound by an admin."""
        port = self.send("POST", "ports", {"port": {"network_id": network["id"], **more}}).ok()["port"]
        assert port["fixed_ips"] == []
        assert port["ip_allocation"] == "deferred"
        return self.bind(port, host).ok()["port"]

    def bind(self, port, host, **more):
        body = {"device_owner": "compute:nova", "device_id": port["id"], "binding:host_id": host, **more}
        return self.admin("PUT", f"ports/{port['id']}", {"port": body})

    def port(self, port):
        return self.admin("GET", f"ports/{port['id']}").ok()["port"]

    def delete(self, port):
        assert self.send("DELETE", f"ports/{port['id']}").status == 204

    def purge(self):
        """Deletes all that the project has."""
        query = f"?project_id={self.id}"
        for port in self.cloud.nova.send("GET", f"/v2.0/ports{query}").ok()["ports"]:
            self.admin("DELETE", f"ports/{port['id']}").ok()
        for network in self.cloud.nova.send("GET", f"/v2.0/networks{query}").ok()["networks"]:
            self.admin("DELETE", f"networks/{network['id']}").ok()


def addresses(port):
    return [ip["ip_address"] for ip in port["fixed_ips"]]
