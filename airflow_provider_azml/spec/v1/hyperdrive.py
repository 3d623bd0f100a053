"""HyperDrive configurations of CLI v1, with a run configuration beside each, as sweep jobs of today.

Source: azureml-core 1.61, ``azureml._cli.run.run_commands.submit_hyperdrive``, which is
``az ml run submit-hyperdrive``, and azureml-train-core 1.62, ``azureml.train.hyperdrive``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec import validate
from airflow_provider_azml.spec.local_paths import is_file
from airflow_provider_azml.spec.rules import lower
from airflow_provider_azml.spec.v1 import script_runs, unsayable
from airflow_provider_azml.spec.v1.parameter_spaces import Parameter
from airflow_provider_azml.spec.v1.placed import Placed, gathered, kept, put
from airflow_provider_azml.spec.v1.run_services import SECTION as SERVICES
from airflow_provider_azml.spec.v1.translation import Remark, Translation
from airflow_provider_azml.spec.v1.unsayable import Unsayable, is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.v1.script_runs import ScriptRun

SCHEMA = "v1_hdconfig.schema.json"
_SPACE = ("sampling", "parameter_space")
_NONE = "noterminationpolicy"
_BANDIT, _TRUNCATION = "banditpolicy", "truncationselectionpolicy"
_POLICIES: Mapping[str, str] = {
    _BANDIT: "bandit",
    "medianstoppingpolicy": "median_stopping",
    _TRUNCATION: "truncation_selection",
}
_SLACKS = ("slack_factor", "slack_amount")
_OF_POLICIES: Mapping[str, Sequence[str]] = {_BANDIT: _SLACKS, _TRUNCATION: ("truncation_percentage",)}
"""Policy -> its own keys."""
_INTERVALS: Mapping[str, int] = {"evaluation_interval": 1, "delay_evaluation": 0}
"""Keys of all policies that stop something -> what v1 takes where they are missing."""
_LONGEST_MINUTES = 10_080
_OF_TRIALS = ("command", "code", "environment", "environment_variables", "resources", "distribution")
_SAMPLED = "v1 knows no policies with bayesian sampling, says its reference; leave it out if the service refuses it"


@dataclass(frozen=True)
class HyperDrive:
    """A HyperDrive configuration.

    Args:
        source: Its file.
    """

    source: Source

    @property
    def parameters(self) -> list[Parameter]:
        """The arguments whose values are tried."""
        given = self.source.value_at(_SPACE)
        count = len(given) if isinstance(given, list) else 0
        return [Parameter(self.source.at(*_SPACE, place)) for place in range(count)]

    @property
    def sampling(self) -> str:
        """How values are picked, in lower case."""
        return lower(self.source.value_at(("sampling", "type")))

    @property
    def policy(self) -> str:
        """When runs that do badly are stopped, in lower case."""
        return lower(self.source.value_at(("policy", "type")) or _NONE)

    def problems(self) -> Iterator[Problem]:
        """What is wrong with it by itself."""
        yield from validate.problems(self.source, SCHEMA)
        yield from unsayable.none_texts(self.source, but=[_SPACE])
        yield from self._policy_problems()
        seen: dict[str, str] = {}
        for parameter in self.parameters:
            yield from parameter.problems(self.sampling)
            if parameter.key in seen:
                reason = f"{parameter.name!r} and {seen[parameter.key]!r} are both {parameter.key!r} in v2; rename one"
                yield parameter.source.problem(("name",), reason)
            seen.setdefault(parameter.key, parameter.name)
        total, at_once = (self.source.value.get(f"max_{what}_runs") for what in ("total", "concurrent"))
        if isinstance(total, int) and isinstance(at_once, int) and at_once > total:
            reason = f"is {at_once}, and there are {total} runs in all (max_total_runs)"
            yield self.source.problem(("max_concurrent_runs",), reason)

    def _policy_problems(self) -> Iterator[Problem]:
        given, policy = self.source.at("policy"), self.policy
        own = _OF_POLICIES.get(policy, ())
        others = [(owner, key) for owner, keys in _OF_POLICIES.items() if owner != policy for key in keys]
        rows = [Unsayable((key,), f"not sent: counts with {owner} alone") for owner, key in others]
        if policy == _NONE:
            rows += [Unsayable((key,), "not sent: nothing is stopped", (usual,)) for key, usual in _INTERVALS.items()]
        yield from unsayable.problems(given, rows, severity="note")
        told = [key for key in own if given.value.get(key) is not None]
        if own and len(told) != 1:
            both = f"{' and '.join(told)} are given" if told else f"{' or '.join(own)} is missing"
            yield self.source.problem(("policy",), f"{both}; {policy} takes one" if told else both, at_key=True)
        if self.sampling == "bayesian" and policy != _NONE:
            yield self.source.problem(("policy",), _SAMPLED, at_key=True, severity="note")

    def parts(self) -> Mapping[str, Placed | None]:
        """The keys of the sweep that say what is tried, and when it ends, but for that of a trial."""
        source = self.source
        space = {one.key: put(one.distribution(), one.source) for one in self.parameters}
        objective = {
            "goal": put(lower(source.value["primary_metric_goal"]), source, "primary_metric_goal"),
            "primary_metric": kept(source, "primary_metric_name"),
        }
        return {
            "sampling_algorithm": put(self.sampling, source, "sampling", "type"),
            "search_space": gathered(space, source, *_SPACE),
            "objective": gathered(objective, source, "primary_metric_name"),
            "early_termination": self._termination(),
        }

    def limits(self, trial_timeout: Placed | None) -> Placed:
        """How many trials there are, and how long they take.

        Args:
            trial_timeout: When each is stopped, in seconds.
        """
        source = self.source
        total = kept(source, "max_total_runs")
        minutes = min(int(source.value.get("max_duration_minutes") or _LONGEST_MINUTES), _LONGEST_MINUTES)
        members = {
            "max_total_trials": total,
            "max_concurrent_trials": kept(source, "max_concurrent_runs") or total,
            "timeout": put(60 * minutes, source, "max_duration_minutes"),
            "trial_timeout": trial_timeout,
        }
        return gathered(members, source)

    def remarks(self) -> Iterator[Remark]:
        """The choices that were made."""
        minutes = self.source.value.get("max_duration_minutes")
        if minutes is None:
            yield Remark(("limits", "timeout"), f"v1 stopped after {_LONGEST_MINUTES} minutes where nothing was said")
        elif int(minutes) > _LONGEST_MINUTES:
            yield Remark(("limits", "timeout"), f"v1 took {minutes} minutes for {_LONGEST_MINUTES}, its longest")

    def _termination(self) -> Placed | None:
        if self.policy == _NONE:
            return None
        given = self.source.at("policy")
        usual = {key: put(value, self.source, "policy") for key, value in _INTERVALS.items()}
        members: dict[str, Placed | None] = {
            "type": put(_POLICIES[self.policy], self.source, "policy", "type"),
            **{key: kept(given, key) or usual[key] for key in _INTERVALS},
            **{key: kept(given, key) for key in _OF_POLICIES.get(self.policy, ())},
        }
        return gathered(members, self.source, "policy")


def is_hdconfig(source: Source) -> bool:
    """Whether a source is a HyperDrive configuration, as it is written."""
    value = source.value
    told = {"policy", "primary_metric_name", "primary_metric_goal", "max_total_runs"} & value.keys()
    return isinstance(value.get("sampling"), dict) and bool(told) and not {"$schema", "type"} & value.keys()


def check(source: Source) -> Sequence[Problem]:
    """Check a HyperDrive configuration by itself, before anything is made of it.

    Returns:
        The notes, of what v1 did not heed either.

    Raises:
        SpecError: It is no valid one; with all its problems at once.
    """
    return validate.told(HyperDrive(source).problems(), strict=True)


def find_hdconfig(folder: Path, name: str) -> Path:
    """The file that ``az ml run submit-hyperdrive --hyperdrive-configuration-name`` means.

    Args:
        folder: The folder of the project.
        name: Its path, relative to that folder, or the end of the path of a file in it.

    Raises:
        SpecError: There is none, or several are called so.

    Source: azureml-core 1.61, ``submit_hyperdrive``, which takes any of several.
    """
    if is_file(folder / name):
        return folder / name
    found = [Path(place, file) for place, _, files in os.walk(folder) for file in files if file.endswith(name)]
    if len(found) != 1:
        told = (
            f"several files are called so: {', '.join(map(str, sorted(found)))}" if found else "there is no such file"
        )
        raise SpecError([Problem(name, 0, 0, "", f"{told} (in {folder}, or a folder in it)")])
    return found[0]


def sweep_job(
    hdconfig: Source,
    runconfig: Source,
    *,
    script: str | None = None,
    arguments: Sequence[object] | None = None,
    source_directory: Path | None = None,
    experiment_name: str | None = None,
) -> Translation:
    """The sweep job that a HyperDrive configuration and a run configuration become.

    Args:
        hdconfig: The HyperDrive configuration, as it is written.
        runconfig: The run configuration, as it is written; paths of the job start from the folder of its project.
        script: The script, relative to the folder of the code; by default what the run configuration says.
        arguments: Arguments of the script, in the place of those of the run configuration.
        source_directory: Folder of the code; by default that of the project.
        experiment_name: Experiment that it is listed under.

    Raises:
        SpecError: One of them is not valid, says what v2 cannot say, or both set the same argument; with all problems
            of both at once.

    Example:
        >>> made = sweep_job(as_written(Path("hdconfig.yml")), as_written(Path(".azureml/sklearn.runconfig")))
        >>> made.source.value["search_space"]
        {'penalty': {'type': 'choice', 'values': [0.5, 1, 1.5]}}
    """
    sweep = HyperDrive(hdconfig)
    run = script_runs.script_run(runconfig, script=script, arguments=arguments, source_directory=source_directory)
    notes = validate.told([*sweep.problems(), *run.problems(), *_problems_of_both(sweep, run)], strict=True)
    job = dict(run.job({one.word: one.reference for one in sweep.parameters}))
    limits = job.pop("limits")
    timeout = None if limits is None else limits._replace(value=limits.value["timeout"])
    trial = gathered({key: job.pop(key) for key in _OF_TRIALS}, runconfig)
    members: dict[str, Placed | None] = {
        "type": put("sweep", hdconfig),
        "trial": trial,
        **job,
        **sweep.parts(),
        "limits": sweep.limits(timeout),
        "experiment_name": None if experiment_name is None else put(experiment_name, runconfig),
    }
    placed = gathered(members, hdconfig)
    return Translation("job", run.content(placed), remarks=[*run.remarks(("trial",)), *sweep.remarks()], notes=notes)


def _problems_of_both(sweep: HyperDrive, run: ScriptRun) -> Iterator[Problem]:
    """What does not go together."""
    if run.line:
        reason = "v1 gave values to scripts alone; write script and arguments"
        yield run.source.problem(("command",), reason, at_key=True)
    if run.runconfig.runs_spark:
        yield run.source.problem(("framework",), "v2 tries no values of arguments on Spark")
    if not is_unset(run.source.value.get(SERVICES)):
        yield run.source.problem((SERVICES,), "v2 has no ways into the trials of a sweep; leave it out", at_key=True)
    given = {
        argument.partition("=")[0].lstrip("-"): place
        for place, argument in enumerate(run.arguments)
        if argument.startswith("-")
    }
    for parameter in sweep.parameters:
        place = given.get(parameter.name.lstrip("-"))
        if place is not None:
            mark = run.source.marks.at(("arguments", place))
            where = f"{mark.file}:{mark.line}:{mark.column}" if mark.line else mark.file
            reason = f"{parameter.name!r} is an argument in {where} too; leave it out there, for its values are tried"
            yield parameter.source.problem(("name",), reason)
