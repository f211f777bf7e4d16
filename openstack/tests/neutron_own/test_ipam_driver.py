"""The tests of Neutron's own IPAM driver, on the classes that extend it."""

from unittest import mock

from neutron.tests.unit.ipam.drivers.neutrondb_ipam import test_driver

from networking_romana import ipam


class WithRomana:
    def setUp(self):
        for name, own in (("NeutronDbPool", ipam.RomanaPool), ("NeutronDbSubnet", ipam.RomanaSubnet)):
            patch = mock.patch.object(test_driver.driver, name, own)
            patch.start()
            self.addCleanup(patch.stop)
        super().setUp()


class TestPool(WithRomana, test_driver.TestNeutronDbIpamPool):
    pass


class TestSubnet(WithRomana, test_driver.TestNeutronDbIpamSubnet):
    pass
