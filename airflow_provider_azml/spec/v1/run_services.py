"""Ways into a running job that run configurations of CLI v1 ask for, as services of a command job.

Source: azureml-core 1.61, ``ApplicationEndpointConfiguration``, and
https://learn.microsoft.com/azure/machine-learning/how-to-interactive-jobs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.spec.rules import lower, mapping
from airflow_provider_azml.spec.v1.placed import gathered, kept, put, unless_empty
from airflow_provider_azml.spec.v1.unsayable import is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.v1.placed import Placed

SECTION = "applicationEndpoints"
_TYPES: Mapping[str, str] = {
    "jupyterlab": "jupyter_lab",
    "ssh": "ssh",
    "tensorboard": "tensor_board",
    "vscode": "vs_code",
}
_SETTINGS: Mapping[str, tuple[str, str]] = {
    "logDir": ("log_dir", "tensorboard"),
    "sshPublicKeys": ("ssh_public_keys", "ssh"),
}
"""Key of v1's properties -> key of today, and the type that it counts with."""


def problems(runconfig: Source) -> Iterator[Problem]:
    """What v2 cannot say of the ways in."""
    for name in mapping(runconfig.value.get(SECTION)):
        given = runconfig.at(SECTION, name)
        kind = lower(given.value.get("type"))
        if kind not in _TYPES:
            reason = f"is {given.value.get('type')!r}, and v2 has {', '.join(_TYPES)} alone"
            yield given.problem(("type",), reason)
        for key, value in mapping(given.value.get("properties")).items():
            if _SETTINGS.get(key, ("", ""))[1] != kind and not is_unset(value):
                yield given.problem(("properties", key), f"v2 has no such setting of {kind}; leave it out", at_key=True)


def services(runconfig: Source) -> Placed | None:
    """The services of the job; ``None`` where none are asked for."""
    named = mapping(runconfig.value.get(SECTION))
    return unless_empty(gathered({name: _service(runconfig.at(SECTION, name)) for name in named}, runconfig, SECTION))


def _service(given: Source) -> Placed:
    settings = {key: kept(given, "properties", name) for name, (key, _) in _SETTINGS.items()}
    kind = put(_TYPES[lower(given.value.get("type"))], given, "type")
    return gathered({"type": kind, "port": kept(given, "port"), **settings}, given)
