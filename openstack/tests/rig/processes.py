"""Programs that a rig starts, and how they end."""

import contextlib
import http.client
import os
import pathlib
import signal
import socket
import subprocess
import time

PATIENCE = 60.0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Program:
    """A process group with a log file."""

    def __init__(self, log: pathlib.Path, arguments, environment=None):
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )

    def wait_for_http(self, port, path):
        """Until something answers on the port with less than 500."""
        until(lambda: self._answers(port, path), f"{self.log.name} answers on {port}")

    def end(self):
        """Kills the group: the serial server does not hear SIGTERM, and others leave children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _answers(self, port, path):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.log} ended:\n" + self.log.read_text()[-4000:])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status < 500
        except OSError:
            return False
        finally:
            connection.close()


def until(condition, what, patience=PATIENCE):
    """Polls until a condition holds, and answers its value."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {patience} s: {what}"
        time.sleep(0.05)
