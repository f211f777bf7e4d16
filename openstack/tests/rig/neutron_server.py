"""A real Neutron with the drivers of this package; no Keystone, but policy is enforced."""

import pathlib

import tomllib

from rig.http_json import Api
from rig.processes import Program, free_port

PACKAGE = pathlib.Path(__file__).parents[2]
PYTHON = "/usr/bin/python3"

CONFIG = """
[DEFAULT]
bind_host = 127.0.0.1
bind_port = {port}
auth_strategy = headers
core_plugin = ml2
service_plugins = segments
ipam_driver = {ipam_driver}
api_paste_config = {here}/api-paste.ini
transport_url = fake:/
state_path = {directory}/state
api_workers = 0
rpc_workers = 0
rpc_state_report_workers = 0
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = false
dhcp_agent_notification = false
log_file = {directory}/neutron.log
[database]
connection = {database}
[oslo_concurrency]
lock_path = {directory}/state/lock
[oslo_messaging_notifications]
driver = noop
[quotas]
default_quota = -1
quota_network = -1
quota_subnet = -1
quota_port = -1
[ml2]
type_drivers = romana,local,flat
tenant_network_types = romana
mechanism_drivers = {mechanism_driver}
extension_drivers = port_security,tag_ports_during_bulk_creation
[ml2_type_flat]
flat_networks = *
[romana]
url = {url}
timeout = 2
cold_migration = {cold_migration}
live_migration = {live_migration}
"""

MIGRATE = "import sys; sys.argv[0] = 'neutron-db-manage'; from neutron.db.migration.cli import main; sys.exit(main())"
SERVE = "import sys; sys.argv[0] = 'neutron-server'; from neutron.cmd.eventlet.server import main; main()"


def write_entry_points(directory, with_idle=False):
    """Makes the package known to Python's metadata as an installation would; ``with_idle`` also the idle driver."""
    info = directory / "networking_romana-0.1.0.dist-info"
    info.mkdir(exist_ok=True)
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: networking-romana\nVersion: 0.1.0\n")
    groups = project["entry-points"]
    if with_idle:
        groups["neutron.ml2.mechanism_drivers"]["idle"] = "rig.idle_mechanism:IdleMechanismDriver"
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in entries.items()) for group, entries in groups.items()]
    (info / "entry_points.txt").write_text("\n".join(lines))


class Neutron:
    """Without ``database`` it has SQLite and serves one request at a time; with the URL of one it has threads."""

    def __init__(
        self,
        directory: pathlib.Path,
        url,
        database=None,
        cold_migration="readdress",
        live_migration="refuse",
        ipam_driver="romana",
        mechanism_driver="romana",
    ):
        self.directory = directory
        self.port = free_port()
        (directory / "state/lock").mkdir(parents=True, exist_ok=True)
        write_entry_points(directory, with_idle=mechanism_driver == "idle")
        self.is_serial = database is None
        self.database = database or f"sqlite:///{directory}/neutron.sqlite"
        self.config = directory / "neutron.conf"
        self.config.write_text(
            CONFIG.format(
                port=self.port,
                here=pathlib.Path(__file__).parent,
                directory=directory,
                database=self.database,
                url=url,
                cold_migration=cold_migration,
                live_migration=live_migration,
                ipam_driver=ipam_driver,
                mechanism_driver=mechanism_driver,
            )
        )
        self.environment = {"PYTHONPATH": f"{directory}:{PACKAGE}:{PACKAGE / 'tests'}", "PYTHONDONTWRITEBYTECODE": "1"}
        self.program = None

    def start(self):
        options = ["--config-file", str(self.config)]
        if self.is_serial:
            arguments = [PYTHON, "-m", "rig.serial_server", str(self.port), self.database, *options]
        else:
            arguments = [PYTHON, "-c", SERVE, *options]
        self.program = Program(self.directory / "neutron.out", arguments, self.environment)
        self.program.wait_for_http(self.port, "/v2.0/")
        return self

    def migrate(self):
        """Makes the tables of a real database."""
        log = self.directory / "migrate.log"
        arguments = [PYTHON, "-c", MIGRATE, "--config-file", str(self.config), "upgrade", "heads"]
        program = Program(log, arguments, self.environment)
        assert program.process.wait() == 0, log.read_text()[-4000:]

    def stop(self):
        self.program.end()

    def as_admin(self):
        """What Nova is."""
        return Api(self.port, {"X-Auth-Token": "nova:service:service:admin"})

    def as_member(self, project, name="shop"):
        return Api(self.port, {"X-Auth-Token": f"alice:{project}:{name}:member,reader"})

    def text_of_log(self):
        return (self.directory / "neutron.log").read_text(errors="replace")
