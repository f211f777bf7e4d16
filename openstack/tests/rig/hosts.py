"""Compute hosts: network namespaces on one underlay, each with a real romana-agent and its guests."""

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from rig.neutron_server import PYTHON
from rig.processes import Program, until
from rig.romanad import ROOT

TESTS = pathlib.Path(__file__).parents[1]
PROTOCOL = "114"


class Host:
    def __init__(self, directory, public, prefix, number, romanad_socket):
        self.directory = directory
        self.name = f"host-{number}"
        self.number = number
        self.namespace = f"{prefix}-{number}"
        self.underlay = f"198.51.100.{number}"
        self.socket = directory / f"{self.name}.sock"
        self.config = directory / f"{self.name}.json"
        settings = {
            "host": self.name,
            "server": f"unix://{romanad_socket}",
            "stateDir": str(directory / self.name),
            "socket": str(self.socket),
            "dhcp": {"enabled": True, "directory": str(public / self.name)},
        }
        self.config.write_text(json.dumps(settings))
        (directory / self.name).mkdir(mode=0o700)
        self.agent = None
        self.guests = None
        self.one_at_a_time = threading.Lock()

    def enter(self, *words):
        return ["nsenter", f"--net=/run/netns/{self.namespace}", *words]

    def run(self, *words):
        return subprocess.run(self.enter(*words), check=True, capture_output=True, text=True).stdout

    def start_agent(self):
        environment = {"PATH": f"{ROOT}/node_modules/.bin:{os.environ['PATH']}"}
        words = self.enter("node", str(ROOT / "bin/romana-agent.mjs"), "--config", str(self.config))
        self.agent = Program(self.directory / f"{self.name}.log", words, environment)

    def kill_agent(self):
        self.agent.end()

    def boot_guests(self):
        words = self.enter(PYTHON, "-m", "rig.guests_of_host")
        environment = {**os.environ, "PYTHONPATH": str(TESTS), "PYTHONDONTWRITEBYTECODE": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.guests = subprocess.Popen(words, env=environment, text=True, **pipes)

    def order(self, verb, **more):
        self.guests.stdin.write(json.dumps({"verb": verb, **more}) + "\n")
        self.guests.stdin.flush()

    def answer(self):
        line = self.guests.stdout.readline()
        assert line, f"the guests of {self.name} have ended"
        return json.loads(line)

    def call(self, verb, **more):
        with self.one_at_a_time:
            self.order(verb, **more)
            return self.answer()

    def ask_agent(self, path):
        """None while it does not answer."""
        connection = http.client.HTTPConnection("agent", timeout=60)
        try:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(str(self.socket))
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def is_well(self):
        status = self.ask_agent("/v1/status")
        return status is not None and status["state"] == "ok" and status["romanad"]["connected"]

    def wired(self):
        """The taps that the agent has wired, with the addresses that it says."""
        items = (self.ask_agent("/v1/attachments") or {"items": []})["items"]
        return {it["device"]: it["endpoint"]["addresses"]["ipv4"] for it in items if it["state"] == "attached"}

    def routes(self):
        """Those of ours, sorted."""
        text = self.run("ip", "-4", "route", "show", "table", "all", "protocol", PROTOCOL)
        return sorted(" ".join(line.replace("linkdown", "").split()) for line in text.splitlines())

    def devices(self):
        return sorted(link["ifname"] for link in json.loads(self.run("ip", "-json", "link")))

    def ruleset(self):
        return self.run("nft", "-s", "list", "ruleset")


class Hosts:
    """As many as wanted, on a bridge. What they leave in the kernel is gone with them."""

    def __init__(self, directory, count, romanad_socket):
        self.prefix = f"romana-vms-{os.getpid()}"
        # dnsmasq reads its files without rights, and pytest's directories are for root alone.
        self.public = pathlib.Path(tempfile.mkdtemp(prefix=self.prefix))
        self.public.chmod(0o755)
        numbers = range(1, count + 1)
        self.all = [Host(directory, self.public, self.prefix, number, romanad_socket) for number in numbers]
        self.by_name = {host.name: host for host in self.all}

    def start(self):
        ip("netns", "add", self.prefix)
        ip("-n", self.prefix, "link", "add", "br0", "type", "bridge")
        ip("-n", self.prefix, "link", "set", "br0", "up")
        for host in self.all:
            self._plug_in(host)
            host.boot_guests()
            host.start_agent()
        for host in self.all:
            until(host.is_well, f"the agent of {host.name} is well")
        return self

    def close(self):
        for host in self.all:
            for program in (host.agent, host.guests):
                if isinstance(program, Program):
                    program.end()
                elif program is not None:
                    program.kill()
                    program.wait()
            self._end_dhcp(host)
            subprocess.run(["ip", "netns", "del", host.namespace], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "del", self.prefix], check=False, capture_output=True)
        shutil.rmtree(self.public)

    def ask(self, flows, patience=10.0):
        """For each flow of (host, tap, destination, protocol, port, expected answer) whether it was answered."""
        shares = [[flow for flow in flows if flow[0] == host.name] for host in self.all]
        for host, share in zip(self.all, shares):
            host.order("ask", flows=[flow[1:] for flow in share], patience=patience)
        answers = {}
        for host, share in zip(self.all, shares):
            answers.update(zip(share, host.answer()))
        return [answers[flow] for flow in flows]

    def _plug_in(self, host):
        ip("netns", "add", host.namespace)
        peer = ("type", "veth", "peer", "name", "eth0", "netns", host.namespace)
        ip("-n", self.prefix, "link", "add", f"p{host.number}", *peer)
        ip("-n", self.prefix, "link", "set", f"p{host.number}", "master", "br0", "up")
        for words in (
            ("link", "set", "lo", "up"),
            ("link", "set", "eth0", "up"),
            ("addr", "add", f"{host.underlay}/24", "dev", "eth0"),
        ):
            ip("-n", host.namespace, *words)

    def _end_dhcp(self, host):
        """dnsmasq outlives its agent, as it should."""
        found = subprocess.run(["ip", "netns", "pids", host.namespace], check=False, capture_output=True, text=True)
        for number in found.stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(number), signal.SIGKILL)


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)
