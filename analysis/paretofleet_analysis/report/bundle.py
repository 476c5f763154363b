"""What somebody else needs to compute a result again: a zip file of reports, what was asked, and sources.

The same content makes the same bytes: entries in order of their names, no times, nothing compressed (reports
are). Entries: `bundle.json` (what was asked of whom, versions, checksums), `reports/N.parquet`, and where
there are any `sweeps/NAME.json` (specifications), `environments.json`, `samples/..`, `result.json`.
A bundle comes from strangers: sizes, names and checksums are held before anything is believed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.whole_file import written_whole

FORMAT = 1
MANIFEST, ENVIRONMENTS, RESULT = "bundle.json", "environments.json", "result.json"
#: Of the file, of one text in it, and of its directory; and how many entries it may have.
FILE_BYTES_MAX, TEXT_BYTES_MAX, DIRECTORY_BYTES_MAX = 1 << 30, 64 << 20, 4 << 20
ENTRIES_MAX = 20_000
REPORTS_MAX = 100
_NAME = re.compile(r"(?:[A-Za-z0-9_=][A-Za-z0-9._=-]{0,127}/){0,8}[A-Za-z0-9_=][A-Za-z0-9._=-]{0,127}")
_KINDS = ("reports/", "sweeps/", "samples/")
_REPORT = re.compile(r"reports/[0-9]{1,3}\.parquet")
_END, _END_BYTES, _COMMENT_MAX = b"PK\x05\x06", 22, 65_535
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Bundle:
    """What a bundle holds beside samples.

    `kind`: of the result, such as "rank"; `keywords` and `command`: what was asked, JSON-ready. `reports` in
    their order, each its file or its content; `specifications` by sweep and `environments` by id, JSON-ready;
    `notes` that stood beside the result; `result`: its JSON, or None.
    """

    kind: str
    keywords: Mapping[str, Any]
    reports: Sequence[Path | bytes]
    command: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    specifications: Mapping[str, Any] = field(default_factory=dict)
    environments: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    result: str | None = None


def write_bundle(bundle: Bundle, path: Path, samples: Mapping[str, Path] | None = None) -> None:
    """Writes a `bundle` to `path`, whole or not at all; `samples`: files by their relative names.

    Raises ReportError where it would be larger than a reader takes, or cannot be written.
    """
    entries = _entries(bundle, samples or {})
    sizes = [len(each) if isinstance(each, bytes) else each.stat().st_size for each in entries.values()]
    if sum(sizes) > FILE_BYTES_MAX or len(entries) > ENTRIES_MAX:
        raise ReportError(
            f"the bundle would have {sum(sizes):,} bytes in {len(entries):,} files; at most "
            f"{FILE_BYTES_MAX:,} in {ENTRIES_MAX:,} are read: leave the samples out"
        )
    with (
        written_whole(path, "a bundle") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive,
    ):
        for entry in sorted(entries):
            _add(archive, entry, entries[entry])


def _entries(bundle: Bundle, samples: Mapping[str, Path]) -> dict[str, bytes | Path]:
    reports = {f"reports/{at}.parquet": report for at, report in enumerate(bundle.reports, start=1)}
    entries: dict[str, bytes | Path] = dict(reports)
    for name, specification in bundle.specifications.items():
        entries[f"sweeps/{_file_name(name)}.json"] = _json(specification)
    if bundle.environments:
        entries[ENVIRONMENTS] = _json(bundle.environments)
    entries |= {f"samples/{name}": file for name, file in samples.items() if _NAME.fullmatch(name)}
    if bundle.result is not None:
        entries[RESULT] = bundle.result.encode()
    manifest = {
        "format": FORMAT,
        "kind": bundle.kind,
        "command": bundle.command,
        "keywords": dict(bundle.keywords),
        "versions": dict(bundle.versions),
        "notes": list(bundle.notes),
        "reports": list(reports),
        "sha256": {name: _sha256(entries[name]) for name in sorted(entries)},
    }
    return {**entries, MANIFEST: _json(manifest)}


def _file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")[:100] or "sweep"


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True) + "\n").encode()


def _sha256(entry: bytes | Path) -> str:
    if isinstance(entry, bytes):
        return hashlib.sha256(entry).hexdigest()
    with entry.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _add(archive: zipfile.ZipFile, name: str, entry: bytes | Path) -> None:
    """Adds an entry that has no time and no owner."""
    about = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    about.create_system, about.external_attr = 3, (stat.S_IFREG | 0o644) << 16
    with archive.open(about, "w") as target:
        if isinstance(entry, bytes):
            target.write(entry)
            return
        with entry.open("rb") as source:
            while block := source.read(_BLOCK):
                target.write(block)


def is_bundle(path: Path) -> bool:
    """Whether `path` is called like a bundle and is a file."""
    return path.suffix.lower() == ".zip" and path.is_file()


def read_bundle(path: Path, folder: Path) -> Bundle:
    """The bundle at `path`, its reports unpacked into `folder`; samples stay in it.

    Raises ReportError with one sentence for a file that is none, is too large, has too many or odd entries,
    or whose content is not what its checksums say.
    """
    with _opened(path) as (archive, names):
        manifest = _manifest(archive, path)
        due = manifest["sha256"]
        reports = []
        for name in manifest["reports"]:
            target = folder / Path(name).name
            with archive.open(name) as source, target.open("wb") as file:
                _copy(source, file, archive.getinfo(name).file_size, path, name)
            if _sha256(target) != due.get(name):
                raise ReportError(f"{path}: {name} is not what the bundle's checksum says; ask for it again")
            reports.append(target)
        texts = {}
        for name in (ENVIRONMENTS, RESULT, *sorted(n for n in names if n.startswith("sweeps/"))):
            if name in names:
                texts[name] = _text(archive, name, path)
                if hashlib.sha256(texts[name]).hexdigest() != due.get(name):
                    raise ReportError(
                        f"{path}: {name} is not what the bundle's checksum says; ask for it again"
                    )
    result = texts.pop(RESULT, None)
    environments = texts.pop(ENVIRONMENTS, None)
    return Bundle(
        kind=manifest["kind"],
        keywords=manifest["keywords"],
        reports=tuple(reports),
        command=manifest["command"],
        versions=manifest["versions"],
        specifications={Path(name).stem: _parsed(text, path, name) for name, text in texts.items()},
        environments={} if environments is None else _parsed(environments, path, ENVIRONMENTS),
        notes=tuple(manifest["notes"]),
        result=None if result is None else result.decode("utf-8", "replace"),
    )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, set[str]]]:
    """The zip file at `path` and the names in it, held against the limits; what fails is ReportError."""
    try:
        with path.open("rb") as file:
            _check_end(file, path)
            with zipfile.ZipFile(file) as archive:
                yield archive, _checked_names(archive, path)
    except OSError as error:
        raise ReportError(f"{path} cannot be read: {error.strerror or error}; choose another") from error
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        EOFError,
        ValueError,
        struct.error,
    ) as error:
        if isinstance(error, ReportError):
            raise
        raise ReportError(f"{path} is no bundle: its zip file is damaged or of another kind") from error


def _check_end(file: IO[bytes], path: Path) -> None:
    """Raises ReportError for a file, or a directory in it, that is too large to be looked at."""
    size = file.seek(0, os.SEEK_END)
    if size > FILE_BYTES_MAX:
        raise ReportError(f"{path} has {size:,} bytes and at most {FILE_BYTES_MAX:,} are read")
    file.seek(max(0, size - _END_BYTES - _COMMENT_MAX))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_BYTES:
        raise ReportError(f"{path} is no bundle: it is not a zip file")
    entries, directory = struct.unpack_from("<HI", tail, at + 10)
    if entries > ENTRIES_MAX or directory > DIRECTORY_BYTES_MAX:
        raise ReportError(
            f"{path} has more than {ENTRIES_MAX:,} entries, or names beyond measure: it is no bundle"
        )


def _checked_names(archive: zipfile.ZipFile, path: Path) -> set[str]:
    names: set[str] = set()
    total = 0
    for entry in archive.infolist():
        name = entry.filename
        is_known = name in (MANIFEST, ENVIRONMENTS, RESULT) or name.startswith(_KINDS)
        if not is_known or not _NAME.fullmatch(name) or entry.is_dir():
            raise ReportError(f"{path} holds {name[:80]!r}, which is no entry of a bundle")
        if name in names:
            raise ReportError(f"{path} holds {name!r} twice: it is no bundle")
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ReportError(f"{path}: {name} is encrypted or packed in a way that is not read")
        names.add(name)
        total += entry.file_size
    if total > FILE_BYTES_MAX:
        raise ReportError(f"{path} unpacks to {total:,} bytes and at most {FILE_BYTES_MAX:,} are read")
    return names


def _copy(source: IO[bytes], target: IO[bytes], size: int, path: Path, name: str) -> None:
    """Copies what an entry says it holds and no more."""
    left = size
    while block := source.read(min(_BLOCK, left + 1)):
        left -= len(block)
        if left < 0:
            raise ReportError(f"{path}: {name} unpacks to more than it says: it is no bundle")
        target.write(block)


def _text(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    with archive.open(name) as source:
        text = source.read(TEXT_BYTES_MAX + 1)
    if len(text) > TEXT_BYTES_MAX:
        raise ReportError(f"{path}: {name} has more than {TEXT_BYTES_MAX:,} bytes")
    return text


def _parsed(text: bytes, path: Path, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{path}: {name} is no JSON") from error


def _manifest(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    """What `bundle.json` says, every part of it of its kind."""
    try:
        manifest: dict[str, Any] = _parsed(_text(archive, MANIFEST, path), path, MANIFEST)
    except KeyError as error:
        raise ReportError(f"{path} has no {MANIFEST}: it is no bundle of paretofleet") from error
    kinds: dict[str, type] = {
        "format": int,
        "kind": str,
        "command": str,
        "keywords": dict,
        "versions": dict,
        "notes": list,
        "reports": list,
        "sha256": dict,
    }
    is_whole = isinstance(manifest, dict) and all(
        isinstance(manifest.get(key), kind) for key, kind in kinds.items()
    )
    if not is_whole or manifest["format"] > FORMAT:
        raise ReportError(
            f"{path}: {MANIFEST} is of a newer version or damaged: upgrade paretofleet-analysis"
        )
    names = manifest["reports"]
    is_named = all(isinstance(name, str) and _REPORT.fullmatch(name) for name in names)
    if not names or not is_named or len(set(names)) != len(names) or len(names) > REPORTS_MAX:
        raise ReportError(f"{path}: {MANIFEST} names no reports, or ones that cannot be")
    missing = set(names) - set(archive.namelist())
    if missing:
        raise ReportError(f"{path} lacks {min(missing)}, which {MANIFEST} names")
    if not all(isinstance(note, str) for note in manifest["notes"]):
        raise ReportError(f"{path}: {MANIFEST} has notes that are no texts")
    return manifest
