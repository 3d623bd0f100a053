"""Inputs and outputs of jobs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import local_paths, references
from airflow_provider_azml.spec.environments import reference_problems
from airflow_provider_azml.spec.needs import Local
from airflow_provider_azml.spec.rules import Rule, lower, translated, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.needs import Named, Need
    from airflow_provider_azml.spec.source import Source

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
INPUT_MODES = {
    "mount": "ReadOnlyMount",
    "ro_mount": "ReadOnlyMount",
    "rw_mount": "ReadWriteMount",
    "download": "Download",
    "direct": "Direct",
    "eval_mount": "EvalMount",
    "eval_download": "EvalDownload",
}
OUTPUT_MODES = {"mount": "ReadWriteMount", "rw_mount": "ReadWriteMount", "upload": "Upload", "direct": "Direct"}
_INPUT_RULES = (
    Rule("type", "jobInputType", lower, default="uri_folder"),
    Rule("mode", "mode", words(INPUT_MODES)),
    Rule("path_on_compute", "pathOnCompute"),
)
_OUTPUT_RULES = (
    Rule("type", "jobOutputType", lower, default="uri_folder"),
    Rule("path", "uri"),
    Rule("mode", "mode", words(OUTPUT_MODES)),
    Rule("name", "assetName"),
    Rule("version", "assetVersion", str),
)
# azure-ai-ml looks triton_model up as data, which holds no models; the documented meaning is a model
_REGISTERED_AS = {"custom_model": "model", "mlflow_model": "model", "triton_model": "model"}


def inputs(source: Source, path: Path = ("inputs",)) -> Json:
    """The inputs of a job as a body has them."""
    given = source.value_at(path)
    return {name: _input(source, value) for name, value in given.items()} if isinstance(given, dict) else {}


def outputs(source: Source, path: Path = ("outputs",)) -> Json:
    """The outputs of a job as a body has them."""
    given = source.value_at(path)
    return (
        {name: translated(value or {}, _OUTPUT_RULES) for name, value in given.items()}
        if isinstance(given, dict)
        else {}
    )


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with inputs and outputs besides what the schema says."""
    for place in ("inputs", "outputs"):
        yield from name_problems(source, place)
    given = source.value.get("inputs")
    for name in given if isinstance(given, dict) else ():
        yield from input_problems(source, ("inputs", name))


def name_problems(source: Source, place: str) -> Iterator[Problem]:
    """The keys of a mapping that commands could not refer to."""
    given = source.value.get(place)
    for name in given if isinstance(given, dict) else ():
        if not _NAME.fullmatch(str(name)):
            reason = f"{name!r} is no name: letters, digits and underscores, not beginning with a digit"
            yield source.problem((place, name), reason, at_key=True)


def input_problems(source: Source, path: Path) -> Iterator[Problem]:
    """What keeps the data of an input from being found or uploaded."""
    value = source.value_at(path)
    if isinstance(value, dict) and isinstance(value.get("path"), str):
        yield from path_problems(source, (*path, "path"), value)


def path_problems(source: Source, path: Path, value: Json) -> Iterator[Problem]:
    """What keeps the ``path`` of an input from being found or uploaded.

    Args:
        source: The file.
        path: Where in the file the path stands.
        value: The input.
    """
    where = value["path"]
    if references.is_registered(where):
        yield from reference_problems(source, path, where, asset_kind(value))
    elif references.is_mlflow_run(where):
        yield source.problem(path, "a job takes no runs:/ path; write azureml://jobs/<job>/outputs/<output>")
    else:
        yield from local_paths.problems(source, path, where.removeprefix(references.FILE))


def asset_kind(value: Json) -> str:
    """The kind of asset that an input is, or an output becomes: ``model`` or ``data``."""
    return _REGISTERED_AS.get(lower(value.get("type")), "data")


def _input(source: Source, value: Any) -> Json:  # a literal or a mapping
    if not isinstance(value, dict):
        return {"jobInputType": "literal", "value": str(value)}
    if "value" in value:
        return {"jobInputType": "literal", "value": str(value["value"])}
    body = translated(value, _INPUT_RULES)
    if value.get("path") is not None:
        body["uri"] = data_uri(source, value)
    return body


def data_uri(source: Source, value: Json) -> str | Named | Need:
    """Where the data or the model of an input is: registered, somewhere in the cloud, or local and to be uploaded."""
    where = str(value["path"])
    if references.is_registered(where):
        return references.asset(where, asset_kind(value))
    if references.is_remote(where):
        return references.in_registry(where)
    datastore = str(value.get("datastore") or Local.datastore).removeprefix(references.PREFIX)
    end = "/" if lower(value.get("type") or "uri_folder") == "uri_folder" else ""
    return Local(local_paths.taken(source, where.removeprefix(references.FILE)), end=end, datastore=datastore)
