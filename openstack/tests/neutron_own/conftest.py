import pytest
from rig.neutron_server import write_entry_points
from rig.romanad import Romanad


@pytest.fixture(scope="session", autouse=True)
def drivers(tmp_path_factory):
    """Makes the entry points known and has the drivers ask a romanad whose only plan no test of Neutron uses."""
    import sys

    from networking_romana import romana
    from networking_romana.transport import Settings

    directory = tmp_path_factory.mktemp("entry-points")
    write_entry_points(directory)
    sys.path.insert(0, str(directory))
    daemon = Romanad(tmp_path_factory.mktemp("romanad-of-neutron")).start()
    plan = {"prefix": "198.18.0.0/16", "hostBits": 4, "tenantBits": 4, "segmentBits": 4, "endpointBits": 4}
    daemon.api.send("POST", "/v1/networks", {"name": "far", "plans": {"ipv4": plan}}).ok()
    # Neutron's tests clear the configuration, so it cannot say the URL.
    romana._romana = romana.romana_of(Settings(daemon.url))
    yield
    romana._romana = None
    daemon.stop()
