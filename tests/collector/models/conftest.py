"""Files of the zoo, each built once for the session, and small ONNX graphs."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from paretofleet_collector.models import zoo


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], zoo.Built]:
    """built(name): the network's file, written at its first use."""
    folder = tmp_path_factory.mktemp("zoo")
    done: dict[str, zoo.Built] = {}

    def get(name: str) -> zoo.Built:
        if name not in done:
            done[name] = zoo.build(name, folder / f"{name}.onnx")
        return done[name]

    return get


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """save(text or model or bytes): the path of a file with it."""

    def to_file(content: str | bytes | onnx.ModelProto, name: str = "model.onnx") -> Path:
        path = tmp_path / name
        if isinstance(content, str):
            content = onnx.parser.parse_model(content)
        path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
        return path

    return to_file
