from __future__ import annotations

import errno
import hashlib
import os
import random
from dataclasses import replace

import pytest
from daemon_parts import INVENTORY, WHO, config
from fake_collector import FakeCollector
from paretofleet_agent.errors import AttemptFailed, Stopped, Unreachable
from paretofleet_agent.model import Artifact
from paretofleet_agent.uplink import model_room
from paretofleet_agent.uplink.client import CollectorClient
from paretofleet_agent.uplink.model_cache import ModelCache

CONTENT = random.Random(1).getrandbits(8 * 10_500).to_bytes(10_500, "little")
ARTIFACT = Artifact(hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), "net.onnx")


@pytest.fixture
def collector():
    with FakeCollector().running() as collector:
        collector.models[ARTIFACT.sha256] = CONTENT
        yield collector


@pytest.fixture
def models(collector, tmp_path):
    client = CollectorClient(config(tmp_path, collector.address), WHO, INVENTORY)
    yield ModelCache(tmp_path, client.fetch_model)
    client.close()


def never():
    return False


def test_a_model_is_fetched_once_and_kept_under_its_sha256(models, collector, tmp_path):
    path = models.get(ARTIFACT, never)
    assert path == tmp_path / "models" / ARTIFACT.sha256
    assert path.read_bytes() == CONTENT
    assert models.get(ARTIFACT, never) == path
    assert collector.fetches == [0]
    assert list(path.parent.iterdir()) == [path]


def test_a_model_of_a_collector_on_this_machine_lies_on_the_disk_once(collector, tmp_path):
    beside = tmp_path / "lake"
    beside.mkdir()
    (beside / (ARTIFACT.sha256 + ".onnx")).write_bytes(CONTENT)
    client = CollectorClient(config(tmp_path, collector.address), WHO, INVENTORY)
    path = ModelCache(tmp_path, client.fetch_model, beside).get(ARTIFACT, never)
    client.close()
    assert path.samefile(beside / (ARTIFACT.sha256 + ".onnx"))
    assert collector.fetches == []
    assert list(path.parent.iterdir()) == [path]


def test_a_private_model_is_the_owners_alone_and_goes_with_its_sweep(collector, tmp_path):
    beside = tmp_path / "lake"
    beside.mkdir()
    (beside / (ARTIFACT.sha256 + ".onnx")).write_bytes(CONTENT)
    private = replace(ARTIFACT, is_private=True)
    client = CollectorClient(config(tmp_path, collector.address), WHO, INVENTORY)
    models = ModelCache(tmp_path, client.fetch_model, beside)
    models.begin_sweep("first")
    path = models.get(private, never)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_nlink == 1, "it is no link to a file that stays"
    models.begin_sweep("first")
    assert path.exists()
    models.begin_sweep("")
    assert not path.exists()
    models.begin_sweep("second")
    path = models.get(private, never)
    ModelCache(tmp_path, client.fetch_model).begin_sweep("second")
    assert not path.exists(), "who was killed in the middle removes it at the next start"
    client.close()


@pytest.mark.parametrize("how", ["damaged", "absent", "elsewhere"])
def test_without_a_whole_file_beside_it_the_model_is_fetched(collector, tmp_path, monkeypatch, how):
    beside = tmp_path / "lake"
    if how != "absent":
        beside.mkdir()
        content = CONTENT if how == "elsewhere" else CONTENT[:-1] + b"x"
        (beside / (ARTIFACT.sha256 + ".onnx")).write_bytes(content)
    if how == "elsewhere":  # what the kernel says of two file systems
        monkeypatch.setattr("os.link", raise_cross_device)
    client = CollectorClient(config(tmp_path, collector.address), WHO, INVENTORY)
    path = ModelCache(tmp_path, client.fetch_model, beside).get(ARTIFACT, never)
    client.close()
    assert path.read_bytes() == CONTENT
    assert path.stat().st_nlink == 1
    assert collector.fetches == [0]


def raise_cross_device(*_):
    raise OSError(errno.EXDEV, "Invalid cross-device link")


def test_a_cut_download_goes_on_where_it_was(models, collector):
    collector.script = lambda n: "cut_after" if n < 4 else None
    for _ in range(3):
        with pytest.raises(Unreachable):
            models.get(ARTIFACT, never)
    assert models.get(ARTIFACT, never).read_bytes() == CONTENT
    assert collector.fetches == [0, 1000, 2000, 3000]


def test_a_wrong_content_is_thrown_away_and_fetched_again(models, collector):
    collector.script = lambda n: "damaged" if n == 1 else None
    assert models.get(ARTIFACT, never).read_bytes() == CONTENT
    assert collector.fetches == [0, 0]


def test_a_content_that_stays_wrong_fails_the_attempt_and_leaves_nothing(models, collector, tmp_path):
    collector.script = lambda _: "damaged"
    with pytest.raises(AttemptFailed, match=r"came twice with a content") as raised:
        models.get(ARTIFACT, never)
    assert raised.value.reason == "model_unavailable"
    assert list((tmp_path / "models").iterdir()) == []


