"""``neutron-romana-sync`` as an operator runs it."""

import json
import os
import subprocess

from rig.neutron_server import PYTHON

RUN = "import sys; from networking_romana.sync.command import main; sys.exit(main())"


class SyncTool:
    """Reads the configuration of a Neutron, and a file of its own that says who reads Neutron."""

    def __init__(self, neutron, settle=0.0):
        self.neutron = neutron
        self.settle = settle
        self.account = neutron.directory / "sync.conf"
        self.write_account(neutron.as_admin().headers["X-Auth-Token"])

    def write_account(self, token):
        lines = ["[romana_neutron]", "auth_type = admin_token", f"token = {token}"]
        self.account.write_text("\n".join([*lines, f"endpoint = http://127.0.0.1:{self.neutron.port}", ""]))

    def run(self, *words):
        files = ["--config-file", str(self.neutron.config), "--config-file", str(self.account)]
        arguments = [PYTHON, "-c", RUN, *files, "--settle", str(self.settle), *words]
        environment = {**os.environ, **self.neutron.environment}
        return subprocess.run(arguments, capture_output=True, text=True, env=environment, timeout=300, check=False)

    def tell(self, *words):
        """What it says as JSON; its status must fit it."""
        done = self.run("-o", "json", *words)
        assert done.returncode in (0, 1), done.stderr
        outcome = json.loads(done.stdout)
        assert outcome["agree"] == (done.returncode == 0)
        return outcome

    def kinds(self, *words):
        return sorted(it["kind"] for it in self.tell(*words)["differences"])
