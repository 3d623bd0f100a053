"""Inference configurations of CLI v1: the script that asks a model, and what it runs in.

Source: the inference configuration schema of ``az ml model deploy``
(https://learn.microsoft.com/azure/machine-learning/v1/reference-azure-machine-learning-cli) with the keys of its older
editions, and what azureml-core 1.61 (``azureml.core.model.InferenceConfig``) makes of them.
"""

from __future__ import annotations

import ast
import keyword
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_azml.spec import references, validate, yaml_text
from airflow_provider_azml.spec import source as sources
from airflow_provider_azml.spec.local_paths import is_file, is_folder
from airflow_provider_azml.spec.rules import lower, mapping
from airflow_provider_azml.spec.v1 import clones, environments, unsayable
from airflow_provider_azml.spec.v1.placed import Placed, gathered, kept, put
from airflow_provider_azml.spec.v1.unheeded import PACKAGES, REPOSITORIES
from airflow_provider_azml.spec.v1.unsayable import Unsayable, is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

SCHEMA = "v1_inferenceconfig.schema.json"
GPU_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-cuda11.8-cudnn8-ubuntu22.04"
"""What v1 starts from where CUDA is wanted (azureml-core 1.61, ``DEFAULT_GPU_IMAGE``)."""
RETIRED = frozenset({"AzureML-Minimal"})
"""Curated environments of v1 that are no more, and held nothing but what v1 installs where nothing is said."""
SERVER = "azureml-inference-server-http"
SERVERS = ("azureml-defaults", SERVER)
"""Packages with what answers requests."""
_STACK = "inferencingStackVersion"
_SCRIPT = "entryScript"
_FOLDER = "sourceDirectory"
_ENVIRONMENT = "environment"
_OLDER = (
    "runtime",
    "condaFile",
    "extraDockerfileSteps",
    "extraDockerFileSteps",
    "enableGpu",
    "cudaVersion",
    "baseImage",
    "baseImageRegistry",
)
"""Keys of older files, which say in parts what ``environment`` says."""
_NO_SPARK = "v2 has no Spark behind endpoints; name an image that has it"
_STEPS = "v2 builds an image from a folder; put its Dockerfile into one, as docker.buildContext of an environment"
_REGISTRY = "a file of v2 holds no credentials of a registry; give the endpoint's identity the role AcrPull on it"
_UNSAYABLE = (Unsayable(("schemaFile",), "v2 takes the schema from the script; write it there, with inference-schema"),)
_UNSAYABLE_PARTS = (
    Unsayable(("extraDockerfileSteps",), _STEPS),
    Unsayable(("extraDockerFileSteps",), _STEPS),
    Unsayable(("cudaVersion",), "v2 takes CUDA from the image; name one as baseImage instead"),
    Unsayable(("baseImageRegistry", "username"), _REGISTRY),
    Unsayable(("baseImageRegistry", "password"), _REGISTRY),
)
_NO_SPARK = "v2 has no Spark behind endpoints; leave it out"
_UNSAYABLE_ENVIRONMENT = (
    *environments.UNSAYABLE,
    Unsayable(("spark", "repositories"), _NO_SPARK, REPOSITORIES),
    Unsayable(("spark", "packages"), _NO_SPARK, PACKAGES),
    Unsayable(("databricks",), "v2 has no Databricks behind endpoints; leave it out"),
)
_OF_RUNS = (
    Unsayable(("docker", "shmSize"), "not sent: counts in runs alone", ("2g", "2G")),
    Unsayable(("docker", "arguments"), "not sent: counts in runs alone"),
    Unsayable(("python", "interpreterPath"), "not sent: the server of the image runs the script", ("python",)),
)
"""What environments say of runs, and no deployment heeds."""


