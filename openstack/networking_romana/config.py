"""The options of the group ``[romana]``."""

from __future__ import annotations

from typing import Any

from oslo_config import cfg

from networking_romana.transport import Settings

GROUP = "romana"

OPTIONS = [
    cfg.StrOpt(
        "url",
        default="unix:///run/romana/romanad.sock",
        help="Where romanad listens: http://HOST:PORT, https://HOST:PORT or unix:///PATH.",
    ),
    cfg.StrOpt("token", secret=True, help="Bearer token that is sent with each request."),
    cfg.StrOpt("ca_file", help="Certificates that an https server is checked with; the system's if unset."),
    cfg.StrOpt("cert_file", help="Certificate that this client shows, in PEM."),
    cfg.StrOpt("key_file", help="Key of cert_file, in PEM."),
    cfg.FloatOpt(
        "timeout",
        default=5.0,
        min=0.1,
        max=60.0,
        help="Seconds that romanad has for an answer. Transactions of the database wait for it.",
    ),
    cfg.StrOpt(
        "cold_migration",
        default="readdress",
        choices=[
            ("readdress", "the port gets an address of the new host"),
            ("refuse", "the change of host is refused (409)"),
        ],
        help="What happens when a port with addresses gets another host: cold migration, evacuation, unshelve.",
    ),
    cfg.StrOpt(
        "live_migration",
        default="refuse",
        choices=[
            ("refuse", "the binding on the other host fails, so that Nova does not start"),
            ("exception", "the port keeps its address on the other host, by a counted route on every host"),
        ],
        help="What happens when a second binding is asked for on a host that the address does not belong to.",
    ),
]


def register(conf: Any = cfg.CONF) -> Any:
    """Makes the options known, as often as it is called, and answers the group.

    Raises ValueError for a value that an option cannot have; else nobody would look at some of them.
    """
    conf.register_opts(OPTIONS, group=GROUP)
    group = conf[GROUP]
    for option in OPTIONS:
        getattr(group, option.dest)
    return group


def settings_of(group: Any) -> Settings:
    """How to talk to romanad, as the group says."""
    return Settings(
        url=group.url,
        token=group.token,
        ca_file=group.ca_file,
        cert_file=group.cert_file,
        key_file=group.key_file,
        timeout=group.timeout,
    )


def list_opts() -> list[tuple[str, list[Any]]]:
    """The options for oslo-config-generator."""
    return [(GROUP, OPTIONS)]
