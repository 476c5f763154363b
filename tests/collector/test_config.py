"""Where a key of the collector's configuration comes from, and how a wrong one is named."""

from __future__ import annotations

import pytest
from paretofleet_collector import config
from paretofleet_collector.errors import Refused


def test_flag_over_environment_over_file_over_default(tmp_path):
    (tmp_path / "collector.toml").write_text('[collector]\nlisten = "127.0.0.1:1"\nheartbeat_s = 2\n')
    environ = {"PARETOFLEET_COLLECTOR_LISTEN": "127.0.0.1:2"}
    assert config.load(tmp_path, {}).listen == "127.0.0.1:1"
    assert config.load(tmp_path, environ).listen == "127.0.0.1:2"
    assert config.load(tmp_path, environ, listen="127.0.0.1:3").listen == "127.0.0.1:3"
    assert config.load(tmp_path, environ, listen=None).listen == "127.0.0.1:2"
    assert config.load(tmp_path, {}).heartbeat_s == 2.0
    assert config.load(tmp_path, {}).lease_s == 60.0


def test_what_render_writes_is_what_load_reads(tmp_path):
    written = config.Config(home=tmp_path, listen="127.0.0.1:9", lease_s=12.5)
    (tmp_path / "collector.toml").write_text(config.render(written))
    assert config.load(tmp_path, {}) == written


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("listen = ", "is not TOML"),
        ("[server]\n", "unknown section or key 'server'"),
        ("[collector]\nheartbeats = 3\n", "unknown key 'heartbeats'; did you mean heartbeat_s"),
        ("[collector]\nheartbeat_s = 'soon'\n", "heartbeat_s is 'soon', not a number above 0"),
        ("[collector]\nlease_s = -1\n", "lease_s is -1, not a number above 0"),
        ("[collector]\nlease_s = 4\n", "must be more than heartbeat_s"),
        ("[collector]\nlisten = 3\n", "listen is not a text"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path, text, sentence):
    (tmp_path / "collector.toml").write_text(text)
    with pytest.raises(Refused, match=sentence):
        config.load(tmp_path, {})
