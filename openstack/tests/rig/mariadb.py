"""A MariaDB of its own in a directory."""

import os
import pathlib
import subprocess
import time

from rig.processes import PATIENCE, Program, free_port


class MariaDb:
    """Durability is off: it lives as long as a test."""

    def __init__(self, directory: pathlib.Path):
        self.directory = directory
        self.port = free_port()
        self.program = None

    @property
    def url(self):
        return f"mysql+pymysql://neutron:neutron@127.0.0.1:{self.port}/neutron?charset=utf8"

    def start(self):
        data, socket = self.directory / "data", self.directory / "mariadb.sock"
        user = ["--user=root"] if os.geteuid() == 0 else []
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", *user, "--skip-test-db"]
        normal = "--auth-root-authentication-method=normal"
        subprocess.run([*install, normal], check=True, capture_output=True)
        arguments = ["--no-defaults", f"--datadir={data}", f"--socket={socket}", f"--port={self.port}", *user]
        quick = ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--max-connections=500"]
        local = ["--bind-address=127.0.0.1", f"--pid-file={self.directory / 'mariadb.pid'}"]
        self.program = Program(self.directory / "mariadb.log", ["mariadbd", *arguments, *quick, *local])
        self._make_database(socket)
        return self

    def stop(self):
        self.program.end()

    def _make_database(self, socket):
        words = (
            "CREATE DATABASE neutron CHARACTER SET utf8;"
            "CREATE USER neutron@'127.0.0.1' IDENTIFIED BY 'neutron';"
            "GRANT ALL ON neutron.* TO neutron@'127.0.0.1';"
        )
        deadline = time.monotonic() + PATIENCE
        while True:
            command = ["mariadb", "--no-defaults", f"--socket={socket}", "-u", "root", "-e"]
            if subprocess.run([*command, "SELECT 1"], capture_output=True, check=False).returncode == 0:
                break
            assert self.program.process.poll() is None, self.program.log.read_text()[-4000:]
            assert time.monotonic() < deadline, "MariaDB does not come up"
            time.sleep(0.1)
        subprocess.run([*command, words], check=True, capture_output=True)
