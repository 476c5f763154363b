"""Builds the native kernel into the wheel, and beside its source for an editable installation.

Without a C compiler the wheel is pure Python and the analysis uses numpy.
"""
# ruff: noqa: INP001

from __future__ import annotations

import importlib.util
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = "paretofleet_analysis/pareto/kernel"


class NativeKernelHook(BuildHookInterface[Any]):
    """Compiles the kernel; the wheel then runs on this platform only and says so in its tag."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Called by hatchling before the files of a wheel are collected."""
        build = self._build_module()
        # pip asks twice in one installation, for the metadata and for the wheel
        why_not = None if build.is_compiled() else build.compile_kernel()
        if why_not is not None:
            self.app.display_warning(f"the native kernel was not built: {why_not}")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["artifacts"].append(f"/{FOLDER}/{build.LIBRARY.name}")

    def _build_module(self) -> ModuleType:
        path = Path(self.root, FOLDER, "build.py")
        spec = importlib.util.spec_from_file_location("build_kernel", path)
        if spec is None or spec.loader is None:
            raise FileNotFoundError(path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