def test_a_stored_file_that_rotted_is_fetched_again(models, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / ARTIFACT.sha256).write_bytes(CONTENT[:-1] + b"?")
    assert models.get(ARTIFACT, never).read_bytes() == CONTENT


def test_a_part_longer_than_the_model_is_not_trusted(models, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / f"{ARTIFACT.sha256}.part").write_bytes(b"x" * 20_000)
    assert models.get(ARTIFACT, never).read_bytes() == CONTENT


def test_a_model_that_the_collector_has_not(models):
    with pytest.raises(AttemptFailed, match="no such model") as raised:
        models.get(Artifact("0" * 64, 5, "gone.onnx"), never)
    assert raised.value.reason == "model_unavailable"


@pytest.mark.parametrize("sha256", ["../../etc/passwd", "", "A" * 64, "0" * 63])
def test_a_name_that_is_no_sha256_never_becomes_a_path(models, sha256):
    with pytest.raises(AttemptFailed, match="not the SHA-256"):
        models.get(Artifact(sha256, 5, "x"), never)


def test_room_is_made_by_forgetting_the_models_unused_for_longest(models, tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    for age, name in enumerate(("old", "older")):
        (tmp_path / "models" / name).write_bytes(b"x" * 1000)
        os.utime(tmp_path / "models" / name, (1000 - age, 1000 - age))
    free = model_room.MARGIN_BYTES + len(CONTENT) - 1000
    monkeypatch.setattr(model_room, "free_bytes", lambda _: free)
    models.get(ARTIFACT, never)
    assert {path.name for path in (tmp_path / "models").iterdir()} == {"old", ARTIFACT.sha256}


def kept_in(home):
    return {path.name for path in (home / "models").iterdir()}


@pytest.fixture
def three(collector):
    """Files of 1,000 bytes; the collector has them."""
    contents = [bytes([number]) * 1000 for number in range(3)]
    made = [Artifact(hashlib.sha256(each).hexdigest(), 1000, f"{each[0]}.onnx") for each in contents]
    collector.models.update({a.sha256: each for a, each in zip(made, contents)})
    return made


@pytest.fixture
def two_fit(models, tmp_path):
    """A cache that two of the files fill."""
    return ModelCache(tmp_path, models._fetch, limit_bytes=2500)


def test_all_files_together_stay_below_the_limit_and_what_was_used_last_stays(two_fit, three, tmp_path):
    for each in (three[0], three[1], three[0], three[2]):
        two_fit.get(each, never)
    assert kept_in(tmp_path) == {three[0].sha256, three[2].sha256}
    assert model_room.stored(tmp_path) == (2, 2000)


def test_the_limit_forgets_nothing_that_a_run_needs(two_fit, three, tmp_path):
    for each in (three[1], three[0], three[2]):
        two_fit.get(each, never, (three[1], three[2]))
    assert kept_in(tmp_path) == {three[1].sha256, three[2].sha256}


def test_files_of_one_run_above_the_limit_are_refused_and_nothing_is_forgotten(two_fit, three, tmp_path):
    for each in three[:2]:
        two_fit.get(each, never)
    with pytest.raises(AttemptFailed, match=r"2\.onnx has 1000 bytes, 3000 with .* 2500 here: raise"):
        two_fit.get(three[2], never, three)
    assert kept_in(tmp_path) == {three[0].sha256, three[1].sha256}


def test_private_files_count_and_stay_while_their_sweep_lasts(two_fit, three, tmp_path):
    two_fit.begin_sweep("first")
    private = two_fit.get(replace(three[0], is_private=True), never)
    for each in three[1:]:
        two_fit.get(each, never)
    assert private.exists()
    assert kept_in(tmp_path) == {"private", three[2].sha256}
    two_fit.begin_sweep("")
    assert model_room.stored(tmp_path) == (1, 1000)


def test_what_is_needed_beside_it_is_not_forgotten(models, collector, monkeypatch):
    """The samples of a run come while its model is here, on a disk that is almost full."""
    samples = Artifact(hashlib.sha256(b"samples").hexdigest(), 7, "s.npz")
    collector.models[samples.sha256] = b"samples"
    path = models.get(ARTIFACT, never)
    monkeypatch.setattr(model_room, "free_bytes", lambda _: model_room.MARGIN_BYTES)
    with pytest.raises(AttemptFailed, match=r"s\.npz has 7 bytes"):
        models.get(samples, never, (ARTIFACT, samples))
    assert path.exists()
    monkeypatch.setattr(model_room, "free_bytes", lambda _: model_room.MARGIN_BYTES + 7)
    assert models.get(samples, never, (ARTIFACT, samples)).read_bytes() == b"samples"


def test_a_full_disk_fails_the_attempt_with_one_sentence(models, collector, monkeypatch):
    monkeypatch.setattr(model_room, "free_bytes", lambda _: 1000)
    with pytest.raises(AttemptFailed, match=r"net.onnx has 10500 bytes and the disk .* 1000 free"):
        models.get(ARTIFACT, never)
    assert collector.fetches == []


def test_a_download_stops_when_told(models):
    with pytest.raises(Stopped):
        models.get(ARTIFACT, lambda: True)
