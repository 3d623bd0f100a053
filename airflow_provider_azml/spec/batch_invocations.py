"""Invocations of batch endpoints: what they are to work through, and how, as the service takes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.rest import datastores, flows, job_files
from airflow_provider_azml.spec import job_io, local_paths, references, validate
from airflow_provider_azml.spec.batch import RETRIES
from airflow_provider_azml.spec.filling import filled
from airflow_provider_azml.spec.needs import Named, Need
from airflow_provider_azml.spec.rules import Rule, integer, lower, sendable, translated, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.target import Target

SCHEMA = "batch_invocation.schema.json"
_TYPES = {
    "uri_file": "UriFile",
    "uri_folder": "UriFolder",
    "mltable": "MLTable",
    "custom_model": "CustomModel",
    "mlflow_model": "MLFlowModel",
    "triton_model": "TritonModel",
}
"""Source: azure-ai-ml 1.35.2, ``BatchJobSchema._JOB_DATA_TYPE_MAP``."""
_WITHOUT_MODE = ("uri_file", "uri_folder")
_DATA_ASSET = re.compile(r"/workspaces/[^/]+/data/[^/]+/versions/[^/]+$", re.IGNORECASE)
_SETTINGS = (
    Rule("description", "description"),
    Rule("error_threshold", "errorThreshold", integer),
    Rule("logging_level", "loggingLevel", lambda word: str(word).capitalize()),
    Rule("max_concurrency_per_instance", "maxConcurrencyPerInstance", integer),
    Rule("mini_batch_size", "miniBatchSize", integer),
    Rule("output_file_name", "outputFileName"),
    Rule("retry_settings", "retrySettings", RETRIES),
)


def check(source: Source) -> None:
    """Check an invocation before anything is sent.

    Raises:
        SpecError: With all its problems at once.
    """
    problems = [*validate.problems(source, SCHEMA), *_data_problems(source)]
    if problems:
        raise SpecError(problems)


def check_for_model(source: Source, deployment: str) -> None:
    """Check what a deployment of a model is given: one input, and that is data.

    Raises:
        SpecError: It is given something else.

    Source: "Data inputs" of https://learn.microsoft.com/azure/machine-learning/how-to-access-data-batch-endpoints-jobs
    """
    inputs: Json = source.value.get("inputs") or {}
    for place in ("inputs", "outputs"):
        given = source.value.get(place) or {}
        if len(given) > 1 or (place == "inputs" and not given):
            told = (
                f"{deployment} is a deployment of a model and takes one of them; given are {', '.join(given) or 'none'}"
            )
            raise SpecError([source.problem((place,), told, at_key=True)])
    for name, given in inputs.items():
        if "value" in _as_mapping(source, given):
            told = f"{deployment} is a deployment of a model and takes data; {given!r:.80} is a value, and no path"
            raise SpecError([source.problem(("inputs", name), told)])


def body(source: Source, target: Target) -> Flow[Json]:
    """What is sent for an invocation that :func:`check` has let pass.

    Local data is uploaded, and registered data looked up: of data that does not say its type, the service knows it. An
    output of a job becomes its place in the datastore, for that is what batch endpoints are documented to take.

    Args:
        source: The invocation.
        target: The workspace of the endpoint.

    Raises:
        ApiError: Something could not be found or uploaded.

    Sources: azure-ai-ml 1.35.2, ``BatchEndpointOperations.invoke`` and ``BatchJobSchema``; ``BatchJob`` of the
    generated client of ``2020-09-01-dataplanepreview`` (the settings that the SDK does not send);
    https://learn.microsoft.com/azure/machine-learning/how-to-access-data-batch-endpoints-jobs
    """
    value = source.value
    properties: Json = {
        "inputData": {name: _input(source, name) for name in value.get("inputs") or {}},
        **translated(value, _SETTINGS),
        "tags": sendable(value.get("tags") or {}),
        "properties": sendable(value.get("properties") or {}),
    }
    if value.get("outputs"):
        properties["outputData"] = {name: _output(given) for name, given in value["outputs"].items()}
    compute = translated(value, (Rule("instance_count", "instanceCount", integer),))
    if value.get("compute"):
        compute["target"] = references.compute(str(value["compute"]))
    if compute:
        # azure-ai-ml calls it local where no compute is named, and the service goes by the deployment's all the same
        properties["compute"] = {"isLocal": "target" not in compute, **compute}
    if value.get("experiment_name"):
        properties["properties"]["experimentName"] = str(value["experiment_name"])
    return (yield from filled({"properties": properties}, target))


def is_path(source: Source, text: str) -> bool:
    """Whether a text that is given as an input leads to data; else it is a value.

    It does with a slash in it, as a reference, or as the name of a file or folder that is there.
    """
    if references.is_registered(text) or references.is_remote(text) or "/" in text:
        return True
    local = source.local(text)
    return local_paths.is_file(local) or local_paths.is_folder(local)


@dataclass(frozen=True)
class _TypeOfData(Need):
    """The type of data that does not say it, in the service's word."""

    of: str | Named | Need

    def sends(self) -> Json:
        return {"uri": self.of}

    def meet(self, target: Target, body: Json) -> Flow[str]:  # noqa: ARG002 (data may be in another workspace)
        """Look it up."""
        uri = str(body["uri"])
        if not _DATA_ASSET.search(uri):
            return _TYPES[_type_of_path(uri)]
        found = yield from flows.get(uri)
        return _TYPES.get(str(found["properties"].get("dataType")), _TYPES["uri_folder"])


