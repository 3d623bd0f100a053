"""The scoring code of deployments, online and batch."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from airflow_provider_azml.spec import environments, local_paths, references
from airflow_provider_azml.spec.needs import Code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

_KEY = "code_configuration"


def configuration(source: Source) -> Json:
    """What is sent for the code of a deployment."""
    value = source.at(_KEY).value
    code = value.get("code")
    body = {"scoringScript": value["scoring_script"]}
    if code is None:
        return body
    if references.is_registered(code) or code.startswith("/subscriptions/"):
        return {**body, "codeId": references.asset(code, "code") if references.is_registered(code) else code}
    return {**body, "codeId": code if references.is_remote(code) else Code(local_paths.taken(source, code))}


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with the code of a deployment besides what its schema says."""
    value = source.at(_KEY).value
    code, script = value.get("code"), value.get("scoring_script")
    path = (_KEY, "code")
    if not isinstance(code, str):
        return
    if references.is_registered(code):
        yield from environments.reference_problems(source, path, code, "code")
        return
    if code.startswith("/subscriptions/"):
        return
    found = list(local_paths.problems(source, path, code))
    yield from found
    if isinstance(script, str) and not found and not references.is_remote(code):
        yield from _script_problems(source, code, script)


def _script_problems(source: Source, code: str, script: str) -> Iterator[Problem]:
    """What keeps the scoring script from being loaded; better now than after minutes of building."""
    path = (_KEY, "scoring_script")
    file = source.local(code) / script
    if not file.is_file():  # nor a pipe, which would be waited for
        yield source.problem(path, f"{file} cannot be read: there is no such file")
        return
    try:
        ast.parse(file.read_bytes(), script)  # bytes, because a script may say that it is no UTF-8
    except OSError as error:
        yield source.problem(path, f"{file} cannot be read: {error.strerror}")
    except SyntaxError as error:
        yield source.problem(path, f"{script} is no Python: line {error.lineno}: {error.msg}")
    except ValueError as error:
        yield source.problem(path, f"{script} is no Python: {error}")
    except (RecursionError, MemoryError):  # nested deeper than it can be read here, at this depth of calls
        return
