"""Jobs of 2021-03-01-preview as today's interface takes them.

Source: ``CommandJob``, ``SweepJob`` and ``TrialComponent`` of that version's ``mfe.json``, and those of 2024-04-01.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_azml.rest import arm_ids
from airflow_provider_azml.spec.rules import lower, mapping
from airflow_provider_azml.spec.v1 import unsayable
from airflow_provider_azml.spec.v1.preview_2021_assets import is_datastore
from airflow_provider_azml.spec.v1.unsayable import Unsayable, is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.v1.preview_2021_assets import Known

INPUT, OUTPUT = "AZURE_ML_INPUT_", "AZURE_ML_OUTPUT_"
"""How the environment variables begin in which that version told a command where its data are."""
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_MODES: Mapping[str, str] = {"mount": "ReadOnlyMount", "download": "Download"}
_OUT_MODES: Mapping[str, str] = {"mount": "ReadWriteMount", "upload": "Upload"}
_MADE_FOR_IT = ("amlcompute", "containerinstance")
_KEPT = ("description", "experimentName", "identity", "properties", "tags")
_WORDS: Mapping[str, str] = {
    **{word.lower(): word for word in ("PyTorch", "TensorFlow", "Mpi", "Managed", "AMLToken", "Minimize", "Maximize")},
    **{word.lower(): word for word in ("Grid", "Random", "Bayesian")},
    **{word.lower(): word for word in ("Bandit", "MedianStopping", "TruncationSelection")},
}
_UNSAYABLE = (
    Unsayable(("priority",), "today's interface gives priorities to queues alone; leave it out"),
    Unsayable(("compute", "isLocal"), "today's interface runs nothing where it is sent from; name a compute", (False,)),
    Unsayable(("compute", "location"), "today's interface makes no compute for a job; name one"),
)


def command_problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a command job, besides what its schema says."""
    yield from _job_problems(source)
    yield from _trial_problems(source, source)


