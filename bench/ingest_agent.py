"""An agent without measurements: the product's identity, spool and channel, for benches of the way in."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from paretofleet_agent.config import Config
from paretofleet_agent.model import Inventory, Lease, RuntimeInfo, Target
from paretofleet_agent.uplink import identity, upload
from paretofleet_agent.uplink.client import CollectorClient
from paretofleet_agent.uplink.replies import Welcome
from paretofleet_agent.uplink.spool import Spool


class Agent(NamedTuple):
    """A device with an open session."""

    client: CollectorClient
    spool: Spool
    welcome: Welcome

    def lease(self) -> Lease:
        """The next run; asks until there is one."""
        lease = self.client.lease().lease
        while lease is None:
            lease = self.client.lease().lease
        return lease

    def drain(self) -> None:
        """Sends all that has ended."""
        window, batch = self.welcome.window_chunks, self.welcome.batch_chunks
        upload.drain(self.spool, self.client.upload, window, batch=batch)

    def close(self) -> None:
        """Ends the session; what is in the spool stays."""
        self.client.close()
        self.spool.close()


def connect(address: str, home: Path) -> Agent:
    """The agent of `home`, made if need be, after its hello to the collector at `address`."""
    home.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Any] = {"home": home, "collector": address, "name": home.name, "device_class": "cpu"}
    config = Config(
        **settings,
        labels={},
        interpreters={},
        simulate=None,
        seed=1,
        sysroot=Path("/"),
        lock_dir=home,
    )
    runtime = RuntimeInfo("onnxruntime", "1.19.2", ("cpu",))
    inventory = Inventory((Target("cpu", "cpu", ""),), (runtime,), (), 1 << 30, (0, 1), "x86_64", False)
    client = CollectorClient(config, identity.start(home, "boot"), inventory)
    spool = Spool.open(home)
    welcome = client.hello(spool.held(), spool.collector_id)
    for key, status in welcome.attempts.items():
        upload.apply_attempt_status(spool, key, status)
    spool.change_collector(welcome.collector_id)
    return Agent(client, spool, welcome)
