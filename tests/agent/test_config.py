from __future__ import annotations

from pathlib import Path

import pytest
from paretofleet_agent import config
from paretofleet_agent.errors import ConfigError


def load(home, flags=None, env=None):
    return config.load({"home": home, **(flags or {})}, env or {})


def test_without_settings_the_defaults_hold(tmp_path):
    settings = load(tmp_path)
    assert settings.collector == "127.0.0.1:7411"
    assert (settings.device_class, settings.seed, settings.sysroot) == ("cpu", 1, Path("/"))
    assert (settings.simulate, settings.lock_dir, dict(settings.labels)) == (None, None, {})
    assert config.NAME.fullmatch(settings.name)


def test_several_collectors_have_commas_between(tmp_path):
    settings = load(tmp_path, {"collector": "a.lan:7411, b.lan:7411"})
    assert settings.collector == "a.lan:7411,b.lan:7411"
    with pytest.raises(ConfigError, match=r"'b\.lan' is not HOST:PORT"):
        load(tmp_path, {"collector": "a.lan:7411,b.lan"})


def test_a_flag_goes_over_the_environment_over_the_file(tmp_path):
    (tmp_path / "agent.ini").write_text("[agent]\nname = of-file\nclass = file\nseed = 3\n")
    env = {"PARETOFLEET_AGENT_NAME": "of-env", "PARETOFLEET_AGENT_CLASS": "env"}
    settings = load(tmp_path, {"name": "of-flag", "class": None}, env)
    assert (settings.name, settings.device_class, settings.seed) == ("of-flag", "env", 3)


def test_labels_and_interpreters_come_from_everywhere(tmp_path):
    (tmp_path / "agent.ini").write_text(
        "[labels]\nroom = a1\nrack = 3\n[runtimes]\nonnxruntime = /usr/bin/python3.6\n"
    )
    env = {"PARETOFLEET_LABELS_RACK": "4", "PARETOFLEET_RUNTIMES_TORCH": "/opt/py/bin/python"}
    settings = load(tmp_path, {"label": ["room=b12"]}, env)
    assert dict(settings.labels) == {"room": "b12", "rack": "4"}
    assert dict(settings.interpreters) == {"onnxruntime": "/usr/bin/python3.6", "torch": "/opt/py/bin/python"}


def test_reboots_are_the_owner_s_to_allow_and_never_a_simulation_s(tmp_path):
    assert load(tmp_path).allow_reboot is False
    (tmp_path / "agent.ini").write_text(
        "[agent]\nallow_reboot = yes\nreboot_command = sudo -n '/sbin/my reboot' now\n"
    )
    settings = load(tmp_path)
    assert settings.allow_reboot
    assert settings.reboot_command == ("sudo", "-n", "/sbin/my reboot", "now")
    assert not load(tmp_path, {"simulate": "jetson-tx2"}).allow_reboot
    for name, value in (("ALLOW_REBOOT", "perhaps"), ("REBOOT_COMMAND", "'"), ("REBOOT_COMMAND", " ")):
        with pytest.raises(ConfigError, match=name.lower()):
            load(tmp_path, env={f"PARETOFLEET_AGENT_{name}": value})


def test_the_home_follows_the_usual_places():
    assert config.default_home({"XDG_STATE_HOME": "/s"}) == Path("/s/paretofleet/agent")
    assert config.default_home({"HOME": "/home/u"}) == Path("/home/u/.local/state/paretofleet/agent")
    assert config.default_home({"PARETOFLEET_AGENT_HOME": "/h", "HOME": "/home/u"}) == Path("/h")


