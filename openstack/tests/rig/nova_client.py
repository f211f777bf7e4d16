"""Nova's own client of Neutron, as a process that is asked."""

import json
import os
import pathlib
import subprocess
import sys

from rig.neutron_server import PYTHON

TESTS = pathlib.Path(__file__).parents[1]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
UNPACKED = CACHE / "romana" / "nova" / "usr/lib/python3/dist-packages"


class Refused(Exception):
    """What Nova makes of an answer of Neutron."""

    def __init__(self, kind, message):
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class NovaClient:
    def __init__(self, directory, project):
        url = f"http://127.0.0.1:{project.cloud.neutron.port}"
        config = directory / "nova.conf"
        admin = project.cloud.nova.headers["X-Auth-Token"]
        lines = [f"state_path = {directory}", "", "[neutron]", "auth_type = admin_token", f"token = {admin}"]
        config.write_text("\n".join(["[DEFAULT]", *lines, f"endpoint = {url}", f"endpoint_override = {url}", ""]))
        token = project.api.headers["X-Auth-Token"]
        environment = {**os.environ, "PYTHONPATH": f"{TESTS}:{UNPACKED}", "PYTHONDONTWRITEBYTECODE": "1"}
        words = [PYTHON, "-W", "ignore", "-m", "rig.nova_calls", str(config), token]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": sys.stderr}
        self.process = subprocess.Popen(words, env=environment, text=True, **pipes)

    def ask(self, verb, **arguments):
        """What the call of ``rig.nova_calls`` returns. Raises Refused."""
        self.process.stdin.write(json.dumps({"verb": verb, "arguments": arguments}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "Nova's client has ended"
        answer = json.loads(line)
        if "refused" in answer:
            raise Refused(answer["refused"], answer["message"])
        return answer["value"]

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=60) == 0