def sweep_problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a sweep, besides what its schema says."""
    yield from _job_problems(source)
    yield from _trial_problems(source.at("trial"), source)
    names = [_plain(name) for name in mapping(source.value.get("searchSpace"))]
    for name in mapping(source.value.get("searchSpace")):
        if not _NAME.fullmatch(_plain(name)):
            reason = f"{name!r:.80} is no name today: letters, digits and underscores, after -- at most"
            yield source.problem(("searchSpace", name), reason, at_key=True)
        elif names.count(_plain(name)) > 1:
            yield source.problem(
                ("searchSpace", name), f"{name!r:.80} is there twice, with -- and without", at_key=True
            )


def command_job(source: Source, known: Known) -> Json:
    """The properties of a command job."""
    timeout = source.value.get("timeout")
    return {
        "jobType": "Command",
        **_kept(source),
        **_run(source, _variables(source) + str(source.value["command"])),
        "computeId": source.value_at(("compute", "target")),
        "resources": _resources(source),
        "distribution": _distribution(source, source),
        "inputs": _inputs(source, known),
        "outputs": _outputs(source),
        "limits": {"jobLimitsType": "Command", "timeout": timeout} if timeout else None,
    }


def sweep_job(source: Source, known: Known) -> Json:
    """The properties of a sweep.

    A parameter that the command does not name became an argument of it; so it does here.
    """
    trial = source.at("trial")
    space = {_plain(name): value for name, value in mapping(source.value.get("searchSpace")).items()}
    run = {
        **_run(trial, _variables(trial) + _swept(trial, mapping(source.value.get("searchSpace")))),
        "distribution": _distribution(trial, source),
        "resources": _resources(source),
    }
    limits = {
        "maxTotalTrials": source.value.get("maxTotalTrials"),
        "maxConcurrentTrials": source.value.get("maxConcurrentTrials"),
        "timeout": source.value.get("timeout"),
        "trialTimeout": trial.value.get("timeout"),
    }
    objective, early = source.at("objective").value, source.at("earlyTermination").value
    return {
        "jobType": "Sweep",
        **_kept(source),
        "computeId": source.value_at(("compute", "target")),
        "trial": {key: value for key, value in run.items() if value is not None},
        "inputs": _inputs(trial, known),
        "outputs": _outputs(trial),
        "searchSpace": space,
        "samplingAlgorithm": {"samplingAlgorithmType": _WORDS[lower(source.value["algorithm"])]},
        "objective": {**objective, "goal": _WORDS[lower(objective["goal"])]},
        "earlyTermination": {**early, "policyType": _WORDS[lower(early["policyType"])]} if early else None,
        "limits": {"jobLimitsType": "Sweep", **{key: value for key, value in limits.items() if value is not None}},
    }


def _job_problems(source: Source) -> Iterator[Problem]:
    yield from unsayable.problems(source, _UNSAYABLE)
    target = source.value_at(("compute", "target"))
    if is_unset(target):
        yield source.problem(("compute",), "lacks target: the compute that it runs on", at_key=True)
    elif lower(target) in _MADE_FOR_IT:
        reason = f"is {target!r:.80}; today's interface makes no compute for a job; name one"
        yield source.problem(("compute", "target"), reason)


def _trial_problems(trial: Source, source: Source) -> Iterator[Problem]:
    """What is wrong with what runs."""
    for key, modes in (("inputDataBindings", _MODES), ("outputDataBindings", _OUT_MODES)):
        for name in mapping(trial.value.get(key)):
            if not _NAME.fullmatch(name):
                reason = f"{name!r:.80} is no name today: letters, digits and underscores, not beginning with a digit"
                yield trial.problem((key, name), reason, at_key=True)
            given = trial.at(key, name)
            if not is_unset(given.value.get("pathOnCompute")):
                reason = "today's interface chooses the place; the command finds it in the variable of the binding"
                yield given.problem(("pathOnCompute",), reason, at_key=True)
            mode = given.value.get("mode")
            if not is_unset(mode) and lower(mode) not in modes:
                told = " or ".join(word.title() for word in modes)
                yield given.problem(("mode",), f"is {mode!r:.80}; what is {key[:-12]} can be {told}")
            if key == "inputDataBindings" and is_unset(given.value.get("dataId")):
                yield given.problem((), "lacks dataId: the version of data", at_key=True)
            if key == "outputDataBindings":
                yield from _place_problems(given)
    count, nodes = trial.value_at(("distribution", "processCount")), _nodes(source)
    if isinstance(count, int) and count % nodes:
        reason = f"must be a multiple of the nodes, which are {nodes}"
        yield trial.problem(("distribution", "processCount"), reason)


def _place_problems(given: Source) -> Iterator[Problem]:
    """What is wrong with where an output goes."""
    store, path = given.value.get("datastoreId"), given.value.get("pathOnDatastore")
    if is_unset(store) != is_unset(path):
        yield given.problem((), "has one of datastoreId and pathOnDatastore; give both, or none", at_key=True)
    if not is_unset(store) and not is_datastore(store):
        yield given.problem(("datastoreId",), f"is {store!r:.120}; it must be the ARM id of a datastore")


def _kept(source: Source) -> Json:
    kept = {key: source.value[key] for key in _KEPT if not is_unset(source.value.get(key))}
    identity = mapping(kept.get("identity"))
    return (
        {**kept, "identity": {**identity, "identityType": _WORDS[lower(identity["identityType"])]}}
        if identity
        else kept
    )


def _run(trial: Source, command: str) -> Json:
    """What runs, where a job and a trial say the same."""
    return {
        "codeId": trial.value.get("codeId"),
        "command": command,
        "environmentId": trial.value["environmentId"],
        "environmentVariables": trial.value.get("environmentVariables"),
    }


def _variables(trial: Source) -> str:
    """What tells a command where its data are, in the variables in which it looks."""
    told = [
        f'export {beginning}{name}="${{{{{place}.{name}}}}}" && '
        for key, beginning, place in (("inputDataBindings", INPUT, "inputs"), ("outputDataBindings", OUTPUT, "outputs"))
        for name in mapping(trial.value.get(key))
    ]
    return "".join(told)


def _swept(trial: Source, space: Mapping[str, object]) -> str:
    """The command of a trial with the values that are chosen for it."""
    command = str(trial.value["command"])
    for given in space:
        name = _plain(given)
        value = f"${{{{search_space.{name}}}}}"
        named = re.compile(rf"\$?\{{+\s*search_space\.(--)?{re.escape(name)}\s*\}}+")
        command = named.sub(value, command) if named.search(command) else f"{command} --{name} {value}"
    return command


def _plain(name: str) -> str:
    """A parameter without the dashes of the argument that it is."""
    return name.removeprefix("--")


def _nodes(source: Source) -> int:
    found = source.value_at(("compute", "instanceCount"))
    return found if isinstance(found, int) and found > 0 else 1


def _resources(source: Source) -> Json | None:
    compute = mapping(source.value.get("compute"))
    found = {
        key: compute[key] for key in ("instanceCount", "instanceType", "properties") if compute.get(key) is not None
    }
    return found or None


def _distribution(trial: Source, source: Source) -> Json | None:
    given = trial.at("distribution").value
    if not given:
        return None
    made = {key: value for key, value in given.items() if key != "processCount" and value is not None}
    count = given.get("processCount")
    if isinstance(count, int):
        made["processCountPerInstance"] = count // _nodes(source)
    return {**made, "distributionType": _WORDS[lower(given["distributionType"])]}


def _inputs(trial: Source, known: Known) -> Json | None:
    return {
        name: {
            "jobInputType": known.data_type(str(trial.value_at(("inputDataBindings", name, "dataId")))),
            "uri": trial.value_at(("inputDataBindings", name, "dataId")),
            "mode": _MODES[lower(trial.value_at(("inputDataBindings", name, "mode")) or "mount")],
        }
        for name in mapping(trial.value.get("inputDataBindings"))
    } or None


def _outputs(trial: Source) -> Json | None:
    return {
        name: _output(trial.at("outputDataBindings", name)) for name in mapping(trial.value.get("outputDataBindings"))
    } or None


def _output(given: Source) -> Json:
    made: Json = {"jobOutputType": "uri_folder", "mode": _OUT_MODES[lower(given.value.get("mode") or "mount")]}
    if not is_unset(given.value.get("datastoreId")):
        store = arm_ids.parse(str(given.value["datastoreId"])).name
        path = str(given.value["pathOnDatastore"]).strip("/")
        made["uri"] = f"azureml://datastores/{store}/paths/{path}/"
    return made
