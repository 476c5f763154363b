"""Joining by tokens, over the real store; the clock is the test's."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import pytest
from paretofleet_collector.errors import Refused, SessionRefused, Taken
from paretofleet_collector.identity import authority
from paretofleet_collector.identity.peers import Peer
from paretofleet_collector.model.messages import Enrolled, Enrolment, Join
from paretofleet_collector.model.views import TokenView
from paretofleet_collector.service import access, agents, devices, enrolment
from paretofleet_collector.store import certificates
from rig import Rig


@pytest.fixture
def known(rig: Rig) -> Rig:
    """A collector with an identity."""
    authority.add(rig.home, authority.make_authority("c"))
    rig.context.authorities = authority.load(rig.home)
    return rig


def token(rig: Rig, ttl_s: float = 3600.0, **changes: Any) -> str:
    view = TokenView(**{"role": "agent", "name": "", "pool": "", "approve": False, "uses": 1, **changes})
    return rig.do(access.create_token(rig.context, view, ttl_s))[1]


def request(text: str, name: str = "box", device_id: str = "id-box") -> Enrolment:
    return Enrolment(text, authority.make_request()[1], device_id, name, "cpu", {})


def enrol(rig: Rig, enrolment_request: Enrolment) -> Enrolled:
    return rig.do(enrolment.enrol(rig.context, enrolment_request))


def peer_of(rig: Rig, subject: str) -> Peer:
    """Who speaks by the newest certificate of a subject."""
    rows = rig.context.store.read_now(certificates.newest)
    row = next(row for (_, name), row in rows.items() if name == subject)
    return Peer(row.role, row.subject, row.certificate_id)


def identity_of(rig: Rig, name: str) -> str:
    return {view.name: view.identity for view in rig.do(devices.list_devices(rig.context))}[name]


def test_what_has_no_certificate_cannot_be_revoked(rig):
    """It would end the session of a device that is let in by the local socket, and nothing else."""
    device_id = rig.joined("desk").device_id
    with pytest.raises(
        Refused, match="'desk' has no certificate that could be revoked; `paretofleet devices"
    ):
        rig.do(devices.change_device(rig.context, "desk", "revoke", {}))
    assert {view.device_id for view in rig.do(devices.list_devices(rig.context))} == {device_id}


class TestTokens:
    def test_a_token_lets_in_as_often_as_it_says(self, known):
        text = token(known, uses=2, pool="lab")
        for number in (1, 2):
            enrol(known, request(text, f"box-{number}", f"id-{number}"))
        with pytest.raises(SessionRefused, match=r"is used up \(it was for 2 uses\)"):
            enrol(known, request(text, "box-3", "id-3"))
        assert {view.pool for view in known.do(devices.list_devices(known.context))} == {"lab"}

    def test_the_same_key_again_gets_the_same_certificate_and_uses_nothing_up(self, known):
        asked = request(token(known))
        first = enrol(known, asked)
        assert enrol(known, asked) == first
        known.clock[0] += 7200
        assert enrol(known, asked) == first, "the reply was lost, and the token ended meanwhile"

    @pytest.mark.parametrize(
        ("spoil", "sentence"),
        [
            (
                lambda _, text: f"{text[:21]}{text[21:64].swapcase()}{text[64:]}",
                "does not know this join token",
            ),
            (lambda _, text: text.replace(text[4:20], "0" * 16), "does not know this join token"),
            (lambda _, text: text[:-1], "not a join token, or not all of one"),
            (lambda rig, text: rig.clock.__setitem__(0, rig.clock[0] + 3601) or text, "expired at"),
            (
                lambda rig, text: rig.clock.__setitem__(0, rig.clock[0] - 900) or text,
                "ahead of the collector",
            ),
            (lambda rig, text: rig.do(access.revoke_token(rig.context, text[4:20])) and text, "was revoked"),
        ],
        ids=["secret", "id", "cut", "expired", "skewed", "revoked"],
    )
    def test_each_wrong_token_is_refused_with_a_sentence_that_does_not_repeat_it(
        self, known, spoil, sentence
    ):
        text = spoil(known, token(known))
        with pytest.raises(SessionRefused, match=sentence) as caught:
            enrol(known, request(text))
        assert text.split("-", 2)[2][:43] not in str(caught.value)

    def test_a_token_for_a_name_is_for_no_other(self, known):
        with pytest.raises(SessionRefused, match="is for the name 'box'"):
            enrol(known, request(token(known, name="box"), "other"))
        assert enrol(known, request(token(known, name="box"), "")).name == "box"

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"role": "root"}, "not a role"),
            ({"uses": 0}, "1 to 10000 uses"),
            ({"name": "box", "uses": 2}, "one where it is for a name"),
            ({"name": "a b"}, "letters, digits"),
            ({"role": "viewer"}, "for one person"),
            ({"ttl_s": 0.0}, "30 days"),
            ({"ttl_s": 1e9}, "30 days"),
        ],
    )
    def test_senseless_tokens_are_not_made(self, known, changes, sentence):
        with pytest.raises(Refused, match=sentence):
            token(known, **changes)

    def test_without_identity_it_says_what_to_do(self, rig):
        with pytest.raises(Refused, match="paretofleet collector init"):
            token(rig)

    def test_no_secret_is_stored(self, known):
        secret = token(known).split("-", 2)[2][:43]
        stored = b"".join(path.read_bytes() for path in known.home.glob("collector.sqlite3*"))
        assert secret.encode() not in stored


class TestPlaces:
    """A token takes over nobody's place."""

    def test_a_device_that_has_joined_is_not_taken_over_by_another_key(self, known):
        enrol(known, request(token(known)))
        with pytest.raises(SessionRefused, match="has joined before, with another key") as caught:
            enrol(known, request(token(known)))
        assert "devices reset box" in str(caught.value)
        with pytest.raises(Taken):
            enrol(known, request(token(known), "box", "id-other"))

    def test_a_token_made_for_its_name_lets_it_in_again_and_ends_the_old_certificate(self, known):
        enrol(known, request(token(known)))
        enrol(known, request(token(known, name="box")))
        rows = known.context.store.read_now(lambda c: c.execute(certificates.CERTIFICATES.select()).all())
        assert sorted(row.revoked_unix_s is None for row in rows) == [False, True]

    def test_after_a_reset_a_reimaged_board_gets_its_old_id(self, known):
        enrol(known, request(token(known)))
        known.do(devices.change_device(known.context, "box", "reset", {}))
        assert enrol(known, request(token(known), "box", "id-new")).subject == "id-box"

    def test_revoking_and_removing_end_the_certificate(self, known):
        for number, action in enumerate(("revoke", "remove")):
            enrol(known, request(token(known), f"box-{number}", f"id-{number}"))
            assert identity_of(known, f"box-{number}") == "valid"
            known.do(devices.change_device(known.context, f"box-{number}", action, {}))
            assert identity_of(known, f"box-{number}") == "revoked"


