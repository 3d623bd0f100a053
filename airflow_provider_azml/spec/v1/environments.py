"""Environments as CLI v1 writes them, in files of their own and inside run configurations, as those of today.

Source: shared parts of ``azureml_environment.json`` and of run configurations, and what azureml-core 1.61
(``azureml.core.environment``) makes of them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_azml.spec.local_paths import is_file
from airflow_provider_azml.spec.references import LATEST, PREFIX
from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.v1 import unsayable
from airflow_provider_azml.spec.v1.placed import Placed, gathered, kept, put
from airflow_provider_azml.spec.v1.unsayable import Unsayable, is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
"""What v1 starts from where nothing is said."""
CONDA: Json = {
    "name": "project_environment",
    "channels": ["anaconda", "conda-forge"],
    "dependencies": ["python=3.8.13", {"pip": ["azureml-defaults"]}],
}
"""What v1 installs where nothing is said."""
_CONDA_FILE = ("python", "condaDependenciesFile")
_CONDA = ("python", "condaDependencies")
_NO_CONDA_IN_BUILD = (
    "v2 installs no conda packages into an image that it builds from a folder; install them in the Dockerfile, and "
    "set userManagedDependencies"
)
_CONTEXT = ("docker", "buildContext")
_RESERVED = ("microsoft", "azureml")
_NAMES_OF_NONE = ("default-environment", "project_environment")
"""What v1 calls environments without a name."""
FOLDERS = ("aml_config", ".azureml")
"""Where run configurations are below the folder of a project, the one that v1 looks into first before the other."""
UNSAYABLE = (
    Unsayable(("python", "baseCondaEnvironment"), "v2 starts from an image; name one that has that environment"),
    Unsayable(
        ("docker", "baseDockerfile"),
        "v2 builds from a folder; put the Dockerfile into one, and write buildContext: {location: <folder>}",
    ),
    Unsayable(("docker", "sharedVolumes"), "v2 always shares volumes", (True,)),
    Unsayable(("docker", "platform", "architecture"), "v2 has images of amd64 alone", ("amd64", "Amd64", "AMD64")),
    Unsayable(("docker", "preparation"), "v2 runs nothing before; put it into the image"),
    Unsayable(
        ("docker", "baseImageRegistry", "username"),
        "a file of v2 holds no user of a registry; give the compute's identity the role AcrPull, or make a connection",
    ),
    Unsayable(
        ("docker", "baseImageRegistry", "password"),
        "a file of v2 holds no password; give the compute's identity the role AcrPull, or make a connection",
    ),
    Unsayable(("docker", "baseImageRegistry", "registryIdentity"), "v2 pulls images with the compute's identity"),
    Unsayable(("r",), "v2 installs no packages of R; use an image that has them"),
)
"""What no environment of v2 can say."""
_INTERPRETER = Unsayable(
    ("python", "interpreterPath"), "not sent: counts with userManagedDependencies alone", ("python",)
)


def problems(source: Source, folders: Sequence[Path], *, rows: Sequence[Unsayable] = UNSAYABLE) -> Iterator[Problem]:
    """What v2 cannot say of an environment.

    Args:
        source: The environment.
        folders: Where a conda file may be, in the order in which they are looked into.
        rows: What must not be said.
    """
    yield from unsayable.problems(source, rows)
    if not is_unset(source.value_at(_CONTEXT)) and _has_conda(source):
        for path in (path for path in (_CONDA_FILE, _CONDA) if not is_unset(source.value_at(path))):
            yield source.problem(path, _NO_CONDA_IN_BUILD, at_key=True)
    named = source.value_at(_CONDA_FILE)
    if isinstance(named, str) and conda_file(source, folders) is None and _has_conda(source):
        where = " nor in ".join(str(folder) for folder in folders)
        yield source.problem(_CONDA_FILE, f"there is no file {named!r} in {where}")


def translated(source: Source, folders: Sequence[Path], base: Path) -> Placed:
    """The environment as a node or job of v2 has it.

    One with a name and nothing else is that of the workspace; any other is used as it is written, without a name.

    Args:
        source: The environment.
        folders: Where its conda file may be.
        base: Folder that paths of the new file start from.
    """
    value = source.value
    if value.get("name") and is_unset(value.get("python")) and is_unset(value.get("docker")):
        return put(reference(str(value["name"]), value.get("version")), source, "name")
    return gathered(definition(source, folders, base), source)


def definition(source: Source, folders: Sequence[Path], base: Path) -> Mapping[str, Placed | None]:
    """What an environment is made of: the keys of one of v2 without its name.

    Args:
        source: The environment.
        folders: Where its conda file may be.
        base: Folder that paths of the new file start from.
    """
    made: dict[str, Placed | None] = {}
    if is_unset(source.value_at(_CONTEXT)):
        made["image"] = _image(source)
    else:
        made["build"] = _build(source)
    made["conda_file"] = _conda(source, folders, base) if "image" in made else None
    if str(source.value_at(("docker", "platform", "os"))).lower() == "windows":
        made["os_type"] = put("windows", source, "docker", "platform", "os")
    return made


def is_reserved(name: object) -> bool:
    """Whether a name is kept for the service's own environments.

    Example:
        >>> is_reserved("AzureML-sklearn"), is_reserved("sklearn")
        (True, False)
    """
    return str(name).lower().startswith(_RESERVED)


def default(source: Source, *path: str) -> Placed:
    """What v1 runs a script in that says nothing of an environment.

    Args:
        source: What says nothing.
        path: Where in it.
    """
    return put({"image": IMAGE, "conda_file": CONDA}, source, *path)


def reference(name: str, version: object) -> str:
    """A registered environment as v2 names it.

    Example:
        >>> reference("sklearn", None)
        'azureml:sklearn@latest'
    """
    return f"{PREFIX}{name}@{LATEST}" if is_unset(version) else f"{PREFIX}{name}:{version}"


def names_no_image(source: Source) -> bool:
    """Whether an environment leaves its image to v1."""
    return is_unset(source.value_at(("docker", "baseImage")))


def written_out(source: Source) -> str | None:
    """What to say of an environment that is written out although it has a name; ``None`` for one without.

    Args:
        source: The environment.
    """
    name = source.value.get("name")
    if is_unset(name) or name in _NAMES_OF_NONE:
        return None
    return f"written out as in v1; name azureml:{name}@latest instead if it is registered"


def variables(source: Source) -> dict[str, Placed]:
    """The environment variables that an environment sets."""
    given = mapping(source.value.get("environmentVariables"))
    return {
        name: put(_text(value), source, "environmentVariables", name)
        for name, value in given.items()
        if value is not None
    }


def interpreter(source: Source) -> str:
    """The Python that runs scripts."""
    python = mapping(source.value.get("python"))
    return str(python.get("interpreterPath") or "python") if python.get("userManagedDependencies") else "python"


def interpreter_problems(source: Source) -> Iterator[Problem]:
    """A note where a Python is named that v1 did not heed."""
    if _has_conda(source):
        yield from unsayable.problems(source, [_INTERPRETER], severity="note")


def container(source: Source) -> Mapping[str, Placed]:
    """How the container is run: ``shm_size`` and ``docker_args`` of a job's resources.

    Args:
        source: What has a section ``docker``: an environment, or a run configuration.
    """
    size, arguments = kept(source, "docker", "shmSize"), kept(source, "docker", "arguments")
    found: dict[str, Placed] = {}
    if size is not None and size.value and str(size.value).lower() != "2g":
        found["shm_size"] = size
    if arguments is not None and arguments.value:
        found["docker_args"] = arguments
    return found


def folders_of(runconfig: Source, code: Path) -> list[Path]:
    """Where a conda file may be that a run configuration names.

    Args:
        runconfig: The run configuration.
        code: Folder of the code.
    """
    folder = runconfig.base_path
    around = [folder.parent] if folder.name in FOLDERS else []
    return list(dict.fromkeys([*around, code, folder]))


def _image(source: Source) -> Placed:
    given = kept(source, "docker", "baseImage")
    if given is None or is_unset(given.value):
        return put(IMAGE, source)
    host = source.value_at(("docker", "baseImageRegistry", "address"))
    return given if is_unset(host) else put(f"{str(host).rstrip('/')}/{given.value}", source, "docker", "baseImage")


def _build(source: Source) -> Placed:
    parts = {"path": kept(source, *_CONTEXT, "location"), "dockerfile_path": kept(source, *_CONTEXT, "dockerfilePath")}
    return gathered(parts, source, *_CONTEXT)


def _has_conda(source: Source) -> bool:
    return source.value_at(("python", "userManagedDependencies")) is not True


def _conda(source: Source, folders: Sequence[Path], base: Path) -> Placed | None:
    if not _has_conda(source):
        return None
    file = conda_file(source, folders)
    if file is not None:
        return put(Path(os.path.relpath(file, base)).as_posix(), source, *_CONDA_FILE)
    inline = kept(source, *_CONDA)
    return put(CONDA, source, "python") if inline is None or not inline.value else inline


def conda_file(source: Source, folders: Sequence[Path]) -> Path | None:
    """The conda file that an environment names; ``None`` where it names none, or one that is not there.

    Args:
        source: The environment.
        folders: Where it may be, in the order in which they are looked into.
    """
    named = source.value_at(_CONDA_FILE)
    if not isinstance(named, str) or is_unset(named):
        return None
    found = (folder / named.replace("\\", "/") for folder in folders)
    return next((file for file in found if is_file(file)), None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
