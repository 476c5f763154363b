"""A walk by another user of the machine, and by whoever reaches the ports without a certificate."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from farm import descendants
from paretofleet_collector.identity import tokens
from secured import Secured, is_root

pytestmark = pytest.mark.system
NOBODY = 65534
#: What a stranger tries, in a process that becomes another user once all is loaded. Prints what was let in.
WALK = """
import json, os, socket, ssl, sys, tempfile
import grpc
from paretofleet_collector.identity import authority
from paretofleet_proto.v1 import control_pb2, control_pb2_grpc, fleet_pb2, fleet_pb2_grpc
from paretofleet_proto.v1 import join_pb2, join_pb2_grpc

task = json.load(sys.stdin)
rogue = authority.make_authority("rogue")
key_pem, request_pem = authority.make_request()
rogue_pem = authority.issue(rogue, authority.public_key_of(request_pem), "ab" * 16)
leaf = {}
for name in ("tls", "join"):
    host, _, port = task[name].rpartition(":")
    leaf[name] = ssl.get_server_certificate((host, int(port))).encode()
try:  # gRPC loads what it needs for a channel
    grpc.channel_ready_future(grpc.insecure_channel("127.0.0.1:1")).result(0.2)
except grpc.FutureTimeoutError:
    pass
if task["become"]:
    os.setgroups([]); os.setgid(task["become"]); os.setuid(task["become"])
let_in = []

def tried(what, attempt, refusals):
    try:
        attempt()
    except refusals:
        return
    let_in.append(what)

for path in task["files"]:
    tried(path, lambda: open(path, "rb"), OSError)
    tried("write " + path, lambda: open(path, "ab"), OSError)
for path in task["folders"]:
    tried(path, lambda: os.listdir(path), OSError)
    tried("write in " + path, lambda: open(os.path.join(path, "stranger"), "wb"), OSError)
for pid in task["pids"]:
    for name in ("environ", "mem"):
        tried(f"{name} of {pid}", lambda: open(f"/proc/{pid}/{name}", "rb").read(1), OSError)
    for name in ("fd", "cwd"):
        tried(f"{name} of {pid}", lambda: os.listdir(f"/proc/{pid}/{name}"), OSError)
    tried(f"kill {pid}", lambda: os.kill(pid, 0), OSError)
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # this everybody reads
            words = file.read().decode()
    except OSError:  # it has ended
        continue
    let_in += [f"a secret in the arguments of {pid}" for secret in task["secrets"] if secret in words]
tried("local socket", lambda: socket.socket(socket.AF_UNIX).connect(task["socket"]), OSError)

options = [("grpc.ssl_target_name_override", authority.SERVER_NAME)]
channels = {
    "plain": grpc.insecure_channel(task["tls"]),
    "no certificate": grpc.secure_channel(task["tls"], grpc.ssl_channel_credentials(leaf["tls"]), options),
    "own certificate": grpc.secure_channel(
        task["tls"], grpc.ssl_channel_credentials(leaf["tls"], key_pem, rogue_pem.encode()), options
    ),
    "socket": grpc.insecure_channel("unix:" + task["socket"]),
}
session = fleet_pb2.Session(device_id="x")
for name, channel in channels.items():
    control, fleet = control_pb2_grpc.ControlStub(channel), fleet_pb2_grpc.FleetStub(channel)
    access, identity = join_pb2_grpc.AccessStub(channel), join_pb2_grpc.IdentityStub(channel)
    calls = {
        "list": lambda: control.ListDevices(control_pb2.ListDevicesRequest(), timeout=5),
        "lease": lambda: fleet.Lease(fleet_pb2.LeaseRequest(session=session), timeout=5),
        "join": lambda: fleet.Join(fleet_pb2.JoinRequest(device_id="x", name="x"), timeout=5),
        "token": lambda: access.CreateToken(join_pb2.CreateTokenRequest(role="admin", name="x"), timeout=5),
        "renew": lambda: identity.Renew(join_pb2.RenewRequest(request_pem=request_pem), timeout=5),
    }
    for call, attempt in calls.items():
        tried(f"{name}: {call}", attempt, grpc.RpcError)
joining = grpc.secure_channel(task["join"], grpc.ssl_channel_credentials(leaf["join"]), options)
join = join_pb2_grpc.JoinStub(joining)
for token in ("", "pft-x", "pft-" + "0" * 16 + "-" + "A" * 43 + "-" + "0" * 64, task["used"]):
    enrol = join_pb2.EnrolRequest(token=token, request_pem=request_pem, name="x", device_id="x")
    tried(f"token {token[:8]}", lambda: join.Enrol(enrol, timeout=5), grpc.RpcError)
large = join_pb2.EnrolRequest(token="x", request_pem="x" * 20_000)
tried("20 kB", lambda: join.Enrol(large, timeout=5), grpc.RpcError)
tried("control at the join server", lambda: control_pb2_grpc.ControlStub(joining).ListDevices(
    control_pb2.ListDevicesRequest(), timeout=5), grpc.RpcError)
print(json.dumps(let_in))
"""


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    made = Secured(tmp_path)
    made.start_secured()
    try:
        yield made
    finally:
        made.close()


@pytest.mark.skipif(not is_root(), reason="only root can become another user")
def test_another_user_of_the_machine_gets_nowhere(secured: Secured) -> None:
    used = secured.token()
    assert secured.join("one", used).returncode == 0
    secured.start_joined("one")
    for folder in (secured.root, *secured.root.parents):
        if folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    homes = (secured.collector_home, secured.root / "one")
    running = [process.pid for process in secured.processes if process.poll() is None]
    started = {*running, *(child.pid for pid in running for child in descendants(pid))}
    task = {
        "become": NOBODY,
        "tls": secured.tls_address,
        "join": secured.join_address,
        "socket": secured.address.removeprefix("unix:"),
        "used": used,
        "pids": sorted(started),
        "secrets": [used, tokens.parse(used).secret, "PRIVATE KEY"],
        "files": [str(path) for home in homes for path in home.rglob("*") if path.is_file()],
        "folders": [*map(str, homes), *(str(path) for home in homes for path in home.rglob("*/"))],
    }
    done = subprocess.run(
        [sys.executable, "-c", WALK],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
    # Collector, its worker and an agent; database, keys, locks, endpoint, spool and identity.
    assert len(started) >= 2
    names = {Path(path).name for path in task["files"]}
    assert {"collector.sqlite3", "lock", "spool.db", "identity.json"} <= names
    assert any(name.endswith(".key") for name in names)
    assert [device["name"] for device in secured.listing("devices", "list")] == ["one"]
    log = secured.log("collector")
    assert used not in log
    assert log.count("does not know this join token") == 1, "the same refusal is logged once"
