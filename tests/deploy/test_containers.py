"""Containers of several collectors: what the files name is there, and the command knows it.

No builder and no cluster is at hand here: that images build and pods start is not shown.
"""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from paretofleet_collector import config
from paretofleet_collector.cli import app
from paretofleet_collector.lake.object_store import parse_url
from paretofleet_collector.store.postgres import checked_url

FOLDER = Path(__file__).parents[2] / "deploy" / "containers"
START = FOLDER / "collector-start.sh"
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
OBJECTS = list(yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text(encoding="utf-8")))
KNOWN = {key.variable for key in config.KEYS} | {"PARETOFLEET_COLLECTOR_HOME"}
PASSWORD = re.compile(r"\$\{(\w+):\?\}")


def named(kind: str) -> Any:
    (found,) = [each for each in OBJECTS if each["kind"] == kind]
    return found


POD = named("Deployment")["spec"]["template"]
(CONTAINER,) = POD["spec"]["containers"]


def check_command(words: list[str]) -> None:
    """The words are a command of the program."""
    command = typer.main.get_command(app)
    assert words[0] == "paretofleet"
    for word in words[1:]:
        command = command.commands[word]


def check_variables(names: set[str]) -> None:
    assert {name for name in names if name.startswith("PARETOFLEET_")} <= KNOWN


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def test_both_collectors_of_the_compose_file_share_a_store_and_a_lake_that_may_be_shared(
    monkeypatch, tmp_path
):
    pair = [COMPOSE["services"][name] for name in ("collector-1", "collector-2")]
    assert pair[0]["environment"] == pair[1]["environment"]
    variables = {k: PASSWORD.sub("secret", v) for k, v in pair[0]["environment"].items()}
    check_variables(set(variables))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = config.load(tmp_path)
    assert settings.is_shared
    database = COMPOSE["services"][checked_url(settings.store).host]
    url = checked_url(settings.store)
    assert (database["environment"]["POSTGRES_USER"], database["environment"]["POSTGRES_DB"]) == (
        url.username,
        url.database,
    )
    host = parse_url(settings.lake).options["endpoint_override"].partition(":")[0]
    assert host in COMPOSE["services"]
    bucket = parse_url(settings.lake).place.partition("/")[0]
    assert f"s3.bucket.create -name {bucket}'" in COMPOSE["services"]["bucket"]["entrypoint"][-1]
    inside = {port_of(settings.listen), port_of(settings.join_listen)}
    for each in pair:
        assert {int(port.split(":")[1]) for port in each["ports"]} == inside
        assert set(each["depends_on"]) <= set(COMPOSE["services"])
        check_command(each["healthcheck"]["test"][1:])
    outside = [port.split(":")[0] for each in pair for port in each["ports"]]
    assert len(set(outside)) == len(outside)
    mounted = {
        volume.split(":")[0] for each in COMPOSE["services"].values() for volume in each.get("volumes", [])
    }
    assert {name for name in mounted if not name.startswith(".")} == set(COMPOSE["volumes"])


def test_the_pods_listen_where_the_service_and_the_probes_look():
    variables = {each["name"]: each["value"] for each in CONTAINER["env"]}
    check_variables(set(variables))
    ports = {each["name"]: each["containerPort"] for each in CONTAINER["ports"]}
    assert ports["fleet"] == port_of(variables["PARETOFLEET_COLLECTOR_LISTEN"])
    assert ports["join"] == port_of(variables["PARETOFLEET_COLLECTOR_JOIN_LISTEN"])
    service = named("Service")["spec"]
    assert {each["port"]: ports[each["targetPort"]] for each in service["ports"]} == {7411: 7411, 7412: 7412}
    for probe in ("startupProbe", "livenessProbe"):
        assert CONTAINER[probe]["tcpSocket"]["port"] in ports
    check_command(CONTAINER["readinessProbe"]["exec"]["command"])
    # Of a start that waits for another's, and its migration, a minute is allowed by the store.
    startup = CONTAINER["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] > 120


def test_what_selects_pods_finds_them_and_what_they_mount_is_there():
    labels = POD["metadata"]["labels"]
    deployment = named("Deployment")["spec"]
    assert named("Service")["spec"]["selector"] == labels
    assert deployment["selector"]["matchLabels"] == labels
    assert named("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    assert deployment["replicas"] >= 2
    # A version that changes the schema starts only alone.
    assert deployment["strategy"] == {"type": "Recreate"}
    volumes = {each["name"]: each for each in POD["spec"]["volumes"]}
    mounts = {each["name"]: each["mountPath"] for each in CONTAINER["volumeMounts"]}
    assert set(mounts) == set(volumes)
    home = Path({each["name"]: each["value"] for each in CONTAINER["env"]}["PARETOFLEET_COLLECTOR_HOME"])
    # The collector makes its home: a volume's own folder belongs to root.
    assert home.parent == Path(mounts["home"])
    assert mounts["identity"] == "/identity"
    page = (FOLDER.parents[1] / "docs" / "how-to" / "several-collectors.md").read_text(encoding="utf-8")
    secrets = {volumes["identity"]["secret"]["secretName"], CONTAINER["envFrom"][0]["secretRef"]["name"]}
    assert all(f"create secret generic {name}" in page for name in secrets)


def test_the_image_holds_what_a_collector_is_made_of_and_runs_as_the_pods_do():
    copied = set(re.findall(r"^COPY (\w+) ", DOCKERFILE, re.MULTILINE))
    assert copied == {"proto", "graph", "analysis", "collector"}
    user = str(POD["spec"]["securityContext"]["runAsUser"])
    assert f"USER {user}:{POD['spec']['securityContext']['runAsGroup']}" in DOCKERFILE
    assert f"--uid {user} " in DOCKERFILE
    exposed = {int(port) for port in re.findall(r"^EXPOSE (.+)$", DOCKERFILE, re.MULTILINE)[0].split()}
    assert exposed == {each["containerPort"] for each in CONTAINER["ports"]}
    assert f'ENTRYPOINT ["{START.name}"]' in DOCKERFILE


@pytest.fixture
def container(tmp_path):
    """The variables of a container whose `paretofleet` says how it was called."""
    program = tmp_path / "bin" / "paretofleet"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    (tmp_path / "given").mkdir()
    return {
        "PATH": f"{program.parent}:/usr/bin:/bin",
        "PARETOFLEET_COLLECTOR_HOME": str(tmp_path / "home" / "collector"),
        "PARETOFLEET_IDENTITY": str(tmp_path / "given"),
    }


def started(variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", START], env=variables, capture_output=True, text=True, timeout=240, check=False
    )


def test_a_container_gives_its_collector_the_identity_that_was_mounted(container):
    given = Path(container["PARETOFLEET_IDENTITY"])
    for suffix in (".pem", ".key"):
        (given / f"authority-0001{suffix}").write_text(suffix)
    done = started(container)
    home = Path(container["PARETOFLEET_COLLECTOR_HOME"])
    assert done.stdout == f"collector serve --home {home} --verbose --log-format json\n", done.stderr
    kept = home / "identity" / "authority-0001.key"
    assert kept.read_text() == ".key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_container_without_an_identity_says_so_and_does_not_start(container):
    done = started(container)
    assert (done.returncode, done.stdout) == (1, "")
    assert "holds no authority-*.pem" in done.stderr
