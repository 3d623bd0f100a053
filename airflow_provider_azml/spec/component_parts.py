"""What components of several types are made of, as a specification has it: other words than in the bodies of jobs.

Each function takes the place of its key, so that nodes of pipelines and trials, where it stands elsewhere, use it too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import additional_includes, environments, local_paths, references, running
from airflow_provider_azml.spec.needs import Code, Named, Need, Prefixed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.source import Source

_ASSET = "azureml:/subscriptions/"


def code_id(source: Source, path: Path = ("code",), default: str | None = None) -> str | Prefixed | None:
    """What stands for the code of a component, if it has any.

    Args:
        source: The component.
        path: Where it names its code.
        default: What it is when it names none.
    """
    given = source.value_at(path)
    text = default if given is None else str(given)
    if text is not None and is_asset(text):
        now, before = references.REGISTRIES
        return text.replace(before, now, 1) if text.startswith(before) else text
    listed = source.value.get("additional_includes") if path == ("code",) else None
    includes = [str(include) for include in listed] if isinstance(listed, list) else []
    if text is None and not includes:
        return None
    return Prefixed(Code(additional_includes.taken(source, text, includes)))


def code(source: Source, default: str | None = None) -> Json:
    """The ``code`` of a specification, with what ``additional_includes`` put into it."""
    found = code_id(source, default=default)
    return {} if found is None else {"code": found}


def is_asset(code: str) -> bool:
    """Whether code is an asset that is registered already, not a path."""
    return code.startswith((_ASSET, *references.REGISTRIES))


def code_problems(source: Source, path: Path = ("code",), default: str | None = None) -> Iterator[Problem]:
    """What keeps the code of a component from being uploaded, with what is put into it."""
    given = source.value_at(path)
    text = default if given is None else given
    if isinstance(text, str) and is_asset(text):
        return
    found = [*_path_problems(source, path, text)]
    found += additional_includes.problems(source) if path == ("code",) else []
    yield from found
    if not found and (text is None or isinstance(text, str)):
        try:
            code_id(source, path, default)
        except SpecError as error:
            for problem in error.problems:
                yield source.problem(path, f"{problem.file}: {problem.reason}")


def _path_problems(source: Source, path: Path, text: object) -> Iterator[Problem]:
    if not isinstance(text, str):
        return
    if references.is_remote(text) and not references.is_git(text):
        yield source.problem(path, "a component takes no URL as code; download it and name the local folder")
    else:
        yield from local_paths.problems(source, path, text)


def environment_id(source: Source, path: Path = ("environment",)) -> str | Prefixed | None:
    """What stands for the environment of a component, if it has one."""
    if source.value_at(path) is None:
        return None
    return prefixed(environments.used(source, path, may_be_named=False))


def environment(source: Source) -> Json:
    """The ``environment`` of a specification."""
    found = environment_id(source)
    return {} if found is None else {"environment": found}


def prefixed(found: str | Named | Need) -> str | Prefixed:
    """An id as specifications have it: with ``azureml:`` before it."""
    if not isinstance(found, str):
        return Prefixed(found)
    return found if found.startswith(references.PREFIX) else f"{references.PREFIX}{found}"


def resources_of(value: Mapping[str, Any]) -> Json:
    """The ``resources`` of a specification; ``instance_count`` may stand at the top instead."""
    given = value.get("resources")
    if not given and value.get("instance_count"):
        given = {"instance_count": value["instance_count"]}
    found = running.component_resources(given) if given else {}
    return {"resources": found} if found else {}


def resources_problems(source: Source) -> Iterator[Problem]:
    """That the number of nodes is given twice."""
    given = source.value.get("resources")
    if given is not None and source.value.get("instance_count") is not None:
        yield source.problem(("instance_count",), "is in the way of resources; move it there", at_key=True)