class TestApproval:
    def test_a_device_waits_until_somebody_approves_it_under_the_name_that_they_give(self, known):
        asked = request(token(known, approve=True))
        waiting = enrol(known, asked)
        assert waiting.certificate_pem == ""
        assert enrol(known, asked) == waiting
        (view,) = known.do(devices.list_devices(known.context))
        assert (view.state, view.device_id) == ("waiting", waiting.key_sha256[:16])
        known.do(devices.change_device(known.context, view.device_id, "approve", {}, "tx2-1"))
        assert enrol(known, asked).name == "tx2-1"
        assert [v.state for v in known.do(devices.list_devices(known.context))] == ["offline"]

    def test_two_that_ask_for_one_name_are_told_apart_by_fingerprint(self, known):
        text = token(known, approve=True, uses=2)
        first = enrol(known, request(text))
        enrol(known, request(text, "box", "id-2"))
        with pytest.raises(Refused, match="2 devices wait for the name 'box'"):
            known.do(devices.change_device(known.context, "box", "approve", {}))
        known.do(devices.change_device(known.context, first.key_sha256[:16], "revoke", {}))
        known.do(devices.change_device(known.context, "box", "approve", {}))

    @pytest.mark.parametrize("end", ["used up", "expired", "revoked"])
    @pytest.mark.parametrize("role", ["agent", "admin"])
    def test_a_key_that_waits_enters_by_no_other_token_that_has_ended(self, known, role, end):
        asked = request(token(known, approve=True, ttl_s=86_400.0))
        enrol(known, asked)
        other = token(known, role=role, name="boss" if role == "admin" else "", ttl_s=60.0)
        if end == "used up":
            enrol(known, request(other, "boss", "id-boss"))
        if end == "revoked":
            known.do(access.revoke_token(known.context, other[4:20]))
        known.clock[0] += 61.0 if end == "expired" else 0.0
        with pytest.raises(SessionRefused, match=end):
            enrol(known, replace(asked, token=other, name="boss"))

    def test_what_was_approved_is_the_id_and_the_pool_that_were_asked_for(self, known):
        known.do(agents.join(known.context, Join("id-victim", "victim", "cpu", {}, "")))
        asked = request(token(known, approve=True, pool="lab"))
        waiting = enrol(known, asked)
        known.do(devices.change_device(known.context, waiting.key_sha256[:16], "approve", {}))
        elsewhere = token(known, approve=True, pool="vault")
        made = enrol(known, replace(asked, token=elsewhere, device_id="id-victim"))
        pools = {view.name: view.pool for view in known.do(devices.list_devices(known.context))}
        assert (made.subject, pools["box"]) == ("id-box", "lab")


