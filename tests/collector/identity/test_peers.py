"""What each role may, and whether a certificate counts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from paretofleet_collector.errors import SessionRefused
from paretofleet_collector.identity import peers
from paretofleet_collector.identity.peers import LOCAL, Peer
from paretofleet_proto.v1 import control_pb2, fleet_pb2, join_pb2

DAY_S = 86_400.0


def may(role: str, service: str, method: str) -> bool:
    try:
        peers.check_role(Peer(role, "somebody"), service, method)
    except SessionRefused:
        return False
    return True


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("agent", {"Fleet.Lease", "Identity.Renew"}),
        ("viewer", {"Control.ListDevices", "Control.PullReport", "Identity.Renew"}),
        (
            "operator",
            {"Control.ListDevices", "Control.PullReport", "Control.SubmitSweep", "Identity.Renew"},
        ),
        (
            "admin",
            {
                *("Control.ListDevices", "Control.PullReport", "Control.SubmitSweep", "Identity.Renew"),
                *("Control.ChangeDevice", "Access.CreateToken"),
            },
        ),
        ("strange", set()),
    ],
)
def test_a_role_may_what_it_is_for(role, allowed):
    everything = (
        *("Fleet.Lease", "Control.ListDevices", "Control.PullReport", "Control.SubmitSweep"),
        *("Control.ChangeDevice", "Access.CreateToken", "Identity.Renew", "Unheard.Of"),
    )
    assert {each for each in everything if may(role, *each.split("."))} == allowed


def test_the_local_user_may_all():
    for each in ("Fleet.Lease", "Control.ChangeDevice", "Access.CreateToken", "Identity.Renew"):
        assert may(LOCAL, *each.split("."))


@pytest.mark.parametrize(
    "service",
    [
        *fleet_pb2.DESCRIPTOR.services_by_name.values(),
        *control_pb2.DESCRIPTOR.services_by_name.values(),
        *(s for s in join_pb2.DESCRIPTOR.services_by_name.values() if s.name != "Join"),
    ],
    ids=lambda service: service.name,
)
def test_devices_call_nothing_of_people_and_viewers_change_nothing(service):
    changing = (
        "Add",
        "Submit",
        "Cancel",
        "Retry",
        "Delete",
        "Rebuild",
        "Change",
        "Create",
        "Revoke",
        "Rotate",
    )
    for method in service.methods:
        assert may("agent", service.name, method.name) == (service.name in ("Fleet", "Identity"))
        if method.name.startswith(changing):
            assert not may("viewer", service.name, method.name), method.name


def row(**changes):
    values = {
        "role": "agent",
        "subject": "id-1",
        "issued_unix_s": 1e9,
        "expires_unix_s": 1e9 + 30 * DAY_S,
        "revoked_unix_s": None,
        "authority_sha256": "new",
    }
    return SimpleNamespace(**{**values, **changes})


@pytest.mark.parametrize(
    ("stored", "now", "why", "sentence"),
    [
        (None, 1e9, "unidentified", "does not know this certificate"),
        (row(revoked_unix_s=1e9 + 5), 1e9 + 9, "forbidden", "was revoked at 2001-09-09"),
        (row(), 1e9 + 31 * DAY_S, "unidentified", "expired at 2001-10-09"),
        (row(), 0.0, "skewed", "ahead of the collector's clock"),
    ],
    ids=["unknown", "revoked", "expired", "skewed"],
)
def test_each_refusal_has_a_sentence_of_its_own(stored, now, why, sentence):
    with pytest.raises(SessionRefused, match=sentence) as caught:
        peers.check_certificate(stored, now, now)
    assert caught.value.why == why


def late(stored, now):
    """As whoever wants to renew it only."""
    peers.check_certificate(stored, now, now, late_s=30 * DAY_S)


@pytest.mark.parametrize("late_s", [0.0, 30 * DAY_S])
def test_what_has_expired_does_not_count_again_when_the_clock_is_set_back(late_s):
    expired = 1e9 + 30 * DAY_S + late_s
    peers.check_certificate(row(), expired - 9, expired - 9, late_s)
    with pytest.raises(
        SessionRefused, match=r"clock was at .* before and says .* doctor --forget-clock"
    ) as caught:
        peers.check_certificate(row(), expired - 9, expired, late_s)
    assert caught.value.why == "skewed"


def test_only_the_very_certificate_that_was_issued_counts():
    pem = "-----BEGIN CERTIFICATE-----\nQUJD\nREVG\n-----END CERTIFICATE-----\n"
    peers.check_presented(row(pem=pem), pem.replace("QUJD\n", "QUJD"))
    for other in (pem.replace("QUJD", "QUJE"), "", pem[:-40]):
        with pytest.raises(SessionRefused, match=r"did not issue this certificate.*collector rotate"):
            peers.check_presented(row(pem=pem), other)


def test_an_expired_certificate_is_let_in_to_be_renewed_for_a_while():
    late(row(), 1e9 + 31 * DAY_S)
    with pytest.raises(SessionRefused, match="expired"):
        late(row(), 1e9 + 61 * DAY_S)
    with pytest.raises(SessionRefused, match="revoked"):
        late(row(revoked_unix_s=1e9), 1e9 + 31 * DAY_S)


def test_renewal_is_due_after_two_thirds_and_at_once_under_a_new_authority():
    assert peers.renew_unix_s(row(), "new") == 1e9 + 20 * DAY_S
    assert peers.renew_unix_s(row(), "newer") == 0.0


def test_a_device_speaks_for_itself_only_and_an_operator_changes_their_sweeps_only():
    peers.check_device(Peer("agent", "id-1"), "id-1")
    with pytest.raises(SessionRefused, match="that of device id-1"):
        peers.check_device(Peer("agent", "id-1"), "id-2")
    peers.check_device(Peer(LOCAL), "id-2")
    peers.check_submitter(Peer("operator", "alice"), "alice", "s")
    peers.check_submitter(Peer("admin", "bob"), "alice", "s")
    with pytest.raises(SessionRefused, match="submitted by the local user"):
        peers.check_submitter(Peer("operator", "alice"), "", "s")
