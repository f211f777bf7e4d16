import pathlib

from oslo_config import cfg, generator
from rig.neutron_server import write_entry_points

SAMPLE = pathlib.Path(__file__).parents[2] / "etc/romana.conf.sample"


def test_the_sample_is_what_the_generator_writes(tmp_path, monkeypatch):
    write_entry_points(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    written = tmp_path / "sample"
    conf = cfg.ConfigOpts()
    generator.register_cli_opts(conf)
    conf(["--namespace", "networking_romana", "--output-file", str(written)])
    generator.generate(conf)
    assert SAMPLE.read_text() == written.read_text()
