"""What the life of a VM's port costs with our drivers and with Neutron's own IPAM driver and an idle mechanism driver.

Run: /usr/bin/python3 tests/port_life_cost.py [LIVES]. Both servers run side by side on MariaDB, and lives alternate, so
that what else the machine does hits both.
"""

import pathlib
import statistics
import sys
import tempfile
import time

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1])]

from rig.mariadb import MariaDb  # noqa: E402
from rig.neutron_server import Neutron  # noqa: E402
from rig.romanad import Romanad  # noqa: E402

PROJECT = "0123456789abcdef0123456789abcdef"


def prepare(neutron):
    """A network with the seed's prefix."""
    api = neutron.as_member(PROJECT)
    network = api.send("POST", "/v2.0/networks", {"network": {"name": "web"}}).ok()["network"]["id"]
    subnet = {"network_id": network, "ip_version": 4, "cidr": "10.0.0.0/8", "gateway_ip": None, "enable_dhcp": False}
    api.send("POST", "/v2.0/subnets", {"subnet": subnet}).ok()
    return network


def life(neutron, network):
    """POST by the user, PUT by Nova, DELETE; seconds of each."""
    times = [time.monotonic()]
    port = neutron.as_member(PROJECT).send("POST", "/v2.0/ports", {"port": {"network_id": network}}).ok()["port"]
    times.append(time.monotonic())
    body = {"device_owner": "compute:nova", "device_id": "vm", "binding:host_id": "host-a"}
    bound = neutron.as_admin().send("PUT", f"/v2.0/ports/{port['id']}", {"port": body}).ok()["port"]
    times.append(time.monotonic())
    assert (bound["binding:vif_type"], len(bound["fixed_ips"])) == ("tap", 1)
    assert neutron.as_admin().send("DELETE", f"/v2.0/ports/{port['id']}").status == 204
    times.append(time.monotonic())
    return [after - before for before, after in zip(times, times[1:])]


def server(directory, romanad, name, **more):
    """A Neutron with a database of its own."""
    place = directory / name
    place.mkdir()
    database = MariaDb(place).start()
    neutron = Neutron(place, romanad.url, database.url, **more)
    neutron.migrate()
    return database, neutron.start()


def main(lives):
    """Prints medians in milliseconds."""
    programs = []
    with tempfile.TemporaryDirectory() as scratch:
        try:
            directory = pathlib.Path(scratch)
            romanad = Romanad(directory / "romanad").start()
            programs.append(romanad)
            romanad.populate()
            servers = {}
            for name, more in {"romana": {}, "own": {"ipam_driver": "internal", "mechanism_driver": "idle"}}.items():
                database, neutron = server(directory, romanad, name, **more)
                programs += [database, neutron]
                servers[name] = (neutron, prepare(neutron), [])
            for number in range(lives + 5):
                for neutron, network, times in servers.values():
                    seconds = life(neutron, network)
                    if number >= 5:
                        times.append(seconds)
            report(servers)
        finally:
            for program in reversed(programs):
                program.stop()


def report(servers):
    """A line for each server and the ratio of the sums."""
    sums = {}
    for name, (_, _, times) in servers.items():
        parts = [statistics.median(column) * 1000 for column in zip(*times)]
        sums[name] = statistics.median(sum(row) for row in times) * 1000
        print(f"{name:7} POST {parts[0]:6.1f}  PUT {parts[1]:6.1f}  DELETE {parts[2]:6.1f}  all {sums[name]:6.1f} ms")
    print(f"ratio {sums['romana'] / sums['own']:.2f}")


main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
