"""A user's samples on their way to the collector: a file or a folder becomes one .npz, always the same."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paretofleet_collector.cli.progress import Transfer
from paretofleet_collector.datasets.members import check_unpacked
from paretofleet_collector.errors import Refused, misused

if TYPE_CHECKING:
    import numpy as np

    from paretofleet_collector.rpc.client import Client

#: Of all arrays together; a longer upload would end where the collector's own limit stands.
BYTES_MAX = 2 << 30
#: A time that every .npz has that is packed here, so that the same arrays are the same file.
_ALWAYS = (1980, 1, 1, 0, 0, 0)


def send_files(client: Client, paths: Sequence[str]) -> dict[str, str]:
    """Uploads what is at `paths` unless the collector has it; the SHA-256 of each by its path.

    Raises Refused where there is nothing, or what cannot be read.
    """
    hashes = {}
    for path in paths:
        with packed(Path(path)) as file, Transfer(Path(path).name) as transfer:
            hashes[path] = client.add_inputs(file, Path(path).name, transfer.at).sha256
    return hashes


@contextmanager
def packed(path: Path) -> Iterator[Path]:
    """The .npz with the samples at `path`, which stays while the block runs; raises Refused.

    An .npz is taken as it is. Of a folder the arrays are those of its .npy files, each called like its file,
    or those of its .npz files, one file's samples behind the other's in the order of their names.
    """
    if path.suffix == ".npz" and path.is_file():
        _check_size(path, path.stat().st_size)  # before it is hashed and sent
        yield path
        return
    if not path.exists():
        raise misused(f"{path} does not exist; name an .npz file, an .npy file or a folder of them.")
    arrays = _arrays_of(path)
    with tempfile.TemporaryDirectory(prefix="paretofleet-") as folder:
        target = Path(folder) / "samples.npz"
        _write(target, arrays)
        yield target


def _arrays_of(path: Path) -> dict[str, Any]:
    if path.is_file():
        if path.suffix != ".npy":
            raise misused(f"{path} is not a file of samples: name an .npz file, an .npy file or a folder.")
        return {path.stem: _read(path)}
    rows, packs = sorted(path.glob("*.npy")), sorted(path.glob("*.npz"))
    if bool(rows) == bool(packs):
        why = "both .npy and .npz files" if rows else "no .npy and no .npz file"
        raise Refused(f"{path} holds {why}: keep either arrays (NAME.npy) or samples (.npz) in the folder.")
    _check_size(path, sum(each.stat().st_size for each in rows or packs))
    if rows:
        return {each.stem: _read(each) for each in rows}
    return _joined(path, [(each, _read(each)) for each in packs])


def _check_size(path: Path, total: int) -> None:
    if total > BYTES_MAX:
        raise Refused(
            f"{path} holds {total:,} bytes; at most {BYTES_MAX:,} are accepted: keep fewer samples."
        )


def _joined(path: Path, packs: Sequence[tuple[Path, Any]]) -> dict[str, Any]:
    """The arrays of several files, one's samples behind the other's."""
    import numpy as np

    names = sorted(packs[0][1])
    parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for file, arrays in packs:
        if sorted(arrays) != names:
            raise Refused(
                f"{file} has the arrays {', '.join(sorted(arrays))}, other files {', '.join(names)}."
            )
        for name in names:
            parts[name].append(arrays[name])
    try:
        return {name: np.concatenate(each) for name, each in parts.items()}
    except ValueError as error:
        raise Refused(f"{path}: its files do not fit one another ({error}): give them one shape.") from None


def _read(file: Path) -> Any:
    """An array, or those of an .npz by their names."""
    import numpy as np

    try:
        check_unpacked(file, BYTES_MAX)
        read = np.load(file, allow_pickle=False)
        return {name: read[name] for name in read.files} if file.suffix == ".npz" else read
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise Refused(f"{file} cannot be read as samples ({error}): write it with numpy.save.") from None


def _write(target: Path, arrays: Mapping[str, Any]) -> None:
    import numpy as np

    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            member = zipfile.ZipInfo(f"{name}.npy", _ALWAYS)
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.ascontiguousarray(arrays[name]), allow_pickle=False)
