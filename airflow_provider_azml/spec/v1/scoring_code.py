"""The code of a web service of CLI v1, as a deployment of today has it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from airflow_provider_azml.spec.v1 import environments
from airflow_provider_azml.spec.v1.deployed_models import FOLDER, WRAPPER
from airflow_provider_azml.spec.v1.inference import RETIRED, SERVERS
from airflow_provider_azml.spec.v1.no_code import frameworks
from airflow_provider_azml.spec.v1.placed import Placed, gathered, put, unless_empty
from airflow_provider_azml.spec.v1.translation import Remark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.spec.marks import Path as Place
    from airflow_provider_azml.spec.v1.deployed_models import DeployedModels
    from airflow_provider_azml.spec.v1.inference import InferenceConfig

CODE = "code"
"""Folder for a script that goes alone, or that is called by another one."""
_CODE_PLACE: Place = ("code_configuration", "code")
_WRAPPED = '''\
"""Entry script of several models: it shows them to {script} where CLI v1 had them, right below AZUREML_MODEL_DIR."""

import importlib.util
import os
import sys
from pathlib import Path

os.environ["AZUREML_MODEL_DIR"] = str(Path(os.environ["AZUREML_MODEL_DIR"], "{folder}"))
script = Path(__file__).resolve().parent / "{script}"
sys.path.insert(0, str(script.parent))
spec = importlib.util.spec_from_file_location("service_driver", script)
driver = importlib.util.module_from_spec(spec)
spec.loader.exec_module(driver)
init, run = driver.init, driver.run
'''


@dataclass(frozen=True)
class ScoringCode:
    """What asks the models of a service.

    Args:
        inference: Its inference configuration; ``None`` for what is deployed without code.
        models: Its models.
    """

    inference: InferenceConfig | None
    models: DeployedModels

    def members(self) -> Mapping[str, Placed | None]:
        """The keys of the deployment, whose paths start where those of the inference configuration do."""
        if self.inference is None:
            return self._without_code()
        source, inference = self.inference.source, self.inference
        script = PurePosixPath(inference.script)
        code = put(CODE if self._is_staged else inference.folder, source, "sourceDirectory")
        if inference.folder is None:
            script = PurePosixPath(script.name)
        name = put(WRAPPER if self._is_wrapped else script.as_posix(), source, "entryScript")
        return {
            "code_configuration": gathered({"code": code, "scoring_script": name}, source),
            "environment": inference.environment(source.base_path),
            "environment_variables": unless_empty(gathered(inference.variables, source, "environment")),
        }

    @property
    def files(self) -> Mapping[str, str]:
        """Scripts that v1 had no file for."""
        if self.inference is None:
            made = self._framework
            return {} if made is None else {f"{frameworks.FOLDER}/{frameworks.SCRIPT}": made.script}
        if not self._is_wrapped:
            return {}
        script = PurePosixPath(self.inference.script)
        named = script if self.inference.folder else script.name
        return {f"{CODE}/{WRAPPER}": _WRAPPED.format(script=named, folder=FOLDER)}

    @property
    def copies(self) -> Mapping[str, Path]:
        """Files of v1 that have to stand beside those."""
        if self.inference is None or not self._is_staged:
            return {}
        script = self.inference.script_file
        if self.inference.folder is None:
            return {f"{CODE}/{PurePosixPath(self.inference.script).name}": script}
        return {CODE: self.inference.code}

    @property
    def named(self) -> Mapping[Place, str]:
        """Where the folder of these is named."""
        folder = frameworks.FOLDER if self.inference is None else CODE
        return {_CODE_PLACE: folder} if self.files or self.copies else {}

    @property
    def remarks(self) -> Sequence[Remark]:
        """The choices that were made."""
        found = []
        if self._framework is not None:
            text = f"made for {self._framework.name}, with the interface of the service of v1, which had one of its own"
            found.append(Remark(("code_configuration",), text))
            found.append(Remark(("environment",), self._of_version))
        if self.inference is not None:
            if self.inference.folder is None:
                text = "without a source directory v1 sent the entry script alone"
                found.append(Remark(("code_configuration",), text))
            if self.inference.registered_name[0] in RETIRED:
                text = f"{self.inference.registered} is retired; this is what v1 installs where nothing is said"
                found.append(Remark(("environment",), text))
            named = self.inference.written_out
            if named:
                found.append(Remark(("environment",), named))
            if self.inference.lacks_server:
                text = f"its packages must have {' or '.join(SERVERS)}, unless the image has"
                found.append(Remark(("environment",), text))
        return found

    @property
    def _framework(self) -> frameworks.Framework | None:
        name = self.models.framework
        return frameworks.framework(name) if self.inference is None and name else None

    @property
    def _is_wrapped(self) -> bool:
        return len(self.models.names) > 1

    @property
    def _is_staged(self) -> bool:
        """Whether the code has to be brought together in a folder of its own."""
        return self._is_wrapped or (self.inference is not None and self.inference.folder is None)

    def _without_code(self) -> Mapping[str, Placed | None]:
        arguments, made = self.models.arguments, self._framework
        if made is None:  # of MLflow v2 knows how to ask
            return {}
        code = {"code": frameworks.FOLDER, "scoring_script": frameworks.SCRIPT}
        environment = {"image": environments.IMAGE, "conda_file": made.conda(self.models.framework_version)}
        return {
            "code_configuration": put(code, arguments, "model_framework"),
            "environment": put(environment, arguments, "model_framework"),
        }

    @property
    def _of_version(self) -> str:
        made, version = self._framework, self.models.framework_version
        assert made is not None  # asked for then alone
        if version and made.installed(version) != made.package:
            return f"{made.name} {version}, which the model says that it was made with"
        why = f"{version} does not run any more" if version else "the model does not say which it was made with"
        return f"the newest {made.name}, as {why}; name a version if it cannot load the model"
