from __future__ import annotations

import json
import subprocess
import sys

import pytest
from daemon_parts import fill, key
from paretofleet_agent import main
from paretofleet_agent.main import commands
from paretofleet_agent.uplink import identity
from paretofleet_agent.uplink.spool import Spool


@pytest.mark.parametrize("command", ["probe", "bench", "run", "status"])
def test_help_shows_an_example(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main.main([command, "--help"])
    assert ended.value.code == 0
    assert f"example:\n  paretofleet-agent {command}" in capsys.readouterr().out


def test_status_of_a_home_without_an_agent(tmp_path, capsys):
    assert main.main(["status", "--home", str(tmp_path)]) == 0
    assert "no agent has been started here" in capsys.readouterr().out


def test_status_tells_what_waits(tmp_path, capsys):
    who = identity.start(tmp_path, "boot")
    spool = Spool.open(tmp_path)
    fill(spool, key())
    (tmp_path / "daemon.json").write_text(json.dumps({"collector": "127.0.0.1:7411", "name": "dev-1"}))
    with identity.home_lock(tmp_path):
        assert main.main(["status", "--home", str(tmp_path)]) == 0
        out = capsys.readouterr().out
        assert who.device_id in out
        assert "1 attempt with 3 chunks (480 bytes) to send" in out
        assert "runs as process" in out
    assert main.main(["status", "--home", str(tmp_path), "-o", "json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["collector"], facts["process_id"], facts["spool"]["chunks"]) == ("127.0.0.1:7411", None, 3)
    spool.close()


def test_an_error_is_one_sentence_and_1(tmp_path, capsys):
    (tmp_path / "identity.json").write_text("garbage")
    assert main.main(["status", "--home", str(tmp_path)]) == 1
    err = capsys.readouterr().err
    assert err.startswith("paretofleet-agent: ")
    assert err.count("\n") == 1


def test_elsewhere_than_on_linux_one_sentence_refuses(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert main.main(["status", "--home", str(tmp_path)]) == 1
    said = "paretofleet-agent runs on Linux, and this is darwin: run it on the device itself."
    assert capsys.readouterr().err == f"paretofleet-agent: {said}\n"


def test_a_bug_is_a_sentence_too(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(commands, "_json", lambda _: 1 / 0)
    assert main.main(["status", "--home", str(tmp_path), "-o", "json"]) == 1
    err = capsys.readouterr().err
    assert "ZeroDivisionError" in err
    assert "Traceback" not in err


def test_a_pipe_that_closes_early_is_no_error_of_ours(tmp_path):
    command = f"{sys.executable} -m paretofleet_agent.main status --home {tmp_path} -o json | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30, check=False)
    assert "Traceback" not in done.stderr


def test_only_run_imports_grpc(tmp_path):
    code = (
        "import sys; from paretofleet_agent.main import main; main(['status', '--home', sys.argv[1]]);"
        "import paretofleet_agent.device.probe, paretofleet_agent.standalone.bench;"
        "print([m for m in sys.modules if m.split('.')[0] in ('grpc', 'google', 'numpy', 'onnxruntime')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
