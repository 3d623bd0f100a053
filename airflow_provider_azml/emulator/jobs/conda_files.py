"""Conda files of environments, read as the requirements that pip would need for the same packages."""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml

from airflow_provider_azml.exceptions import AzmlError

_NAMED_ALIKE = (
    "absl-py aiohttp altair bokeh boto3 catboost click cloudpickle cython dask dill fastapi fastparquet flask "
    "fsspec gunicorn h5py holidays httpx imbalanced-learn ipykernel ipython jinja2 joblib jsonschema jupyter "
    "keras lightgbm lxml matplotlib mlflow mlflow-skinny networkx nltk notebook numba numexpr numpy onnx "
    "onnxruntime openpyxl optuna packaging pandas pillow plotly polars protobuf psutil psycopg2 pyarrow pydantic "
    "pyspark pytest python-dateutil python-dotenv pytz pyyaml regex requests rich s3fs scikit-image scikit-learn "
    "scipy seaborn sentencepiece setuptools shap six skl2onnx spacy sqlalchemy statsmodels sympy tabulate "
    "tensorboard tensorflow threadpoolctl tokenizers toolz torchaudio torchvision tqdm transformers "
    "typing-extensions urllib3 wheel xarray xgboost xlrd"
)
PIP_NAMES = {name: name for name in _NAMED_ALIKE.split()} | {
    "attrs": "attrs",
    "certifi": "certifi",
    "dask-core": "dask",
    "jupyter_client": "jupyter-client",
    "lightning": "lightning",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "opencv": "opencv-python-headless",
    "py-opencv": "opencv-python-headless",
    "py-xgboost": "xgboost",
    "pytables": "tables",
    "pytorch": "torch",
    "seaborn-base": "seaborn",
    "tensorflow-base": "tensorflow",
    "typing_extensions": "typing-extensions",
}
"""Conda name -> name on the Python package index, for packages that are the same thing in both."""

_MEANINGLESS_HERE = frozenset({"python", "pip", "ca-certificates", "openssl"})
_SPEC = re.compile(r"^(?:[\w.\-/]+::)?(?P<name>[A-Za-z0-9_.\-]+)\s*(?P<version>.*)$")


class CondaFileError(AzmlError):
    """A conda file holds something that pip cannot provide, or is not a conda file."""


@dataclass(frozen=True)
class Requirements:
    """What an environment needs, in pip's words.

    Args:
        python: Version of Python that was asked for, e.g. ``3.11``; ``None`` for any.
        lines: Lines of a requirements file.
    """

    python: str | None
    lines: tuple[str, ...]

    def including(self, *extra: str) -> Requirements:
        """The same with more packages, save those that are there already."""
        present = {requirement_name(line) for line in self.lines}
        return Requirements(
            self.python, (*self.lines, *(line for line in extra if requirement_name(line) not in present))
        )

    def has(self, name: str) -> bool:
        """Whether a package is asked for."""
        return any(requirement_name(line) == name for line in self.lines)


def requirement_name(line: str) -> str:
    """The normalised name of the package that a line of a requirements file asks for; empty for an option."""
    found = re.match(r"[A-Za-z0-9._\-]+", line)
    return re.sub(r"[-_.]+", "-", found.group()).lower() if found and not line.startswith("-") else ""


def read(text: str | None) -> Requirements:
    """The requirements in a conda file.

    Args:
        text: The file's content; ``None`` for an environment without one.

    Raises:
        CondaFileError: It is not a conda file, or pip cannot install what it asks for.

    Example:
        >>> read("dependencies: [python=3.11, numpy=1.26, {pip: [mlflow-skinny]}]").lines
        ('numpy==1.26.*', 'mlflow-skinny')
    """
    dependencies = _dependencies(text)
    python: str | None = None
    lines: list[str] = []
    for entry in dependencies:
        if isinstance(entry, dict) and set(entry) == {"pip"}:
            lines.extend(_pip_line(line) for line in entry["pip"] or [])
        elif isinstance(entry, str):
            name, version = _name_and_version(entry)
            if name == "python":
                python = version.lstrip("=~<>! ").split(",")[0].rstrip(".*") or None
            elif name not in _MEANINGLESS_HERE:
                lines.append(_pip_name(name) + _pip_version(version, entry))
        else:
            raise CondaFileError(f"the conda file's dependency {entry!r} is neither a package nor a list of pip's")
    return Requirements(python, tuple(lines))


def _dependencies(text: str | None) -> list[object]:
    try:
        document = yaml.safe_load(text or "")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # of a date that is none it says so in its own way, as of brackets without end
        raise CondaFileError(f"the conda file is not YAML: {error}") from error
    if document is None:
        return []
    dependencies = document.get("dependencies", []) if isinstance(document, dict) else None
    if not isinstance(dependencies, list):
        raise CondaFileError("the conda file has no list 'dependencies'")
    return dependencies


def _name_and_version(entry: str) -> tuple[str, str]:
    found = _SPEC.match(entry.strip())
    if not found:
        raise CondaFileError(f"the conda file's dependency {entry!r} is not a conda package specification")
    return found["name"].lower(), found["version"].strip()


def _pip_name(conda_name: str) -> str:
    name = PIP_NAMES.get(conda_name)
    if name is None:
        raise CondaFileError(
            f"the conda package {conda_name!r} is not known to be installable with pip, which the emulator uses: "
            "move it to the 'pip' part of the conda file if it is a Python package, or leave it out"
        )
    return name


def _pip_version(version: str, entry: str) -> str:
    """Conda's ``=1.2`` is pip's ``==1.2.*``; other comparisons are spelled alike."""
    if not version:
        return ""
    if "[" in version:
        raise CondaFileError(f"the conda file's dependency {entry!r} uses a form that the emulator does not read")
    exact = re.fullmatch(r"(={0,2})\s*([\w.*+!]+)(?:=[\w.*]+)?", version)
    if not exact:
        return version.replace(" ", "")
    operator, number = exact.groups()
    return f"=={number}" if operator == "==" or number.endswith("*") else f"=={number}.*"


def _pip_line(line: object) -> str:
    if not isinstance(line, str) or not line.strip():
        raise CondaFileError(f"the conda file's pip dependency {line!r} is not a requirement")
    stripped = line.strip()
    if re.match(r"-(r|c|e)\b|--(requirement|constraint|editable)\b|\.{1,2}/|file:", stripped):
        raise CondaFileError(
            f"the conda file's pip dependency {stripped!r} points to a file, which an environment does not take along: "
            "list the packages themselves"
        )
    return stripped
