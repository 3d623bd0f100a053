"""What one submission reads from the disk: every AML file and every local folder once, whoever names it."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.snapshot import Snapshot
    from airflow_provider_azml.spec.marks import Marks
    from airflow_provider_azml.spec.node_components import Used
    from airflow_provider_azml.spec.pipeline_graph import Graph


@dataclass(frozen=True)
class Opened:
    """What a file and all that it pulls in share.

    Args:
        follow_symlinks: Upload what links inside a folder lead to, even outside of it.
        files: Content of the AML files that were read, by their path with links followed.
        snapshots: What local files and folders amount to, or why they cannot be uploaded.
        components: What stands in bodies for each component file, by how it is said to have been named.
        component_problems: What is wrong with each component file.
        component_inputs: What each file of a pipeline component declares as inputs.
        graphs: The graphs of pipelines, by what tells their sources apart; each keeps its source.
        paths: Paths as they were named, and where they lead.
        named: The same of paths that start from a folder.
        short: Such paths without the steps that lead back.
    """

    follow_symlinks: bool = False
    files: dict[Path, tuple[Json, Marks]] = field(default_factory=dict)
    snapshots: dict[tuple[Path, ...], Snapshot | list[str]] = field(default_factory=dict)
    components: dict[tuple[Path, str], Used] = field(default_factory=dict)
    component_problems: dict[Path, Sequence[Problem]] = field(default_factory=dict)
    component_inputs: dict[Path, Json] = field(default_factory=dict)
    graphs: dict[tuple[int, int, tuple[str | int, ...]], Graph] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)
    named: dict[tuple[Path, str], Path] = field(default_factory=dict)
    short: dict[tuple[Path, str], Path] = field(default_factory=dict)

    @cached_property
    def scratch(self) -> Path:
        """A folder for what is made to be uploaded; it goes when nobody needs what was read any more."""
        folder = tempfile.mkdtemp(prefix="azml-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    def local(self, folder: Path, path: str) -> Path:
        """A path that starts from a folder, with links followed; many parts of a file name the same."""
        if (folder, path) not in self.named:
            self.named[folder, path] = self.real(folder / path)
        return self.named[folder, path]

    def shown(self, folder: Path, path: str) -> Path:
        """A path that starts from a folder, as messages show it."""
        if (folder, path) not in self.short:
            whole = folder / path
            short = Path(os.path.normpath(whole))
            # a step back from a link leads elsewhere than to where the link is
            is_same = ".." not in whole.parts or self.real(short) == self.real(whole)
            self.short[folder, path] = short if is_same else whole
        return self.short[folder, path]

    def real(self, path: Path) -> Path:
        """A path with links followed where that is possible; asked of the disk once, which is slow."""
        if str(path) not in self.paths:
            try:
                self.paths[str(path)] = path.resolve()
            except (OSError, RuntimeError, ValueError):  # links in a circle; a NUL or half a character in it
                self.paths[str(path)] = path
        return self.paths[str(path)]
