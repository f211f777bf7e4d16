import pytest
from oslo_config import cfg

from networking_romana import config


def group_of(directory, text):
    file = directory / "neutron.conf"
    file.write_text(f"[romana]\n{text}\n")
    conf = cfg.ConfigOpts()
    conf([], project="neutron", default_config_files=[str(file)])
    return config.register(conf)


def test_defaults(tmp_path):
    group = group_of(tmp_path, "")
    assert (group.url, group.timeout) == ("unix:///run/romana/romanad.sock", 5.0)
    assert (group.cold_migration, group.live_migration) == ("readdress", "refuse")


@pytest.mark.parametrize(
    "text",
    ["live_migration = sometimes", "cold_migration = maybe", "timeout = 0", "timeout = soon", "timeout = 61"],
)
def test_values_that_mean_nothing_stop_the_start(tmp_path, text):
    with pytest.raises(ValueError, match=text.split()[0]):
        group_of(tmp_path, text)