@dataclass(frozen=True)
class InferenceConfig:
    """An inference configuration.

    Args:
        source: Its file.
        registered: The registered environment that is named beside it, with its version after a colon.
    """

    source: Source
    registered: str | None = None

    @property
    def script(self) -> str:
        """The script, from its folder."""
        return str(self.source.value.get(_SCRIPT)).replace("\\", "/")

    @property
    def folder(self) -> str | None:
        """The folder of the script, from that of the file; ``None`` where the script goes alone."""
        given = self.source.value.get(_FOLDER)
        return None if is_unset(given) else str(given).replace("\\", "/")

    @property
    def code(self) -> Path:
        """That folder, on this machine; that of the file where none is named."""
        return self.source.local(self.folder or ".")

    @property
    def script_file(self) -> Path:
        """The script, on this machine."""
        return self.source.local(f"{self.folder or '.'}/{self.script}")

    @property
    def uses_gpu(self) -> bool:
        """Whether it asks for CUDA."""
        return self.source.value.get("enableGpu") is True

    def problems(self, *, today: bool = True) -> Iterator[Problem]:
        """What is wrong with it, and what v2 cannot say.

        Args:
            today: Whether it is to be said in v2; else it goes to the service of v1 as it is.
        """
        source = self.source
        yield from validate.problems(source, SCHEMA)
        if today:
            yield from unsayable.problems(source, _UNSAYABLE)
        if isinstance(source.value.get(_SCRIPT), str):
            yield from self._script_problems()
        if self._says_environment:
            yield from self._environment_problems(today=today)
        elif today:
            if lower(source.value.get("runtime")) == "spark-py":
                yield source.problem(("runtime",), _NO_SPARK, at_key=True)
            yield from unsayable.problems(source, _UNSAYABLE_PARTS)
        if not self._says_environment:
            yield from self._conda_problems()

    def environment(self, base: Path) -> Placed:
        """What the script runs in, as a deployment of v2 has it.

        Args:
            base: Folder that paths of the new file start from.
        """
        if self.registered:
            name, version = self.registered_name
            if references.is_remote(name):
                return put(name, self.source)
            if name in RETIRED:
                return environments.default(self.source)
            return put(environments.reference(name, version), self.source)
        made = environments.translated(self.written, self._folders, base)
        if isinstance(made.value, dict) and self._adds_server:
            conda = put(clones.added(self.conda, [SERVER]), self.written, _STACK)
            return gathered({"image": made._replace(value=made.value["image"]), "conda_file": conda}, self.source)
        return made

    @property
    def registered_name(self) -> tuple[str, str | None]:
        """Name and version of the registered environment, as v1 or v2 names it; an id as its name."""
        named = str(self.registered)
        if references.is_remote(named):
            return named, None
        name, _, version = named.removeprefix(references.PREFIX).removesuffix(f"@{references.LATEST}").partition(":")
        return name, version or None

    @property
    def conda(self) -> Json:
        """The content of its conda file, whether it is one or is written out; what v1 installs where none is said."""
        if self.conda_file is not None:
            found, _ = yaml_text.parse(sources.text_of(self.conda_file), str(self.conda_file))
            return mapping(found)
        return mapping(self.written.value_at(("python", "condaDependencies"))) or environments.CONDA

    @property
    def written(self) -> Source:
        """The environment in v1's words; made of the keys of older files where it is said in parts.

        Source: azureml-core 1.61, ``convert_parts_to_environment``.
        """
        source = self.source
        if self._says_environment:
            return source.at(_ENVIRONMENT)
        image = kept(source, "baseImage")
        if (image is None or is_unset(image.value)) and self.uses_gpu:
            image = put(GPU_IMAGE, source, "enableGpu")
        registry = kept(source, "baseImageRegistry")
        if registry is not None and not isinstance(registry.value, dict):
            begins = image is not None and str(image.value).startswith(f"{registry.value}/")
            registry = None if begins else gathered({"address": registry}, source, "baseImageRegistry")
        docker = gathered({"baseImage": image, "baseImageRegistry": registry}, source, "baseImage")
        python = gathered({"condaDependenciesFile": kept(source, "condaFile")}, source, "condaFile")
        made = gathered({"python": python, "docker": docker}, source)
        return replace(source, value=made.value, marks=made.marks)

    @property
    def variables(self) -> Mapping[str, Placed]:
        """The environment variables of the script."""
        return {} if self.registered else environments.variables(self.written)

    @property
    def written_out(self) -> str | None:
        """What to say of its environment where that has a name and is written out nevertheless."""
        made = self.environment(self.source.base_path).value
        return environments.written_out(self.written) if isinstance(made, dict) and not self.registered else None

    @property
    def lacks_server(self) -> bool:
        """Whether nothing of its packages answers requests, as far as a file here tells."""
        made = self.environment(self.source.base_path).value
        installs = isinstance(made, dict) and "conda_file" in made and not self.registered
        return installs and not self._adds_server and not self._has_server

    @property
    def _has_server(self) -> bool:
        return any(package in str(self.conda) for package in SERVERS)

    @property
    def _adds_server(self) -> bool:
        """Whether v1 is asked to add what answers requests."""
        return not is_unset(self.written.value.get(_STACK)) and not self._has_server

    @property
    def conda_file(self) -> Path | None:
        """The conda file that its environment names, on this machine."""
        named = self.written.value_at(("python", "condaDependenciesFile"))
        if not isinstance(named, str) or is_unset(named):
            return None
        places = (folder / named.replace("\\", "/") for folder in self._folders)
        return next((file for file in places if is_file(file)), None)

    @property
    def _says_environment(self) -> bool:
        return not is_unset(self.source.value.get(_ENVIRONMENT))

    @property
    def _folders(self) -> list[Path]:
        """Where conda files may be: v1 says in different places that they are relative to the one or to the other."""
        return list(dict.fromkeys([self.code, self.source.base_path]))

    def _conda_problems(self) -> Iterator[Problem]:
        """What is wrong with the conda file of an older file."""
        given = self.source.value.get("condaFile")
        if isinstance(given, str) and not is_unset(given) and self.conda_file is None:
            where = " nor in ".join(map(str, self._folders))
            yield self.source.problem(("condaFile",), f"there is no file {given!r:.200} in {where}")

    def _script_problems(self) -> Iterator[Problem]:
        """What keeps the script from being loaded; azureml-core refuses the same."""
        source, place, name = self.source, (_SCRIPT,), Path(self.script)
        if not is_folder(self.code):
            yield source.problem((_FOLDER,), f"there is no folder {self.folder!r:.200} in {source.base_path}")
            return
        if not self.script_file.is_relative_to(self.code):
            where = f"sourceDirectory {self.folder!r:.200}" if self.folder else f"the folder of this file, {self.code}"
            yield source.problem(place, f"{self.script!r:.200} is outside of {where}; give a path inside of it")
            return
        if name.suffix != ".py":
            yield source.problem(place, f"{self.script!r:.200} is no Python script; its name must end in .py")
        elif not name.stem.isidentifier() or keyword.iskeyword(name.stem):
            yield source.problem(place, f"{name.stem!r:.200} cannot be imported: it is no name of a Python module")
        if not is_file(self.script_file):
            yield source.problem(place, f"there is no file {self.script!r:.200} in {self.code}")
            return
        try:
            ast.parse(self.script_file.read_bytes(), self.script)
        except OSError as error:
            yield source.problem(place, f"{self.script_file} cannot be read: {error.strerror}")
        except (SyntaxError, ValueError) as error:
            line = f"line {error.lineno}: {error.msg}" if isinstance(error, SyntaxError) else str(error)
            yield source.problem(place, f"{self.script} is no Python: {line}")
        except (RecursionError, MemoryError):  # nested deeper than it can be read here, at this depth of calls
            return

    def _environment_problems(self, *, today: bool) -> Iterator[Problem]:
        source = self.source
        rows = _UNSAYABLE_ENVIRONMENT if today else ()
        yield from environments.problems(source.at(_ENVIRONMENT), self._folders, rows=rows)
        if today:
            yield from unsayable.problems(source.at(_ENVIRONMENT), _OF_RUNS, severity="note")
        yield from unsayable.none_texts(source.at(_ENVIRONMENT))
        yield from self._stack_problems()
        if self.registered:
            reason = f"the registered environment {self.registered} is named beside this file; leave one of them out"
            yield source.problem((_ENVIRONMENT,), reason, at_key=True)
        name = source.value_at((_ENVIRONMENT, "name"))
        written = any(not is_unset(source.value_at((_ENVIRONMENT, key))) for key in ("python", "docker"))
        if written and environments.is_reserved(name):
            reason = f"{name!r:.80} begins as the names of Azure ML's own environments do; rename it"
            yield source.problem((_ENVIRONMENT, "name"), reason)
        for key in (key for key in _OLDER if source.value.get(key) not in (None, False)):
            yield source.problem((key,), "not sent: environment says it", at_key=True, severity="note")

    def _stack_problems(self) -> Iterator[Problem]:
        """What is wrong with what v1 is asked to add to the image."""
        stack, written = self.written.value.get(_STACK), self.written
        in_image = written.value_at(("python", "userManagedDependencies")) is True
        if is_unset(stack):
            return
        if stack != "latest":
            yield written.problem((_STACK,), f"is {stack!r:.80}; there is 'latest' alone")
        elif in_image or not is_unset(written.value_at(("docker", "buildContext"))):
            yield written.problem((_STACK,), f"v2 adds no server to an image; install {SERVER} in it", at_key=True)


def is_inference_config(source: Source) -> bool:
    """Whether a source is an inference configuration of CLI v1: it says ``entryScript`` at its top."""
    return _SCRIPT in source.value and "$schema" not in source.value


def check(source: Source) -> Sequence[Problem]:
    """Check an inference configuration, and the script that it names, before anything is made of it.

    Returns:
        The notes, of what v1 heeded and v2 has no need of.

    Raises:
        SpecError: It is no valid configuration, or says what v2 cannot say; with all its problems at once.
    """
    return validate.told(InferenceConfig(source).problems())
