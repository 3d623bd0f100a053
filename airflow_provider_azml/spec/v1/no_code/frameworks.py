"""Frameworks whose models CLI v1 deployed without a script, and what v2 needs for them.

Sources: https://learn.microsoft.com/azure/machine-learning/v1/how-to-deploy-no-code-deployment; azureml-core 1.61,
``azureml.core.model.Model.Framework`` and ``build_and_validate_no_code_environment_image_request``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from airflow_provider_azml.spec.rules import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.rest.flows import Json

FOLDER = "no_code"
"""Folder that the script is written to."""
SCRIPT = "score.py"
MLFLOW = "MLflow"
"""The one framework that v2 deploys without a script too."""
_SERVER = "azureml-inference-server-http"
_PYTHON = "3.10"
_OLDER_PYTHON = "3.8"
_NOT_LETTERS = re.compile(r"[^a-z0-9]")
_VERSION = re.compile(r"\d+(\.\d+)*")


@dataclass(frozen=True)
class Framework:
    """A framework of models.

    Args:
        name: As v1 calls it.
        package: The package that has to have the version that the model was made with.
        others: What the script and the models need besides.
        oldest: The oldest version that today's Pythons run; older ones are not asked for.
        module: The file with its script.
    """

    name: str
    package: str
    others: Sequence[str]
    oldest: tuple[int, ...]
    module: str

    def installed(self, version: str | None) -> str:
        """The package with the version that is asked for."""
        usable = version and _VERSION.fullmatch(version) and _numbers(version) >= self.oldest
        return f"{self.package}=={version}" if usable else self.package

    def conda(self, version: str | None) -> Json:
        """The conda file of its environment.

        Args:
            version: Of the framework that the model was made with.
        """
        packages = [_SERVER, self.installed(version), *self.others]
        return {
            "name": "no-code",
            "channels": ["conda-forge"],
            "dependencies": [f"python={self._python(version)}", "pip", {"pip": packages}],
        }

    @property
    def script(self) -> str:
        """The text of its scoring script."""
        return (resources.files(__package__) / self.module).read_text("utf-8")

    def _python(self, version: str | None) -> str:
        is_old = self.name == "ScikitLearn" and version and (0, 22) <= _numbers(version) < (1, 0)
        return _OLDER_PYTHON if is_old else _PYTHON


FRAMEWORKS: Sequence[Framework] = (
    Framework(
        "ScikitLearn",
        "scikit-learn",
        ("dill", "joblib", "numpy", "pandas", "scipy", "sklearn-pandas"),
        (0, 22),
        "score_scikit_learn.py",
    ),
    Framework("Onnx", "onnxruntime", ("numpy",), (1, 12), "score_onnx.py"),
    Framework("TensorFlow", "tensorflow", (), (2, 8), "score_tensorflow.py"),
)
_WORDS: Mapping[str, str] = {
    **{each.name.lower(): each.name for each in FRAMEWORKS},
    "sklearn": "ScikitLearn",
    "onnxruntime": "Onnx",
    "tf": "TensorFlow",
    "savedmodel": "TensorFlow",
    "mlflow": MLFLOW,
    "mlflowmodel": MLFLOW,
}
"""What says which framework, in small letters and digits."""
NAMES = (*(each.name for each in FRAMEWORKS), MLFLOW)
_KEYS = ("model_framework", "modelFramework", "framework")
_VERSION_KEYS = ("model_framework_version", "modelFrameworkVersion", "framework_version", "frameworkVersion")


def named(word: str) -> str | None:
    """The framework that a word means, as v1 calls it; ``None`` for one whose models need a script.

    Example:
        >>> named("scikit-learn")
        'ScikitLearn'
    """
    return _WORDS.get(_NOT_LETTERS.sub("", word.lower()))


def framework(name: str) -> Framework | None:
    """The row of a framework; ``None`` where v2 needs no script for it, or there is no such row."""
    return next((each for each in FRAMEWORKS if each.name == name), None)


def of_model(version: Json) -> tuple[str | None, str | None]:
    """The framework of a registered model, and its version, as far as the model says them.

    Args:
        version: The model version, as Resource Manager shows it.

    Returns:
        The framework, as :func:`named` has it or as the model says it, and the version of the framework.
    """
    shown = mapping(version.get("properties"))
    if str(shown.get("modelType")).lower() == "mlflow_model":
        return MLFLOW, None
    said = {**mapping(shown.get("tags")), **mapping(shown.get("properties"))}
    word = next((str(said[key]) for key in _KEYS if said.get(key)), None)
    release = next((str(said[key]) for key in _VERSION_KEYS if said.get(key)), None)
    if word is None:
        flavors = [name for name in mapping(shown.get("flavors")) if named(name)]
        word = flavors[0] if flavors else None
    return (None if word is None else named(word) or word), release


def _numbers(version: str) -> tuple[int, ...]:
    found = _VERSION.match(version)
    return tuple(map(int, found[0].split("."))) if found else ()
