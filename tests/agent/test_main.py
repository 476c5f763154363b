from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
from typing import NamedTuple

import pytest
from daemon_parts import fill, key
from paretofleet_agent import doctor, main
from paretofleet_agent.daemon import process
from paretofleet_agent.errors import Refused
from paretofleet_agent.main import commands, log_file
from paretofleet_agent.uplink import identity
from paretofleet_agent.uplink.spool import Spool


@pytest.mark.parametrize("command", ["probe", "bench", "run", "status"])
def test_help_shows_an_example(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main.main([command, "--help"])
    assert ended.value.code == 0
    assert f"example:\n  paretofleet-agent {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["bench", "x.onnx", "--option", "speed"],
        ["run", "--label", "rack"],
        ["run", "--collector", "nowhere"],
        ["run", "--class", "sim:tx2"],
    ],
    ids=" ".join,
)
def test_an_error_of_usage_ends_with_2_wherever_it_is_seen(words, tmp_path, capsys):
    (tmp_path / "x.onnx").write_bytes(b"x")
    words = [str(tmp_path / word) if word == "x.onnx" else word for word in words]
    assert main.main([*words, "--home", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_follows_the_parser_and_is_put_where_the_shell_looks(shell, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main.main(["--install-completion"])
    assert ended.value.code == 0
    (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert str(path) in capsys.readouterr().err
    if shell == "bash":
        typed = "COMP_WORDS=(paretofleet-agent bench --it); COMP_CWORD=2; _paretofleet_agent"
        done = subprocess.run(
            ["bash", "-c", f"source {path}; {typed}; echo ${{COMPREPLY[*]}}"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "--iterations\n"
    else:
        assert path.read_text().startswith("#compdef paretofleet-agent\n")


def test_a_shell_that_cannot_be_completed_is_named(monkeypatch, capsys):
    monkeypatch.setenv("SHELL", "/bin/dash")
    with pytest.raises(SystemExit) as ended:
        main.main(["--install-completion"])
    assert ended.value.code == 2
    assert "this shell is dash" in capsys.readouterr().err


def test_status_of_a_home_without_an_agent(tmp_path, capsys):
    assert main.main(["status", "--home", str(tmp_path)]) == 0
    assert "no agent has been started here" in capsys.readouterr().out


def test_status_tells_what_waits(tmp_path, capsys):
    who = identity.start(tmp_path, "boot")
    spool = Spool.open(tmp_path)
    fill(spool, key())
    (tmp_path / "daemon.json").write_text(json.dumps({"collector": "127.0.0.1:7411", "name": "dev-1"}))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a").write_bytes(b"abc")
    with identity.home_lock(tmp_path):
        assert main.main(["status", "--home", str(tmp_path)]) == 0
        out = capsys.readouterr().out
        assert who.device_id in out
        assert "1 attempt with 3 chunks (480 bytes) to send" in out
        assert "runs as process" in out
        assert "models     1 file, 3 bytes" in out
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
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in done.stderr


def test_only_run_imports_grpc(tmp_path):
    code = (
        "import sys; from paretofleet_agent.main import main; main(['status', '--home', sys.argv[1]]);"
        "import paretofleet_agent.device.probe, paretofleet_agent.standalone.bench;"
        "print([m for m in sys.modules if m.split('.')[0] in ('grpc', 'google', 'numpy', 'onnxruntime')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=120, check=True
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


class TestLogs:
    """What `run` did is kept on the disk, in bounded files, and read by a command."""

    def keep(self, home, *messages):
        kept = log_file.KeptLog(home)
        for message in messages:
            kept.note(message)

    def test_a_run_that_ends_leaves_why_on_the_disk(self, tmp_path, capsys, monkeypatch):
        monkeypatch.setattr(process, "run", lambda *_, **__: (_ for _ in ()).throw(Refused("not here")))
        assert main.main(["run", "--home", str(tmp_path), "--simulate", "jetson-tx2"]) == main.REFUSED
        capsys.readouterr()
        assert main.main(["logs", "--home", str(tmp_path)]) == 0
        assert capsys.readouterr().out.endswith("Z ERROR not here\n")
        assert main.main(["logs", "--home", str(tmp_path), "-o", "json"]) == 0
        assert json.loads(capsys.readouterr().out)["message"] == "not here"
        assert (tmp_path / log_file.FILE).stat().st_mode & 0o077 == 0

    def test_the_files_stay_small_and_the_oldest_lines_go(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(log_file, "FILE_BYTES", 2_000)
        self.keep(tmp_path, *(f"line {number}" for number in range(500)))
        files = sorted((tmp_path / "logs").iterdir())
        assert len(files) == 1 + log_file.OLDER_FILES
        assert sum(path.stat().st_size for path in files) < 2_200 * len(files)
        messages = [line["message"] for line in log_file.kept_lines(tmp_path)]
        assert messages == [f"line {number}" for number in range(500 - len(messages), 500)]
        assert main.main(["logs", "--home", str(tmp_path), "--lines", "2"]) == 0
        assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["498", "499"]

    def test_a_disk_that_takes_nothing_and_a_broken_line_end_nobody(self, tmp_path, capsys):
        (tmp_path / "logs").write_text("a file where the folder would be")
        self.keep(tmp_path, "lost")
        assert main.main(["logs", "--home", str(tmp_path)]) == 1
        assert "There is no log" in capsys.readouterr().err
        (tmp_path / "logs").unlink()
        self.keep(tmp_path, "one", "a \x1b[31mred\udcff word")
        with (tmp_path / log_file.FILE).open("a") as file:
            file.write('{"message": "cut o')
        assert main.main(["logs", "--home", str(tmp_path)]) == 0
        out = capsys.readouterr().out
        assert "a ?[31mred" in out
        assert out.count("\n") == 2


class TestDoctor:
    """What is wrong, and the fix."""

    def examined(self, home, capsys, *words):
        code = main.main(["doctor", "--home", str(home), "--simulate", "jetson-tx2", *words, "-o", "json"])
        return code, {each["subject"]: each for each in json.loads(capsys.readouterr().out)}

    def test_a_healthy_agent(self, tmp_path, capsys, monkeypatch):
        home = tmp_path / "home"
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"127.0.0.1:{server.getsockname()[1]}"
            monkeypatch.setattr(doctor.tls_probe, "diagnosis", lambda *_: None)
            monkeypatch.setenv("PARETOFLEET_AGENT_COLLECTOR", address)
            with identity.home_lock(home):
                identity.ensure(home)
                code, findings = self.examined(home, capsys)
        assert code == 0, findings
        assert "its agent runs as process" in findings["home"]["finding"]
        assert address in findings["collector"]["finding"]
        assert findings["versions"]["is_well"]
        assert findings["models"]["finding"] == "0 files take 0 of at most 20000 MB"

    def test_the_room_of_models_and_its_limit(self, tmp_path, capsys, monkeypatch):
        (tmp_path / "models" / "private").mkdir(parents=True)
        for name in ("a", "private/b"):
            (tmp_path / "models" / name).write_bytes(bytes(1_500_000))
        monkeypatch.setenv("PARETOFLEET_AGENT_MODELS_MAX_MB", "50")
        _, findings = self.examined(tmp_path, capsys)
        assert findings["models"]["finding"] == "2 files take 3 of at most 50 MB"

    def test_what_is_wrong_has_a_fix(self, tmp_path, capsys, monkeypatch):
        monkeypatch.setenv("PARETOFLEET_AGENT_COLLECTOR", "127.0.0.1:1")
        monkeypatch.setattr(doctor.time, "time", lambda: 0.0)
        monkeypatch.setattr(doctor, "free_bytes", lambda _: 1 << 20)
        tmp_path.chmod(0o755)
        (tmp_path / "identity.json").write_text("{")
        code, findings = self.examined(tmp_path, capsys)
        assert code == 1
        assert findings["clock"]["fix"].startswith("set it")
        assert findings["disk"]["finding"] == "1 MB are free"
        assert findings["disk"]["fix"] == "free some space: nothing is measured with less than 34 MB"
        assert findings["home"]["fix"] == f"run `chmod 700 {tmp_path}`"
        assert "nobody answers at 127.0.0.1:1" in findings["collector"]["finding"]
        assert "is damaged" in findings["identity"]["finding"]
        assert main.main(["doctor", "--home", str(tmp_path), "--simulate", "jetson-tx2"]) == 1
        assert "wrong  clock" in capsys.readouterr().out
