"""A farm whose collector has an identity; the tests' own commands use its local socket."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from farm import BIN, PATIENCE_S, Farm, wait_until
from paretofleet_collector.config import socket_path
from paretofleet_collector.model.views import TokenView


@dataclass
class Secured(Farm):
    join_address: str = ""
    tls_address: str = ""

    def start_secured(self, **settings: float | str) -> subprocess.Popen[bytes]:
        if not (self.collector_home / "identity").exists():
            self.run("collector", "init", "--home", self.collector_home)
            (self.collector_home / "collector.toml").unlink()
        process = self.start_collector(**{"join_listen": "127.0.0.1:0", **settings})
        self.tls_address = self.address
        self.address = f"unix:{socket_path(self.collector_home)}"
        self.join_address = (self.collector_home / "join-endpoint").read_text().strip()
        return process

    def token(self, role: str = "agent", *, ttl_s: float = 3600.0, **scope: str | int | bool) -> str:
        wanted = TokenView(**{"role": role, "name": "", "pool": "", "approve": False, "uses": 1, **scope})
        with self.client() as client:
            return client.create_token(wanted, ttl_s)[1]

    def agent_command(self, *words: str | Path, token: str = "", prefix: tuple[str, ...] = ()) -> Done:
        command = [*prefix, str(BIN / "paretofleet-agent"), *(str(word) for word in words)]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            input=token,
            env=self.environment(),
            timeout=PATIENCE_S,
            check=False,
        )

    def join(self, name: str, token: str, *, address: str = "", prefix: tuple[str, ...] = ()) -> Done:
        words = ("join", address or self.join_address, "-", "--name", name, "--home", self.root / name)
        return self.agent_command(*words, token=token, prefix=prefix)

    def start_joined(
        self, home: str, *, name: str = "", prefix: tuple[str, ...] = ()
    ) -> subprocess.Popen[bytes]:
        """Starts an agent that has joined: it needs no address."""
        words = ("run", "--home", self.root / home, "--simulate", "cpu-server")
        process = self.start(*prefix, BIN / "paretofleet-agent", *words, log=f"{home}.log")
        wait_until(lambda: self.is_online(name or home), f"agent {home} online")
        return process

    def as_person(self, name: str, role: str) -> dict[str, str]:
        """Lets a person in; the environment in which their commands run."""
        environment = {**self.environment(), "XDG_STATE_HOME": str(self.root / f"person-{name}")}
        command = [BIN / "paretofleet", "login", self.join_address, "-"]
        token = self.token(role, name=name)
        subprocess.run(command, input=token, text=True, env=environment, check=True, capture_output=True)
        return {**environment, "PARETOFLEET_COLLECTOR_ADDRESS": self.tls_address}

    def answer(self, environment: dict[str, str], *words: str) -> tuple[int, str]:
        """Exit code and all output of a person's command."""
        command = [str(BIN / "paretofleet"), *words]
        done = subprocess.run(command, text=True, env=environment, capture_output=True, check=False)
        return done.returncode, done.stdout + done.stderr


Done = subprocess.CompletedProcess[str]


def is_root() -> bool:
    return os.geteuid() == 0
