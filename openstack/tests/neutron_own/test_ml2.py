"""ML2's plugin tests: ports, subnets, networks, bindings."""

from neutron.tests.unit.plugins.ml2 import test_plugin, test_port_binding
from oslo_config import cfg


class WithRomana:
    """Both drivers beside those that the tests bring."""

    _mechanism_drivers = ["romana", "logger", "test"]  # noqa: RUF012

    def setup_coreplugin(self, *words, **more):
        cfg.CONF.set_override("ipam_driver", "romana")
        super().setup_coreplugin(*words, **more)


class TestPorts(WithRomana, test_plugin.TestMl2PortsV2):
    pass


class TestSubnets(WithRomana, test_plugin.TestMl2SubnetsV2):
    pass


class TestNetworks(WithRomana, test_plugin.TestMl2NetworksV2):
    pass


class TestPortBinding(WithRomana, test_plugin.TestMl2PortBinding):
    pass


class TestBinding(WithRomana, test_port_binding.PortBindingTestCase):
    pass


class TestExtendedBinding(WithRomana, test_port_binding.ExtendedPortBindingTestCase):
    pass
