"""``neutron-romana-sync``: the words of the command line, and what the shell is told."""

from __future__ import annotations

import sys
import time
from typing import Any, Callable

from oslo_config import cfg

from networking_romana import config
from networking_romana.client import ApiError, Client
from networking_romana.sync import neutron_api
from networking_romana.sync.neutron_api import NeutronError
from networking_romana.sync.reconcile import Options, Reconciler, TooMany
from networking_romana.sync.report import render_json, render_table
from networking_romana.transport import Transport, Unreachable

AGREE, DIFFER, FAILED = 0, 1, 2
"""Exit codes."""

QUIET = 2.0
"""Seconds between two words of progress."""

WORDS = [
    cfg.BoolOpt("repair", default=False, help="Mend what can be mended; no running VM loses or changes an address."),
    cfg.BoolOpt("dry-run", default=False, help="Only tell, which is what happens without --repair."),
    cfg.StrOpt("output", short="o", default="table", choices=["table", "json"], help="How to tell it."),
    cfg.FloatOpt(
        "settle",
        default=10.0,
        min=0.0,
        help="Seconds between two looks at what would be taken away: longer than a transaction of Neutron lasts.",
    ),
    cfg.IntOpt("parallel", default=8, min=1, max=16, help="Requests at a time."),
    cfg.BoolOpt("allow-many", default=False, help="Release endpoints even if they are most of all."),
]


def main(arguments: list[str] | None = None) -> int:
    """0: both sides agree; 1: there are differences; 2: nobody knows."""
    conf = cfg.ConfigOpts()
    conf.register_cli_opts(WORDS)
    neutron_api.register(conf)
    try:
        conf(sys.argv[1:] if arguments is None else arguments, project="neutron", prog="neutron-romana-sync")
        if conf.repair and conf.dry_run:
            raise ValueError("--repair and --dry-run contradict each other")
        client = Client(Transport(config.settings_of(config.register(conf))))
        neutron = neutron_api.neutron_api(conf)
        options = Options(conf.repair, conf.settle, conf.parallel, conf.allow_many)
        outcome = Reconciler(client, neutron, options, _progress()).run()
    except (cfg.Error, ValueError, OSError, NeutronError, TooMany) as error:
        return _failed(str(error))
    except ApiError as error:
        return _failed(f"romanad answers with status {error.status}: {error.detail}")
    except Unreachable as error:
        return _failed(f"romanad does not answer: {error}")
    print((render_json if conf.output == "json" else render_table)(outcome))
    return DIFFER if outcome.differences else AGREE


def _failed(why: str) -> int:
    print(f"neutron-romana-sync: {why}", file=sys.stderr)
    return FAILED


def _progress(now: Callable[[], float] = time.monotonic, out: Any = sys.stderr) -> Callable[[str, int], None]:
    """Says now and then how far long work has come."""
    last = now()

    def report(what: str, count: int) -> None:
        nonlocal last
        if now() - last >= QUIET:
            last = now()
            print(f"neutron-romana-sync: {count} {what}", file=out, flush=True)

    return report
