"""What agents said last of their devices' power and temperature: for who watches, so kept in memory only."""

from __future__ import annotations

from paretofleet_collector.model.messages import LiveReading


class LiveReadings:
    """The newest reading of each device; after a restart the next heartbeats bring them again."""

    def __init__(self) -> None:
        self._by_device: dict[str, tuple[float, LiveReading]] = {}

    def note(self, device_id: str, reading: LiveReading, now: float) -> None:
        """Keeps the `reading` of the device `device_id`, said `now` (seconds since 1970)."""
        self._by_device[device_id] = now, reading

    def of(self, device_id: str, since: float) -> LiveReading:
        """What the device `device_id` said since a time (seconds since 1970); empty where that is nothing."""
        said_unix_s, reading = self._by_device.get(device_id, (float("-inf"), LiveReading()))
        return reading if said_unix_s >= since else LiveReading()