class TestWithoutCertificate:
    """A device that came by the local socket, before there was an identity, has nothing to show."""

    @pytest.fixture
    def early(self, known):
        known.do(agents.join(known.context, Join("id-box", "box", "cpu", {}, "")))
        return known

    def test_a_token_for_any_device_does_not_take_it_over(self, early):
        text = token(early, uses=5)
        with pytest.raises(SessionRefused, match=r"without a certificate.*token create --name box") as caught:
            enrol(early, request(text))
        assert "devices reset box" in str(caught.value)
        assert identity_of(early, "box") == ""
        assert early.do(access.list_tokens(early.context))[0].uses_left == 5

    def test_a_token_for_its_name_lets_it_in(self, early):
        assert enrol(early, request(token(early, name="box"))).subject == "id-box"

    def test_so_does_a_reset(self, early):
        early.do(devices.change_device(early.context, "box", "reset", {}))
        assert enrol(early, request(token(early))).subject == "id-box"

    def test_and_an_approval(self, early):
        asked = request(token(early, approve=True))
        waiting = enrol(early, asked)
        assert waiting.certificate_pem == ""
        early.do(devices.change_device(early.context, waiting.key_sha256[:16], "approve", {}))
        assert enrol(early, asked).subject == "id-box"


def test_a_refused_join_is_logged_with_who_and_why(known, caplog):
    asked = replace(request(token(known)), token=f"pft-{'0' * 16}-{'x' * 43}-{'0' * 64}")
    with pytest.raises(SessionRefused):
        known.do(enrolment.enrol(known.context, asked, "ipv4:192.0.2.7:4711"))
    (line,) = caplog.messages
    assert line.startswith("refused the join of 'box' of ipv4:192.0.2.7: The collector does not know this")


def test_a_token_that_has_expired_does_not_count_again_when_the_clock_is_set_back(known):
    text = token(known, ttl_s=60.0)
    known.clock[0] += 61.0
    with pytest.raises(SessionRefused, match="expired at"):
        enrol(known, request(text))
    known.clock[0] -= 30.0
    with pytest.raises(SessionRefused, match="--forget-clock"):
        enrol(known, request(text))


class TestLostIdentity:
    """A collector that had an identity never serves without one, when nobody would be asked who speaks."""

    def test_without_its_authorities_it_does_not_start(self, known):
        known.do(enrolment.check_not_lost(known.context))
        enrol(known, request(token(known)))
        shutil.rmtree(known.home / authority.FOLDER)
        known.context.authorities = authority.load(known.home)
        with pytest.raises(Refused, match="had an identity"):
            known.do(enrolment.check_not_lost(known.context))

    def test_nor_with_an_empty_folder_of_them(self, rig):
        rig.do(enrolment.check_not_lost(rig.context))
        (rig.home / authority.FOLDER).mkdir()
        with pytest.raises(Refused, match="had an identity"):
            rig.do(enrolment.check_not_lost(rig.context))