@dataclass(frozen=True)
class _TypeOfOutput(Need):
    """The type of an output of a job, or of what is in it."""

    job: str
    output: str
    below: str

    def meet(self, target: Target, body: Json) -> Flow[str]:  # noqa: ARG002 (nothing is sent)
        """Look it up."""
        if self.below:
            return _TYPES[_type_of_path(self.below)]
        found = yield from flows.get(target.workspace.child("job", self.job))
        declared = ((found["properties"].get("outputs") or {}).get(self.output) or {}).get("jobOutputType")
        return _TYPES.get(str(declared), _TYPES["uri_folder"])


@dataclass(frozen=True)
class _PlaceOfOutput(Need):
    """Where an output of a job is, in its datastore."""

    uri: str
    type: str | _TypeOfOutput

    def sends(self) -> Json:
        return {"type": self.type}

    def meet(self, target: Target, body: Json) -> Flow[str]:
        """Look it up."""
        files = yield from job_files.of_uri(target.workspace, self.uri)
        end = "" if body["type"] == _TYPES["uri_file"] else "/"
        return datastores.uri(files.datastore, f"{files.path.rstrip('/')}{end}")


def _input(source: Source, name: str) -> Json:
    given = _as_mapping(source, source.value["inputs"][name])
    if "value" in given:
        return {"jobInputType": "Literal", "value": given["value"]}
    kind, where = given.get("type") and lower(given["type"]), str(given["path"])
    of_job = job_files.output_in(where)
    if of_job:
        kind_of_output: str | _TypeOfOutput = _TYPES[kind] if kind else _TypeOfOutput(*of_job)
        return {"jobInputType": kind_of_output, "uri": _PlaceOfOutput(where, kind_of_output)}
    is_asset = references.is_registered(where) or _DATA_ASSET.search(where)
    if not kind and not is_asset:
        kind = _type_of_path(where) if references.is_remote(where) else _type_of_local(source, where)
    typed = {**given, "type": kind or "uri_folder"}
    uri = job_io.data_uri(source, typed)
    mode = {"mode": words(job_io.INPUT_MODES)(given["mode"])} if given.get("mode") and kind not in _WITHOUT_MODE else {}
    return {"jobInputType": _TYPES[kind] if kind else _TypeOfData(uri), "uri": uri, **mode}


def _output(given: str | Json | None) -> Json:
    value: Json = {"path": given} if isinstance(given, str) else given or {}
    where = str(value.get("path") or "")
    kind = lower(value["type"]) if value.get("type") else _type_of_path(where)
    made = {"mode": words(job_io.OUTPUT_MODES)(value["mode"])} if value.get("mode") else {}
    return {"jobOutputType": _TYPES[kind], **made, **({"uri": where} if where else {})}


def _as_mapping(source: Source, given: Any) -> Json:  # a value, or a mapping
    if isinstance(given, dict):
        return given
    return {"path": given} if isinstance(given, str) and is_path(source, given) else {"value": given}


def _type_of_path(path: str) -> str:
    """A file has a name with an ending; anything else is a folder."""
    last = path.rpartition("/")[2]
    return "uri_file" if "." in last.strip(".") else "uri_folder"


def _type_of_local(source: Source, path: str) -> str:
    return "uri_file" if local_paths.is_file(source.local(path.removeprefix(references.FILE))) else "uri_folder"


def _data_problems(source: Source) -> Iterator[Problem]:
    """What keeps the data of the inputs from being found or uploaded, and outputs from being written."""
    inputs = source.value.get("inputs")
    for name, given in inputs.items() if isinstance(inputs, dict) else ():
        value = _as_mapping(source, given)
        path = ("inputs", name, "path") if isinstance(given, dict) else ("inputs", name)
        if isinstance(value.get("path"), str) and not job_files.output_in(value["path"]):
            yield from job_io.path_problems(source, path, value)
    outputs = source.value.get("outputs")
    for name, given in outputs.items() if isinstance(outputs, dict) else ():
        where = given.get("path") if isinstance(given, dict) else given
        if isinstance(where, str) and not references.is_remote(where):
            path = ("outputs", name, "path") if isinstance(given, dict) else ("outputs", name)
            yield source.problem(path, f"{where!r:.80} is no URI; write azureml://datastores/<datastore>/paths/<path>")
