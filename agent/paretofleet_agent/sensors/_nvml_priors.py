"""What is known of NVML's power sensors by architecture; a device measures its own."""

from __future__ import annotations

from typing import NamedTuple, Sequence, Tuple

from paretofleet_agent.sensors.protocol import BOXCAR, FILTERED, INSTANT

Capability = Tuple[int, int]
GA100 = (8, 0)


class Prior(NamedTuple):
    """What is known of the power sensor of an architecture before it is measured, in seconds."""

    kind: str
    period_s: float | None
    window_s: float | None
    lag_s: float | None


#: By the lowest compute capability, newest first, from measurements of 70 cards. Their rise times (0.02 to
#: 0.1 s on GH100, GA100 and before Turing, 0.2 to 0.3 s on the others) hold the averaging and the wait for a
#: refresh; the lag is what is left.
PRIORS: Sequence[tuple[Capability, Prior]] = (
    ((9, 1), Prior(INSTANT, None, None, None)),
    ((9, 0), Prior(BOXCAR, 0.1, 0.025, 0.0)),
    ((8, 1), Prior(BOXCAR, 0.1, 0.1, 0.1)),
    (GA100, Prior(BOXCAR, 0.1, 0.025, 0.0)),
    ((7, 5), Prior(BOXCAR, 0.1, 0.1, 0.1)),
    ((6, 0), Prior(BOXCAR, 0.02, 0.01, 0.04)),
    ((0, 0), Prior(FILTERED, 0.1, None, None)),
)
UNKNOWN = Prior(INSTANT, None, None, None)


def prior_of(capability: Capability | None) -> Prior:
    """What is known of the sensor of a GPU of that compute `capability`; None where that is unknown."""
    if capability is None:
        return UNKNOWN
    return next(prior for lowest, prior in PRIORS if capability >= lowest)
