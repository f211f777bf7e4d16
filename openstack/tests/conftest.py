"""What all tests share: one romanad and one Neutron for all scenarios, one project for each test."""

import pathlib
import sys
import uuid

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1])]


@pytest.fixture(scope="session")
def romanad(tmp_path_factory):
    from rig.romanad import Romanad

    daemon = Romanad(tmp_path_factory.mktemp("romanad")).start()
    yield daemon
    daemon.stop()


@pytest.fixture(scope="session")
def cloud(romanad, tmp_path_factory):
    from rig.cloud import Cloud
    from rig.neutron_server import Neutron

    romanad.populate()
    neutron = Neutron(tmp_path_factory.mktemp("neutron"), romanad.url).start()
    yield Cloud(romanad, neutron)
    neutron.stop()


@pytest.fixture(scope="session")
def cloud_with(tmp_path_factory):
    """Makes a cloud whose Neutron is configured otherwise. Each has a romanad of its own: one Neutron, one romanad."""
    from rig.cloud import Cloud
    from rig.neutron_server import Neutron
    from rig.romanad import Romanad

    running = []

    def make(**options):
        directory = tmp_path_factory.mktemp("configured")
        romanad = Romanad(directory / "romanad").start()
        running.append(romanad)
        romanad.populate()
        neutron = Neutron(directory, romanad.url, **options).start()
        running.append(neutron)
        return Cloud(romanad, neutron)

    yield make
    for program in reversed(running):
        program.stop()


@pytest.fixture
def project(cloud):
    """A project; when the test is over and all it had is deleted, nothing may be left of it."""
    it = cloud.project(uuid.uuid4().hex)
    yield it
    it.purge()
    assert [t for t in cloud.romanad.items("/v1/tenants") if t.get("externalId") == it.id] == []


@pytest.fixture(scope="session")
def busy_cloud(tmp_path_factory):
    """Both again, with MariaDB and a server with threads."""
    from rig.cloud import Cloud
    from rig.mariadb import MariaDb
    from rig.neutron_server import Neutron
    from rig.romanad import Romanad

    directory = tmp_path_factory.mktemp("busy")
    database = MariaDb(directory).start()
    romanad = Romanad(directory / "romanad").start()
    romanad.populate()
    neutron = Neutron(directory, romanad.url, database.url)
    neutron.migrate()
    neutron.start()
    yield Cloud(romanad, neutron)
    neutron.stop()
    romanad.stop()
    database.stop()


@pytest.fixture
def busy_project(busy_cloud):
    return busy_cloud.project(uuid.uuid4().hex)
