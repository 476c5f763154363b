from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import NamedTuple

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


class TestToken:
    """A token need not be an argument, which every user of the machine can read."""

    @pytest.fixture
    def token_of(self, monkeypatch, tmp_path):
        """What `join` takes for its token, by its words; the file `token` holds one."""
        (tmp_path / "token").write_text("from the file\n")
        monkeypatch.setattr("sys.stdin", io.StringIO("from standard input\n"))
        monkeypatch.delenv("PARETOFLEET_TOKEN", raising=False)
        taken = []
        monkeypatch.setattr(
            "paretofleet_agent.uplink.joining.join", lambda *words: taken.append(words[2]) or Made("a:1", "x")
        )

        def run(*words):
            home = ["--home", str(tmp_path / "home")]
            assert main.main(["join", "127.0.0.1:7412", *words, *home]) == 0
            return taken.pop().strip()

        return run

    def test_it_is_read_where_nobody_else_sees_it(self, token_of, tmp_path, monkeypatch, capsys):
        assert token_of("--token-file", str(tmp_path / "token")) == "from the file"
        monkeypatch.setenv("PARETOFLEET_TOKEN", "from the variable")
        assert token_of() == "from the variable"
        assert token_of("-") == "from standard input"
        assert "can read arguments" not in capsys.readouterr().err

    def test_without_any_word_it_is_read_from_standard_input(self, token_of):
        assert token_of() == "from standard input"

    def test_an_argument_is_taken_and_warned_of(self, token_of, capsys):
        assert token_of("pft-x") == "pft-x"
        err = capsys.readouterr().err
        assert "every user of this machine can read arguments" in err
        assert "pft-x" not in err

    def test_a_file_that_is_not_there_is_named(self, tmp_path, capsys):
        assert main.main(["join", "127.0.0.1:7412", "--token-file", str(tmp_path / "none")]) == 1
        assert "none cannot be read" in capsys.readouterr().err


class Made(NamedTuple):
    address: str
    name: str
