"""A collector with identity: joining, roles, refusals with their sentences, revocation, renewal, rotation."""

from __future__ import annotations

import json
import re
import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from farm import BIN, PATIENCE_S, wait_until
from paretofleet_proto.v1 import control_pb2, control_pb2_grpc, fleet_pb2, fleet_pb2_grpc
from secured import Secured

pytestmark = pytest.mark.system
SUBMIT = ("sweep", "submit", "--model", "zoo:squeezenet1_1", "--protocol", "quick", "--repeats", "1")


@contextmanager
def started(root: Path) -> Iterator[Secured]:
    made = Secured(root)
    made.start_secured()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    with started(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """For tests that need no collector of their own; each has its own devices."""
    with started(tmp_path_factory.mktemp("shared")) as made:
        yield made


def test_from_nothing_to_a_sweep_over_tls(secured: Secured) -> None:
    joined = secured.join("one", secured.token(name="one"))
    assert joined.returncode == 0, joined.stderr
    secured.start_joined("one")
    (device,) = secured.listing("devices", "list")
    assert (device["name"], device["identity"]) == ("one", "valid")
    secured.command(*SUBMIT, "--name", "s", "--watch")
    assert secured.sweep("s")["state"] == "finished"


def test_who_is_refused_is_told_why(shared: Secured, tmp_path: Path) -> None:
    token, short = shared.token(name="first"), shared.token(ttl_s=1.0)
    stranger = ("run", "--home", tmp_path / "stranger", "--collector", shared.tls_address)
    assert "asks who speaks: join it" in shared.agent_command(*stranger, "--simulate", "cpu-server").stderr
    assert shared.join("first", token).returncode == 0
    refused = {
        "is used up": shared.join("two", token),
        "does not know this join token": shared.join("two", token[:30] + "x" * 10 + token[40:]),
        "not the collector that made this token": shared.join("two", token[:-6] + "abcdef"),
        "or not all of one": shared.join("two", token[:-6]),
        "is for the name 'three'": shared.join("two", shared.token(name="three")),
        "expired at": shared.join("two", short),
    }
    for sentence, done in refused.items():
        assert done.returncode == 1
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr
        assert token[21:64] not in done.stderr
    assert not (shared.root / "two" / "credentials.json").exists()


def test_another_collector_on_the_address_gets_nothing(shared: Secured, tmp_path: Path) -> None:
    assert shared.join("strayed", shared.token()).returncode == 0
    other = Secured(tmp_path / "other")
    other.root.mkdir()
    try:
        other.start_secured()
        words = ("run", "--home", shared.root / "strayed", "--collector", other.tls_address)
        process = shared.start(
            BIN / "paretofleet-agent", *words, "--simulate", "cpu-server", log="strayed.log"
        )
        wait_until(lambda: "of another authority" in shared.log("strayed"), "the sentence")
        assert process.poll() is None, "it waits for its own collector"
        assert other.listing("devices", "list") == []
    finally:
        other.close()


@contextmanager
def channel_of(farm: Secured, name: str) -> Iterator[tuple[grpc.Channel, str]]:
    """A channel with the certificate of a device that has joined, and its id."""
    credentials = json.loads((farm.root / name / "credentials.json").read_text())
    parts = (credentials[key].encode() for key in ("authorities_pem", "key_pem", "certificate_pem"))
    channel = grpc.secure_channel(
        farm.tls_address,
        grpc.ssl_channel_credentials(*parts),
        options=[("grpc.ssl_target_name_override", "collector.paretofleet.internal")],
    )
    with channel:
        yield channel, json.loads((farm.root / name / "identity.json").read_text())["device_id"]


def test_a_certificate_speaks_for_its_device_alone(shared: Secured) -> None:
    assert shared.join("alone", shared.token()).returncode == 0
    with channel_of(shared, "alone") as (channel, _):
        with pytest.raises(grpc.RpcError) as foreign:
            fleet_pb2_grpc.FleetStub(channel).Lease(
                fleet_pb2.LeaseRequest(session=fleet_pb2.Session(device_id="other")), timeout=60
            )
        assert foreign.value.code() is grpc.StatusCode.PERMISSION_DENIED
        with pytest.raises(grpc.RpcError) as person:
            control_pb2_grpc.ControlStub(channel).ListDevices(control_pb2.ListDevicesRequest(), timeout=60)
        assert person.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_a_revoked_device_is_cut_off_in_the_middle_of_a_call(shared: Secured) -> None:
    assert shared.join("cut", shared.token()).returncode == 0
    over = threading.Event()
    with channel_of(shared, "cut") as (channel, device_id):
        session = fleet_pb2.Session(device_id=device_id, instance=1, session_id="by-hand")
        stub = fleet_pb2_grpc.FleetStub(channel)
        stub.Join(fleet_pb2.JoinRequest(device_id=device_id, name="cut", device_class="cpu"), timeout=60)
        inventory = fleet_pb2.Inventory(
            targets=[fleet_pb2.Target(target_id="cpu", alias="cpu")],
            runtimes=[fleet_pb2.Runtime(name="onnxruntime", version="1", target_ids=["cpu"])],
            cpus=[0, 1],
        )
        hello = fleet_pb2.HelloRequest(
            session=session, wire_version=1, inventory=inventory, device_class="cpu"
        )
        stub.Hello(hello, timeout=60)
        begun = threading.Event()

        def until_over() -> Iterator[fleet_pb2.UploadRequest]:
            yield fleet_pb2.UploadRequest(session=session)
            begun.set()
            over.wait(240)

        stream = stub.Upload(until_over(), timeout=200)
        try:
            assert begun.wait(100)
            assert stream.is_active()
            shared.command("devices", "revoke", "cut")
            with pytest.raises(grpc.RpcError) as ended:
                list(stream)
        finally:
            over.set()
        assert ended.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert "was revoked at" in ended.value.details()


def test_a_revoked_agent_says_so_and_joins_anew(shared: Secured) -> None:
    assert shared.join("anew", shared.token()).returncode == 0
    agent = shared.start_joined("anew")
    shared.command("devices", "revoke", "anew")
    assert agent.wait(PATIENCE_S) == 5
    assert "This certificate was revoked at" in shared.log("anew")
    assert shared.join("anew", shared.token(name="anew")).returncode == 0
    shared.start_joined("anew")


def test_certificates_are_renewed_before_they_expire_and_late_ones_too(tmp_path: Path) -> None:
    farm = Secured(tmp_path)
    try:
        farm.start_secured(certificate_s=12, heartbeat_s=1, lease_s=10)
        assert farm.join("one", farm.token()).returncode == 0
        assert farm.join("late", farm.token()).returncode == 0
        farm.start_joined("one")
        wait_until(lambda: "the certificate was renewed" in farm.log("one"), "the renewal")

        def identities() -> dict[str, str]:
            with farm.client() as client:
                return {device.name: device.identity for device in client.list_devices()}

        wait_until(lambda: identities() == {"late": "expired", "one": "valid"}, "the end of a certificate")
        wait_until(lambda: farm.is_online("one"), "the agent whose certificate was renewed")
        farm.start_joined("late")
        assert "the certificate was renewed" in farm.log("late")
    finally:
        farm.close()


def test_the_authority_changes_without_a_gap(secured: Secured) -> None:
    assert secured.join("one", secured.token()).returncode == 0
    agent = secured.start_joined("one")
    assert "still to renew: one" in secured.run("collector", "rotate").stderr
    wait_until(lambda: "the certificate was renewed" in secured.log("one"), "the renewal")
    assert secured.run("collector", "rotate", "--finish").returncode == 0
    agent.terminate()
    assert agent.wait(PATIENCE_S) == 0
    secured.start_joined("one")


def bytes_of(path: Path) -> bytes:
    """What a file holds; nothing where it is none, or is gone, as what a process at work has put aside."""
    try:
        return path.read_bytes() if path.is_file() else b""
    except FileNotFoundError:
        return b""


def test_roles_are_kept_and_no_secret_is_in_any_log(secured: Secured) -> None:
    viewer, operator = secured.as_person("vera", "viewer"), secured.as_person("oskar", "operator")
    token = secured.token()
    assert secured.join("one", token).returncode == 0
    secured.start_joined("one")
    secured.command(*SUBMIT, "--name", "local")
    for person in (viewer, operator):
        assert secured.answer(person, "devices", "list")[0] == 0
        code, text = secured.answer(person, "token", "create")
        assert (code, "needs the role admin" in text) == (1, True)
        code, text = secured.answer(person, "devices", "remove", "one", "--force")
        assert (code, "needs the role admin" in text) == (1, True)
        code, text = secured.answer(person, "sweep", "cancel", "local")
        assert code == 1
    assert "needs the role admin or operator" in secured.answer(viewer, *SUBMIT)[1]
    assert "submitted by the local user" in secured.answer(operator, "sweep", "cancel", "local")[1]
    assert secured.answer(operator, *SUBMIT, "--name", "mine")[0] == 0
    assert "submitted by" not in secured.answer(operator, "sweep", "cancel", "mine")[1]
    secrets = [token[21:64]]
    for path in (secured.root / "one" / "credentials.json", *secured.root.glob("person-*/**/*.json")):
        secrets += [line for line in json.loads(path.read_text())["key_pem"].splitlines() if "-" not in line]
    logs = "".join(path.read_text() for path in secured.root.glob("*.log"))
    assert [secret for secret in secrets if secret in logs] == []
    leaks = [path for path in secured.root.rglob("*") if token[21:64].encode() in bytes_of(path)]
    assert leaks == []


def test_only_tls_1_3_is_spoken(shared: Secured) -> None:
    host, _, port = shared.tls_address.rpartition(":")
    for address in ((host, int(port)), (host, int(shared.join_address.rpartition(":")[2]))):
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with socket.create_connection(address, 5) as plain, pytest.raises(OSError, match=r"."):
            old.wrap_socket(plain)


def test_a_copy_of_a_joined_folder_is_refused_and_the_original_goes_on(shared: Secured) -> None:
    assert shared.join("original", shared.token()).returncode == 0
    shared.start_joined("original")
    shutil.copytree(shared.root / "original", shared.root / "copy", ignore=shutil.ignore_patterns("lock"))
    words = ("run", "--home", shared.root / "copy", "--simulate", "cpu-server")
    done = shared.agent_command(*words)
    assert done.returncode == 5
    assert "a copy of its identity" in done.stderr
    assert not re.search("delete", done.stderr)
    assert shared.is_online("original")


def test_a_board_waits_for_approval_and_goes_on_by_itself(shared: Secured) -> None:
    token = shared.token(pool="lab", approve=True)
    words = ("join", shared.join_address, token, "--name", "board", "--home", shared.root / "board")
    waiting = shared.start(BIN / "paretofleet-agent", *words, log="board.log")
    wait_until(lambda: "devices approve board" in shared.log("board"), "the question")
    (row,) = [each for each in shared.listing("devices", "list") if each["state"] == "waiting"]
    assert row["device_id"] in shared.log("board")
    shared.command("devices", "approve", row["device_id"], "--name", "tx2-9")
    assert waiting.wait(PATIENCE_S) == 0
    shared.start_joined("board", name="tx2-9")
