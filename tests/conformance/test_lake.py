"""What a lake does, wherever it is: a file is whole or not there, is what was put, and never just goes."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

import pytest
from object_server import SECRET, new_lake, set_credentials
from paretofleet_collector.errors import CollectorError, NotFound, Refused, StorageUnavailable
from paretofleet_collector.lake import object_store
from paretofleet_collector.lake.address import open_lake
from paretofleet_collector.lake.object_store import ObjectLake, parse_url

SAMPLES = "samples/s/r-1.parquet"


@pytest.fixture(params=["folder", "objects"])
def address(request, tmp_path, monkeypatch):
    """The address of an empty lake, once for each kind."""
    if request.param == "folder":
        return str(tmp_path / "lake")
    return f"{new_lake(request.getfixturevalue('moto'), monkeypatch)}#{tmp_path / 'cache'}"


@pytest.fixture
def lake(address):
    return open_lake(address)


def forget_copies(lake) -> None:
    """As another machine sees the lake: without what this one kept. A folder is its own copy."""
    if isinstance(lake, ObjectLake):
        for path in (lake.root / "samples").rglob("*.parquet"):
            path.unlink()


def put(lake, relative: str, data: bytes) -> str:
    lake.put(relative, lambda path: path.write_bytes(data))
    return hashlib.sha256(data).hexdigest()


def test_what_was_put_is_there_for_whoever_opens_the_lake(lake):
    data = secrets.token_bytes(3 << 20)
    sha256 = put(lake, SAMPLES, data)
    forget_copies(lake)
    assert lake.verified(SAMPLES, sha256).read_bytes() == data
    assert open_lake(lake.address).verified(SAMPLES, sha256).read_bytes() == data
    assert list((lake.root / "tmp").iterdir()) == []


def test_a_put_that_fails_leaves_nothing(lake):
    def broken(path: Path) -> None:
        path.write_bytes(b"half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        lake.put(SAMPLES, broken)
    assert lake.unlisted((), ()) == []
    assert list((lake.root / "tmp").iterdir()) == []


def test_a_file_that_is_missing_or_another_is_named(lake):
    with pytest.raises(NotFound, match=r"samples/s/r-1\.parquet is missing"):
        lake.verified(SAMPLES, "0" * 64)
    put(lake, SAMPLES, b"good")
    forget_copies(lake)
    with pytest.raises(CollectorError, match="is damaged"):
        lake.verified(SAMPLES, "0" * 64)


def test_a_put_may_be_repeated(lake):
    put(lake, SAMPLES, b"truncat")
    sha256 = put(lake, SAMPLES, b"truncated no more")
    assert put(lake, SAMPLES, b"truncated no more") == sha256
    forget_copies(lake)
    assert lake.verified(SAMPLES, sha256).read_bytes() == b"truncated no more"


def test_what_nothing_lists_is_set_aside_with_its_bytes(lake):
    put(lake, "samples/s/listed-1.parquet", b"a")
    stray = put(lake, SAMPLES, b"b")
    model = put(lake, f"models/{'a' * 64}.onnx", b"m")
    put(lake, f"models/{'b' * 64}.onnx", b"n")
    unlisted = lake.unlisted({"samples/s/listed-1.parquet"}, {"b" * 64})
    assert unlisted == [f"models/{'a' * 64}.onnx", SAMPLES]
    lake.set_aside(unlisted)
    assert lake.unlisted({"samples/s/listed-1.parquet"}, {"b" * 64}) == []
    put(lake, SAMPLES, b"c")
    lake.set_aside([SAMPLES])
    orphans = lake.orphans()
    assert len(orphans) == 3
    assert lake.verified(f"orphans/{SAMPLES}", stray).read_bytes() == b"b"
    assert lake.verified(f"orphans/models/{'a' * 64}.onnx", model).read_bytes() == b"m"


def test_what_was_set_aside_can_be_taken_back_and_looked_at_before(lake):
    sha256 = put(lake, SAMPLES, b"a")
    assert (lake.has(SAMPLES), lake.checksum(SAMPLES)) == (True, sha256)
    lake.set_aside([SAMPLES])
    assert (lake.has(SAMPLES), lake.checksum(SAMPLES)) == (False, "")
    (orphan,) = lake.orphans()
    with lake.copy_of(orphan) as path:
        assert path.read_bytes() == b"a"
    lake.take_back(orphan, SAMPLES)
    assert lake.orphans() == []
    forget_copies(lake)
    assert lake.verified(SAMPLES, sha256).read_bytes() == b"a"
    with pytest.raises(NotFound), lake.copy_of(orphan):
        pass
    assert list((lake.root / "tmp").iterdir()) == []


def test_a_check_looks_at_the_lake_itself_and_not_at_a_copy(lake):
    sha256 = put(lake, SAMPLES, b"good")
    lake.check(SAMPLES, sha256)
    put(lake, SAMPLES, b"bad")
    with pytest.raises(CollectorError, match="is damaged"):
        lake.check(SAMPLES, sha256)
    with lake.copy_of(SAMPLES) as path:
        assert path.read_bytes() == b"bad"
    lake.remove(SAMPLES)
    with pytest.raises(NotFound, match="is missing"):
        lake.check(SAMPLES, sha256)


def test_two_orphans_of_one_name_are_both_parquet_files(lake):
    for data in (b"a", b"b"):
        put(lake, SAMPLES, data)
        lake.set_aside([SAMPLES])
    assert [path.endswith(".parquet") for path in lake.orphans()] == [True, True]


def test_what_is_removed_is_gone_and_removing_it_again_is_no_error(lake):
    sha256 = put(lake, SAMPLES, b"a")
    lake.remove(SAMPLES)
    lake.remove(SAMPLES)
    with pytest.raises(NotFound):
        lake.verified(SAMPLES, sha256)


def test_a_model_is_there_as_a_file(lake):
    sha256 = put(lake, f"models/{hashlib.sha256(b'onnx').hexdigest()}.onnx", b"onnx")
    if isinstance(lake, ObjectLake):
        (lake.root / "models" / f"{sha256}.onnx").unlink()
    assert lake.model_path(sha256).read_bytes() == b"onnx"
    assert not lake.model_path("c" * 64).exists()


def test_the_lake_answers_a_probe(lake):
    lake.probe()
    lake.probe()
    assert lake.unlisted((), ()) == []


@pytest.fixture
def objects(address, request):
    if "objects" not in request.node.callspec.id:
        pytest.skip("a folder is no object store")
    return open_lake(address)


def test_other_bytes_than_were_put_are_not_taken_for_the_file(objects, monkeypatch):
    """A store that cuts what it is given: the file is not committed."""
    whole = objects._put

    def cut(path: Path, relative: str) -> None:
        path.write_bytes(path.read_bytes()[:-1])
        whole(path, relative)

    monkeypatch.setattr(objects, "_put", cut)
    with pytest.raises(StorageUnavailable, match="gave back other bytes"):
        put(objects, SAMPLES, b"samples")
    monkeypatch.setattr(objects, "_put", whole)
    assert objects.verified(SAMPLES, put(objects, SAMPLES, b"samples")).read_bytes() == b"samples"


def test_an_object_stays_until_its_copy_among_the_orphans_is_whole(objects, tmp_path, monkeypatch):
    """A store that answers well and copies half."""
    sha256 = put(objects, SAMPLES, b"samples")
    half = tmp_path / "half"
    half.write_bytes(b"sam")
    with monkeypatch.context() as patch:
        patch.setattr(objects, "_copy", lambda _, target: objects._put(half, target), raising=False)
        with pytest.raises(StorageUnavailable, match="nothing was deleted"):
            objects.set_aside([SAMPLES])
    forget_copies(objects)
    assert objects.verified(SAMPLES, sha256).read_bytes() == b"samples"
    objects.set_aside([SAMPLES])
    assert objects.unlisted((), ()) == []


def test_the_copies_on_this_machine_stay_small_and_the_objects_stay(objects, monkeypatch):
    monkeypatch.setattr(object_store, "CACHE_MAX_BYTES", 250)
    sums = {
        number: put(objects, f"samples/s/r{number}-1.parquet", bytes([number]) * 100) for number in range(5)
    }
    assert len(list((objects.root / "samples").rglob("*.parquet"))) == 2
    for number, sha256 in sums.items():
        assert (
            objects.verified(f"samples/s/r{number}-1.parquet", sha256).read_bytes() == bytes([number]) * 100
        )


def test_a_bucket_that_is_not_there_is_named(objects):
    missing = objects.address.replace("s3://fleet-", "s3://nobody-")
    with pytest.raises(StorageUnavailable, match="There is no bucket 'nobody-"):
        open_lake(missing).probe()


def test_a_store_out_of_reach_is_a_sentence_without_secrets(tmp_path, monkeypatch):
    set_credentials(monkeypatch)
    away = open_lake(f"s3://fleet/a?endpoint_override=127.0.0.1:1&scheme=http&region=us-east-1#{tmp_path}")
    for call in (
        away.probe,
        lambda: put(away, SAMPLES, b"a"),
        lambda: away.verified(SAMPLES, "0" * 64),
        lambda: away.unlisted((), ()),
        lambda: away.set_aside([SAMPLES]),
        lambda: away.take_back(f"orphans/{SAMPLES}", SAMPLES),
        away.orphans,
        lambda: away.remove(SAMPLES),
    ):
        with pytest.raises(StorageUnavailable, match="s3://fleet/a cannot be reached") as caught:
            call()
        assert SECRET not in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("s3://", "names no place"),
        ("s3:///prefix", "names no place"),
        ("s3://bucket/../other", "names no place"),
        ("s3://key:secret@bucket/p", "must not hold credentials"),
        ("s3://bucket/p?secret_key=secret", "must not hold credentials"),
        ("s3://bucket/p?endpoint=h", "unknown option 'endpoint'; did you mean endpoint_override"),
        ("s3://[/p", "cannot be read"),
    ],
)
def test_a_wrong_address_is_refused_without_its_secret(text, sentence):
    with pytest.raises(Refused, match=sentence) as caught:
        parse_url(text)
    assert "secret@" not in str(caught.value)
    assert "=secret" not in str(caught.value)
