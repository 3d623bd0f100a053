"""The file that tells which workspace a folder belongs to: ``config.json``, alone or in ``.azureml``.

Source: azureml-core 1.61 (``Workspace.from_config``, ``azureml._project.project_info``) and azure-ai-ml 1.35.2
(``MLClient.from_config``), which look for it alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec import source as sources

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

FOLDER = ".azureml"
FILE = "config.json"
_FOLDERS = (FOLDER, "aml_config", "")
_FILES = (FILE, "project.json")
_KEYS = {"subscription_id": "subscription_id", "resource_group": "resource_group", "workspace": "workspace_name"}
_SCOPE = re.compile(
    r"/subscriptions/(?P<subscription_id>[^/]+)/resourceGroups/(?P<resource_group>[^/]+)"
    r"/providers/Microsoft\.MachineLearningServices/workspaces/(?P<workspace>[^/]+)(/projects/(?P<experiment>[^/]+))?/?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class WorkspaceConfig:
    """A workspace, as a folder names it.

    Args:
        subscription_id: Its subscription.
        resource_group: Its resource group.
        workspace: Its name.
        experiment_name: The experiment of the folder, where one is named.
    """

    subscription_id: str
    resource_group: str
    workspace: str
    experiment_name: str | None = None

    def body(self) -> Json:
        """What the file holds: the keys of v2, and the scope in which v1 kept the experiment too."""
        keys = {key: getattr(self, name) for name, key in _KEYS.items()}
        if self.experiment_name is None:
            return keys
        workspace = (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"
        )
        return {**keys, "Scope": f"{workspace}/projects/{self.experiment_name}"}


def found(path: Path) -> WorkspaceConfig:
    """The workspace that a file names, or that of a folder or of one around it.

    Args:
        path: The file, or the folder to begin in; ``.azureml`` of all folders around it comes before a file beside.

    Raises:
        SpecError: There is none, or it does not name a workspace.

    Example:
        >>> found(Path("project/src"))  # where project/.azureml/config.json is
        WorkspaceConfig(subscription_id='...', resource_group='ml', workspace='forecasts', experiment_name=None)
    """
    file = path if path.is_file() else next(_files_above(path.absolute()), None)
    if file is None:
        reason = f"there is no {FOLDER}/{FILE} nor {FILE} here or in a folder around; 'azml folder attach' writes one"
        raise SpecError([Problem(str(path), 0, 0, "", reason)])
    return _read(sources.as_written(file))


def _files_above(path: Path) -> Iterator[Path]:
    for folder, name in product(_FOLDERS, _FILES):
        for above in (path, *path.parents):
            file = above / folder / name
            if file.is_file():
                yield file


def _read(source: Source) -> WorkspaceConfig:
    scope = source.value.get("Scope")
    if scope:
        told = _SCOPE.fullmatch(str(scope))
        if told is None:
            reason = "is no scope of a workspace: /subscriptions/.../workspaces/<workspace>/projects/<experiment>"
            raise SpecError([source.problem(("Scope",), reason)])
        return WorkspaceConfig(told["subscription_id"], told["resource_group"], told["workspace"], told["experiment"])
    missing = [key for key in _KEYS.values() if not isinstance(source.value.get(key), str) or not source.value[key]]
    if missing:
        raise SpecError([source.problem((), f"{key!r} is missing, a text") for key in missing])
    return WorkspaceConfig(**{name: source.value[key] for name, key in _KEYS.items()})
