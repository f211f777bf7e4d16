"""What Nova asks of Neutron for a VM, in its order, and what it does on the host."""

import dataclasses

from rig.hosts import Host

DEVICE_LENGTH = 14


@dataclasses.dataclass
class Vm:
    port_id: str
    project_id: str
    network: str
    host: Host
    mac: str
    address: str
    groups: list[str]

    @property
    def tap(self):
        return f"tap{self.port_id}"[:DEVICE_LENGTH]


class Nova:
    def __init__(self, cloud):
        self.cloud = cloud
        self.admin = cloud.nova

    def boot(self, instance, project, network, host, groups):
        """A port as the user, without a host; the host as an admin; then the tap is plugged in."""
        member = project.api
        member.send("GET", f"/v2.0/networks?id={network['id']}").ok()
        wish = {"network_id": network["id"], "device_id": instance, "admin_state_up": True, "tenant_id": project.id}
        if groups:
            wish["security_groups"] = groups
        port = member.send("POST", "/v2.0/ports", {"port": wish}).ok()["port"]
        assert port["ip_allocation"] == "deferred"
        owner = {"device_id": instance, "device_owner": "compute:nova", "binding:host_id": host.name}
        path = f"/v2.0/ports/{port['id']}"
        bound = self.admin.send("PUT", path, {"port": {**owner, "binding:profile": {}}}).ok()["port"]
        query = f"tenant_id={project.id}&device_id={instance}"
        (known,) = self.admin.send("GET", f"/v2.0/ports?{query}").ok()["ports"]
        assert known["binding:vif_type"] == bound["binding:vif_type"] == "tap"
        (address,) = [ip["ip_address"] for ip in known["fixed_ips"]]
        mac, groups = known["mac_address"], known["security_groups"]
        vm = Vm(port["id"], project.id, network["name"], host, mac, address, groups)
        host.call("boot", tap=vm.tap, mac=vm.mac)
        return vm

    def delete(self, vm):
        """The hypervisor ends first."""
        vm.host.call("halt", tap=vm.tap)
        assert self.admin.send("DELETE", f"/v2.0/ports/{vm.port_id}").status == 204
