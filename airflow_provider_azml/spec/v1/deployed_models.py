"""Models of a web service of CLI v1: which, where they come from, and how a deployment of today names them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import local_paths, references
from airflow_provider_azml.spec.references import LATEST, PREFIX
from airflow_provider_azml.spec.v1.no_code import frameworks
from airflow_provider_azml.spec.v1.placed import Placed, put
from airflow_provider_azml.spec.v1.translation import Remark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.marks import Path as Place
    from airflow_provider_azml.spec.source import Source

FOLDER = "models"
"""Folder that several models are gathered in, each in its own below: ``models/<name>/<version>``."""
WRAPPER = "azml_entry.py"
"""Entry script that tells another one where they are."""
_REGISTERED = re.compile(r"(?P<name>[A-Za-z0-9][\w.\-]{0,254})(:(?P<version>\d+|[\w.\-]+))?", re.ASCII)
_PATH = re.compile(r"[/\\]")
_NOT_IN_NAMES = re.compile(r"[^\w.\-]", re.ASCII)
_LONGEST_NAME = 30
_SEVERAL = (
    "v2 takes one model: these go into one folder, as {folder}/<name>/<version>, below AZUREML_MODEL_DIR; the entry "
    "script is told of it by {wrapper}"
)
_DOWNLOADS = """\
The models of the deployment go here, as CLI v1 had them below AZUREML_MODEL_DIR. Azure ML deploys one model, so this
folder is it. Fill it with:

{commands}
"""


@dataclass(frozen=True)
class DeployedModels:
    """The models of a service.

    Args:
        arguments: Where they are named: ``models``, and ``model_framework`` for what is deployed without code.
        framework_version: Version of that framework.
    """

    arguments: Source
    framework_version: str | None = None

    @property
    def names(self) -> Sequence[str]:
        """What names them."""
        return [str(name) for name in self.arguments.value["models"]]

    @property
    def framework(self) -> str | None:
        """The framework of the model, as v1 calls it."""
        word = self.arguments.value.get("model_framework")
        return None if not word else frameworks.named(str(word))

    def problems(self, *, without_code: bool) -> Iterator[Problem]:
        """What is wrong with them.

        Args:
            without_code: Whether nothing says how they are asked.
        """
        for place, name in enumerate(self.names):
            if self.is_local(name) and (_PATH.search(name) or self.arguments.local(name).exists()):
                yield from local_paths.problems(self.arguments, ("models", place), name)
                if len(self.names) > 1:
                    reason = "is a local model, which goes alone; register it first, to deploy it with others"
                    yield self.arguments.problem(("models", place), f"{name!r:.200} {reason}")
            elif registered(name) is None:
                reason = (
                    "is no model: write name:version, name, azureml:name:version, an id, or the path of local files"
                )
                yield self.arguments.problem(("models", place), f"{name!r:.200} {reason}")
        if without_code:
            yield from self._framework_problems()

    def model(self, base: Path) -> Placed | None:
        """What a deployment of v2 says for them; ``None`` where the code brings its model along.

        Args:
            base: Folder that paths of the new file start from.
        """
        if not self.names:
            return None
        if len(self.names) > 1:
            return put({"path": FOLDER, "type": "custom_model"}, self.arguments, "models")
        (name,) = self.names
        if self.is_local(name):
            return put(self._local(name, base), self.arguments, "models", 0)
        return put(reference(name), self.arguments, "models", 0)

    @property
    def files(self) -> Mapping[str, str]:
        """What says how the folder of several models is filled."""
        if len(self.names) < 2:  # noqa: PLR2004 (one, or more)
            return {}
        commands = "\n".join(_download(name) for name in self.names)
        return {f"{FOLDER}/README.txt": _DOWNLOADS.format(commands=commands)}

    @property
    def named(self) -> Mapping[Place, str]:
        """Where that folder is named."""
        return {("model", "path"): FOLDER} if self.files else {}

    @property
    def remarks(self) -> Sequence[Remark]:
        """The choices that were made."""
        found = []
        if self.files:
            found.append(Remark(("model",), _SEVERAL.format(folder=FOLDER, wrapper=WRAPPER)))
        elif self.names and self.is_local(self.names[0]):
            found.append(Remark(("model",), "registered under the name of its file when it is deployed, as v1 did"))
        return found

    def is_local(self, name: str) -> bool:
        """Whether something names files of this machine, and no registered model."""
        if references.is_remote(name) or references.is_registered(name):
            return False
        return registered(name) is None or self.arguments.local(name).exists()

    def name_of(self, name: str) -> str:
        """What a local model is registered as: after its file.

        Source: azureml-core 1.61, ``Webservice.deploy``: the name of the file, cut to 30 characters.
        """
        return _NOT_IN_NAMES.sub("-", self.arguments.local(name).name)[:_LONGEST_NAME]

    def _local(self, name: str, base: Path) -> Mapping[str, Any]:
        local = self.arguments.local(name)
        path = PurePosixPath(os.path.relpath(local, base))
        kind = (
            "mlflow_model" if self.framework == frameworks.MLFLOW or (local / "MLmodel").is_file() else "custom_model"
        )
        return {"name": self.name_of(name).replace(".", "-"), "path": path.as_posix(), "type": kind}

    def _framework_problems(self) -> Iterator[Problem]:
        """What azureml-core refuses of models without an inference configuration."""
        arguments, word = self.arguments, self.arguments.value.get("model_framework")
        if len(self.names) != 1:
            count = "no model" if not self.names else f"{len(self.names)} models"
            yield arguments.problem(("models",), f"{count} cannot be deployed without inference_config; give it")
        elif self.framework is None:
            known = ", ".join(frameworks.NAMES)
            found = f"is {word!r:.80}" if word else "is not known of the model"
            reason = f"{found}; without inference_config it must be one of {known}; give it, or inference_config"
            yield arguments.problem(("model_framework",), reason)


def registered(name: str) -> tuple[str, str | None] | None:
    """Name and version of a registered model, as v1 or v2 names it; ``None`` for what names none.

    Example:
        >>> registered("mymodel:1"), registered("azureml:mymodel@latest"), registered("./model.pkl")
        (('mymodel', '1'), ('mymodel', None), None)
    """
    if references.is_remote(name):
        parts = re.search(r"/models/(?P<name>[^/]+)/(versions|labels)/(?P<version>[^/]+)$", name, re.IGNORECASE)
        return (parts["name"], parts["version"]) if parts else None
    found = _REGISTERED.fullmatch(name.removeprefix(PREFIX).removesuffix(f"@{LATEST}"))
    return (found["name"], found["version"]) if found else None


def reference(name: str) -> str:
    """A registered model as today's files name it.

    Example:
        >>> reference("mymodel:1"), reference("mymodel")
        ('azureml:mymodel:1', 'azureml:mymodel@latest')
    """
    if name.startswith("/subscriptions/"):
        return f"{PREFIX}{name}"
    if references.is_remote(name) or name.startswith(PREFIX):
        return name
    return f"{PREFIX}{name}" if ":" in name else f"{PREFIX}{name}@{LATEST}"


def _download(name: str) -> str:
    found = registered(name)
    assert found is not None  # checked before
    of, version = found
    target = f"{FOLDER}/{of}/{version or '<version>'}"
    which = f"--version {version}" if version else "--label latest"
    return f"    az ml model download --name {of} {which} --download-path {target}"
