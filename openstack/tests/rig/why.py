"""What romanad's policies say of flows, as `romana why` judges them."""

import json
import os
import subprocess

from rig.romanad import ROOT


def verdicts(romanad, flows):
    """For each flow of (source, destination, protocol, port, ICMP type, ICMP code) whether both sides accept it."""
    names = ("source", "destination", "protocol", "port", "icmp_type", "icmp_code")
    lines = [json.dumps({k: str(v) for k, v in zip(names, flow) if v is not None}) for flow in flows]
    path = f"{ROOT}/node_modules/.bin:{os.environ['PATH']}"
    done = subprocess.run(
        ["node", str(ROOT / "bin/romana.mjs"), "why", "--batch", "-", "-o", "json", "--server", romanad.url],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
    )
    assert done.returncode in (0, 1), done.stderr
    answers = json.loads(done.stdout)
    assert len(answers) == len(flows), done.stdout[:2000]
    return [answer["verdict"] == "allowed" for answer in answers]
