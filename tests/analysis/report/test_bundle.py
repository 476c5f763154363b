"""A bundle: the same content makes the same bytes, what went in comes back, and strangers' are held."""

from __future__ import annotations

import contextlib
import json
import stat
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.report import bundle as bundles
from paretofleet_analysis.report.bundle import Bundle, is_bundle, read_bundle, write_bundle

WHOLE = Bundle(
    kind="rank",
    keywords={"use": "offline", "maxima": {"power_w": 0.1 + 0.2}},
    reports=(b"PAR1 one", b"PAR1 two"),
    command="paretofleet rank first",
    versions={"numpy": "2"},
    specifications={"first": {"models": ["zoo:resnet50"]}},
    environments={"e" * 16: {"kernel": "6.1"}},
    notes=("first has not ended.",),
    result='{"rows": []}',
)


@pytest.fixture
def zipped(tmp_path):
    write_bundle(WHOLE, tmp_path / "whole.zip")
    return tmp_path / "whole.zip"


@pytest.fixture
def room(tmp_path):
    (tmp_path / "room").mkdir()
    return tmp_path / "room"


def altered(path, name=None, content=b"", *, without=None, **about):
    """The bundle at `path` with an entry more, changed or missing."""
    changed = path.with_name("altered.zip")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w", about.pop("packed", 0)) as new:
        for entry in old.infolist():
            if entry.filename not in {name, without}:
                new.writestr(entry, old.read(entry))
        if name is not None:
            info = zipfile.ZipInfo(name)
            for key, value in about.items():
                setattr(info, key, value)
            new.writestr(info, content)
    return changed


def with_manifest(path, **changes):
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("bundle.json"))
    return altered(path, "bundle.json", json.dumps({**manifest, **changes}).encode())


def test_the_same_content_makes_the_same_bytes(tmp_path, zipped):
    write_bundle(WHOLE, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == zipped.read_bytes()


def test_what_comes_back_is_what_went_in(zipped, room):
    found = read_bundle(zipped, room)
    assert [path.read_bytes() for path in found.reports] == list(WHOLE.reports)
    assert (found.kind, found.keywords, found.command) == (WHOLE.kind, WHOLE.keywords, WHOLE.command)
    assert (found.specifications, found.environments) == (WHOLE.specifications, WHOLE.environments)
    assert (found.notes, found.result, found.versions) == (WHOLE.notes, WHOLE.result, WHOLE.versions)
    assert is_bundle(zipped)
    assert not is_bundle(room)


def test_samples_go_along_by_their_names(tmp_path, room):
    (tmp_path / "run.parquet").write_bytes(b"samples")
    write_bundle(WHOLE, tmp_path / "more.zip", {"1/date=1/run.parquet": tmp_path / "run.parquet"})
    with zipfile.ZipFile(tmp_path / "more.zip") as archive:
        assert archive.read("samples/1/date=1/run.parquet") == b"samples"
    assert len(read_bundle(tmp_path / "more.zip", room).reports) == 2


@pytest.mark.parametrize(
    "name",
    [
        "../escape.parquet",
        "/etc/passwd",
        "reports/../../x",
        "reports\\x",
        "C:/x",
        "reports/",
        "other.txt",
    ],
)
def test_names_that_leave_the_bundle_are_refused(zipped, room, name):
    with pytest.raises(ReportError):
        read_bundle(altered(zipped, name, b"x"), room)
    assert list(room.parent.glob("escape*")) == []


def test_a_changed_report_is_noticed(zipped, room):
    with pytest.raises(ReportError, match=r"reports/2.parquet is not what the bundle's checksum says"):
        read_bundle(altered(zipped, "reports/2.parquet", b"PAR1 other"), room)
    with pytest.raises(ReportError, match=r"sweeps/first.json is not what"):
        read_bundle(altered(zipped, "sweeps/first.json", b"{}"), room)


def test_what_is_missing_is_named(zipped, room):
    with pytest.raises(ReportError, match=r"lacks reports/1.parquet"):
        read_bundle(altered(zipped, without="reports/1.parquet"), room)
    with pytest.raises(ReportError, match=r"has no bundle.json"):
        read_bundle(altered(zipped, without="bundle.json"), room)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 99},
        {"reports": []},
        {"reports": ["bundle.json"]},
        {"reports": ["reports/1.parquet"] * 2},
        {"reports": [1]},
        {"keywords": []},
        {"notes": [3]},
        {"sha256": None},
    ],
)
def test_a_manifest_that_cannot_be_is_refused(zipped, room, changes):
    with pytest.raises(ReportError):
        read_bundle(with_manifest(zipped, **changes), room)


def test_too_much_is_refused_before_it_is_unpacked(zipped, room, monkeypatch):
    packed = altered(zipped, "samples/zeros", bytes(1 << 20), packed=zipfile.ZIP_DEFLATED)
    monkeypatch.setattr(bundles, "FILE_BYTES_MAX", packed.stat().st_size + 1000)
    monkeypatch.setattr(bundles, "DIRECTORY_BYTES_MAX", 5_000)
    read_bundle(zipped, room)
    big = altered(zipped, "samples/zeros", bytes(1 << 24), compress_type=zipfile.ZIP_DEFLATED)
    assert big.stat().st_size < bundles.FILE_BYTES_MAX
    with pytest.raises(ReportError, match="unpacks to"):
        read_bundle(big, room)
    monkeypatch.setattr(bundles, "ENTRIES_MAX", 3)
    with pytest.raises(ReportError, match="more than 3 entries"):
        read_bundle(zipped, room)
    with pytest.raises(ReportError, match="leave the samples out"):
        write_bundle(WHOLE, zipped)


def test_an_entry_that_lies_about_its_size_is_cut_off(zipped, room):
    changed = altered(zipped, "reports/2.parquet", bytes(5000), compress_type=zipfile.ZIP_DEFLATED)
    raw = bytearray(changed.read_bytes())
    at = raw.rfind(b"PK\x01\x02", 0, raw.rfind(b"reports/2.parquet"))
    struct.pack_into("<I", raw, at + 24, 8)
    changed.write_bytes(raw)
    with pytest.raises(ReportError):
        read_bundle(changed, room)


def test_no_zip_at_all_is_one_sentence(tmp_path, room):
    for content in (b"", b"PAR1", b"PK\x05\x06", b"PK\x05\x06" + bytes(18), b"PK\x05\x06" + b"\xff" * 18):
        (tmp_path / "no.zip").write_bytes(content)
        with pytest.raises(ReportError) as refused:
            read_bundle(tmp_path / "no.zip", room)
        assert "\n" not in str(refused.value)
    with pytest.raises(ReportError, match="cannot be read"):
        read_bundle(tmp_path / "gone.zip", room)


def test_a_link_is_a_file_with_its_target_as_text(zipped, room):
    link = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(ReportError, match="checksum"):
        read_bundle(altered(zipped, "reports/1.parquet", b"/etc/passwd", external_attr=link), room)
    assert not any(path.is_symlink() for path in room.iterdir())


@given(st.data())
def test_a_damaged_bundle_never_does_more_than_refuse(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    write_bundle(WHOLE, folder / "b.zip")
    raw = bytearray((folder / "b.zip").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    (folder / "b.zip").write_bytes(raw)
    (folder / "room").mkdir()
    with contextlib.suppress(ReportError):
        read_bundle(folder / "b.zip", folder / "room")
