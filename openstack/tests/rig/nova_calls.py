"""Nova's own client of Neutron, without the rest of Nova: lines of JSON in, lines of JSON out.

Runs in a process of its own, with Nova's code on its path. What Nova keeps in its database is kept here.
Arguments: a configuration file of Nova, and the user's token as ``rig.fake_token`` reads it.
"""

import json
import logging
import sys
import uuid

import nova.conf
from neutronclient.common.exceptions import NeutronClientException
from nova import context, objects
from nova.exception import NovaException
from nova.network import model, neutron
from nova.objects.instance_info_cache import InstanceInfoCache
from nova.objects.virtual_interface import VirtualInterface

CONF = nova.conf.CONF


class NovaCalls:
    def __init__(self, token):
        user, project, *_ = token.split(":")
        self.context = context.RequestContext(user, project, auth_token=token, is_admin=False)
        self.admin = context.get_admin_context()
        self.api = neutron.API()
        self.instances = {}

    def boot(self, network, host):
        """As the conductor and the host's nova-compute do; the ID and what the host plugs in."""
        instance = objects.Instance(
            self.context,
            uuid=str(uuid.uuid4()),
            project_id=self.context.project_id,
            user_id=self.context.user_id,
            host=host,
            availability_zone=None,
            system_metadata={},
            deleted=False,
            pci_requests=objects.InstancePCIRequests(requests=[]),
            pci_devices=objects.PciDeviceList(objects=[]),
            info_cache=InstanceInfoCache(network_info=model.NetworkInfo([])),
            flavor=objects.Flavor(extra_specs={}),
        )
        self.instances[instance.uuid] = instance
        wanted = objects.NetworkRequestList(objects=[objects.NetworkRequest(network_id=network)])
        assert self.api.validate_networks(self.context, [(network, None, None, None, None, None)], 1) == 1
        self.api.allocate_for_instance(self.context, instance, wanted, bind_host_id=host)
        self.api.setup_instance_network_on_host(self.context, instance, host)
        return {"instance": instance.uuid, "vifs": self.vifs(instance.uuid)}

    def vifs(self, instance):
        return [
            {
                "port": vif["id"],
                "type": vif["type"],
                "device": vif["devname"],
                "active": vif["active"],
                "addresses": [ip["address"] for ip in vif.fixed_ips()],
            }
            for vif in self.api.get_instance_nw_info(self.admin, self.instances[instance])
        ]

    def move(self, instance, host):
        """A cold migration, as nova-compute of both hosts do it."""
        found = self.instances[instance]
        migration = objects.Migration(
            source_compute=found.host, dest_compute=host, migration_type="migration", status="migrating"
        )
        self.api.migrate_instance_start(self.admin, found, migration)
        found.host = host
        self.api.migrate_instance_finish(self.admin, found, migration, None)
        return self.vifs(instance)

    def prepare(self, instance, host):
        """The conductor before a live migration."""
        self.api.bind_ports_to_host(self.admin, self.instances[instance], host)

    def switch(self, instance, host):
        """nova-compute when the guest runs on the other host; then the former host is forgotten."""
        found = self.instances[instance]
        former = found.host
        migration = objects.Migration(
            source_compute=former, dest_compute=host, migration_type="live-migration", status="running"
        )
        self.api.migrate_instance_start(self.admin, found, migration)
        found.host = host
        self.api.migrate_instance_finish(self.admin, found, migration, None)
        self.api.cleanup_instance_network_on_host(self.admin, found, former)
        return self.vifs(instance)

    def give_up(self, instance, host):
        """A live migration that failed before the guest ran elsewhere."""
        self.api.cleanup_instance_network_on_host(self.admin, self.instances[instance], host)

    def delete(self, instance):
        self.api.deallocate_for_instance(self.context, self.instances.pop(instance))


def without_database():
    """Rows that Nova writes about interfaces are nobody's business here."""
    VirtualInterface.create = lambda self: None
    VirtualInterface.destroy = lambda self: None
    VirtualInterface.delete_by_instance_uuid = classmethod(lambda cls, *_: None)
    InstanceInfoCache.save = lambda self, *_, **__: None
    InstanceInfoCache.refresh = lambda self: None
    objects.Instance.refresh = lambda self, *_, **__: None
    objects.Instance.save = lambda self, *_, **__: None


def answer(calls, verb, arguments):
    try:
        return {"value": getattr(calls, verb)(**arguments)}
    except (NovaException, NeutronClientException) as error:
        return {"refused": type(error).__name__, "message": str(error)}


def main(config, token):
    logging.disable(logging.CRITICAL)
    objects.register_all()
    without_database()
    CONF(["--config-file", config], project="nova")
    calls = NovaCalls(token)
    for line in sys.stdin:
        print(json.dumps(answer(calls, **json.loads(line))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