class TestScope:
    """A token for a name or a pool opens no device of another, also where that has no certificate yet."""

    def test_a_token_for_a_name_gives_no_certificate_of_a_device_with_another(self, known):
        known.do(agents.join(known.context, Join("id-victim", "victim", "cpu", {}, "")))
        with pytest.raises(SessionRefused, match="Device 'victim' is in the fleet already"):
            enrol(known, request(token(known, name="box"), "box", "id-victim"))
        known.do(devices.change_device(known.context, "victim", "reset", {}))
        with pytest.raises(SessionRefused, match="this is device 'victim'"):
            enrol(known, request(token(known, name="box"), "box", "id-victim"))
        assert enrol(known, request(token(known, name="victim"), "", "id-victim")).subject == "id-victim"

    def test_a_token_for_a_pool_takes_no_place_in_another_after_a_reset(self, known):
        enrol(known, request(token(known, pool="vault")))
        known.do(devices.change_device(known.context, "box", "reset", {}))
        with pytest.raises(SessionRefused, match="is of the pool 'vault'"):
            enrol(known, request(token(known, pool="lab"), "box", "id-new"))
        assert enrol(known, request(token(known, pool="vault"), "box", "id-new")).subject == "id-box"


class TestRevocation:
    def test_joining_again_makes_the_collector_look_at_certificates_anew(self, known):
        enrol(known, request(token(known)))
        known.context.certificates_changed.clear()
        enrol(known, request(token(known, name="box")))
        assert known.context.certificates_changed.is_set()

    def test_a_renewal_that_was_let_in_before_a_revocation_gives_nothing_after_it(self, known):
        enrol(known, request(token(known)))
        peer = peer_of(known, "id-box")
        known.do(devices.change_device(known.context, "box", "revoke", {}))
        with pytest.raises(SessionRefused, match="was revoked"):
            known.do(enrolment.renew(known.context, peer, authority.make_request()[1]))
        assert identity_of(known, "box") == "revoked"

    def test_who_renews_without_end_fills_no_disk(self, known, monkeypatch):
        monkeypatch.setattr(enrolment, "RENEWED_MAX", 3)
        enrol(known, request(token(known)))
        peer = peer_of(known, "id-box")
        for _ in range(2):
            known.do(enrolment.renew(known.context, peer, authority.make_request()[1]))
        with pytest.raises(Refused, match="wait for one to expire"):
            known.do(enrolment.renew(known.context, peer, authority.make_request()[1]))

    def test_who_waits_under_a_devices_name_takes_no_revocation_upon_itself(self, known):
        enrol(known, request(token(known)))
        enrol(known, request(token(known, approve=True), "box", "id-shield"))
        known.do(devices.change_device(known.context, "box", "revoke", {}))
        states = {v.state: v.identity for v in known.do(devices.list_devices(known.context))}
        assert states == {"offline": "revoked", "waiting": ""}

    def test_an_approval_that_was_not_used_yet_can_be_taken_back(self, known):
        asked = request(token(known, approve=True))
        fingerprint = enrol(known, asked).key_sha256[:16]
        known.do(devices.change_device(known.context, fingerprint, "approve", {}))
        known.do(devices.change_device(known.context, fingerprint, "revoke", {}))
        with pytest.raises(SessionRefused, match="is used up"):
            enrol(known, asked)


class TestPeople:
    def test_a_person_has_the_role_of_the_token(self, known):
        made = enrol(known, request(token(known, role="operator", name="alice"), "", ""))
        assert (made.role, made.name) == ("operator", "alice")
        (user,) = known.do(access.list_users(known.context))
        assert (user.name, user.role, user.state) == ("alice", "operator", "valid")
        assert known.do(access.revoke_user(known.context, "alice")).state == "revoked"


class TestRotation:
    def test_both_authorities_count_until_everybody_has_renewed(self, known):
        asked = request(token(known))
        enrol(known, asked)
        begun = known.do(access.rotate(known.context, finish=False, force=False))
        assert (len(begun.authorities), begun.behind) == (2, ("box",))
        with pytest.raises(Refused, match="Not renewed yet: box; wait"):
            known.do(access.rotate(known.context, finish=True, force=False))
        peer = peer_of(known, "id-box")
        known.do(enrolment.renew(known.context, peer, authority.make_request()[1]))
        ended = known.do(access.rotate(known.context, finish=True, force=False))
        assert (ended.authorities, ended.behind) == (begun.authorities[1:], ())

    def test_a_request_is_not_shown_with_its_secret(self, known):
        text = token(known)
        assert text not in repr(replace(request(text), name="x"))