def test_a_simulated_device_says_so_in_its_class(tmp_path):
    assert load(tmp_path, {"simulate": "jetson-tx2"}).device_class == "sim:jetson-tx2"
    assert load(tmp_path, {"simulate": "jetson-tx2", "class": "mine"}).device_class == "sim:mine"
    with pytest.raises(ConfigError, match="kept for simulated devices"):
        load(tmp_path, {"class": "sim:jetson-tx2"})


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"collector": "nowhere"}, "HOST:PORT"),
        ({"collector": "host:99999"}, "HOST:PORT"),
        ({"name": "-x"}, "name '-x'"),
        ({"name": "a" * 64}, "63 at most"),
        ({"label": ["plain"]}, "--label key=value"),
        ({"label": ["a b=c"]}, "label 'a b'"),
        ({"sysroot": "/no/such/tree"}, "sysroot '/no/such/tree'"),
    ],
)
def test_a_wrong_flag_is_named(tmp_path, flags, says):
    with pytest.raises(ConfigError, match=says):
        load(tmp_path, flags)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[agent]\nhue = red\n", r"sets hue in \[agent\]; its keys are collector"),
        ("[agnet]\n", r"section \[agnet\]; did you mean agent\?"),
        ("[agent]\ncolector = a:1\n", r"sets colector in \[agent\]; did you mean collector\?"),
        ("[runtime]\ntorch = /opt/python\n", r"section \[runtime\]; did you mean runtimes\?"),
        ("[runtimes]\npytorch = /opt/python\n", r"sets pytorch in \[runtimes\]; did you mean torch\?"),
        ("[runtimes]\nx = /opt/python\n", r"sets x in \[runtimes\]; its keys are onnxruntime, torch"),
        ("[sensors]\nmeters = wall@tcp://a:1\n", r"sets meters in \[sensors\]; did you mean meter\?"),
        ("[DEFAULT]\nname = a\n", r"section \[DEFAULT\]; the sections are agent"),
        ("no section\n", r"agent\.ini cannot be read"),
        ("[agent]\nseed = many\n", "seed 'many' is not a whole number"),
        ("[agent]\nmodels_max_mb = 0\n", "models_max_mb is .0.: write a whole number above 0"),
        ("[host]\nlock_dir = /no/such/dir\n", "lock_dir '/no/such/dir'"),
    ],
)
def test_a_wrong_line_of_the_file_is_named(tmp_path, text, says):
    (tmp_path / "agent.ini").write_text(text)
    with pytest.raises(ConfigError, match=says) as raised:
        load(tmp_path)
    assert "\n" not in str(raised.value)


def test_a_variable_that_names_no_runtime_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"sets PARETOFLEET_RUNTIMES_TROCH; did you mean torch\?"):
        load(tmp_path, env={"PARETOFLEET_RUNTIMES_TROCH": "/opt/python"})


def test_a_plugin_s_settings_are_its_own_affair(tmp_path, monkeypatch):
    (tmp_path / "agent.ini").write_text("[sensors]\nmy_probe = /dev/ttyUSB0\n")
    plugin = tmp_path / "site" / "my_probe-1.dist-info"
    plugin.mkdir(parents=True)
    (plugin / "METADATA").write_text("Name: my-probe\nVersion: 1\n")
    (plugin / "entry_points.txt").write_text("[paretofleet.sensors]\nmy_probe = my_probe:find\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert load(tmp_path).sensors == {"my_probe": "/dev/ttyUSB0"}


def test_variables_of_runners_come_from_their_section_and_the_names_that_pass(tmp_path):
    (tmp_path / "agent.ini").write_text(
        "[agent]\npass_variables = LICENCE, BOARD_*\n[variables]\nOMP_WAIT_POLICY = passive\nLD_PRELOAD =\n"
    )
    env = {"PARETOFLEET_AGENT_HOME": str(tmp_path), "PARETOFLEET_VARIABLES_OMP_SCHEDULE": "static"}
    variables = config.load({}, env).variables
    assert variables.values == {"OMP_WAIT_POLICY": "passive", "LD_PRELOAD": "", "OMP_SCHEDULE": "static"}
    assert variables.passed == ("LICENCE", "BOARD_*")


@pytest.mark.parametrize("text", ["[agent]\npass_variables = A=B", "[variables]\nA-B = 1"])
def test_what_is_no_variable_is_refused(tmp_path, text):
    (tmp_path / "agent.ini").write_text(text + "\n")
    with pytest.raises(ConfigError, match="no variable"):
        config.load({"home": str(tmp_path)}, {})
