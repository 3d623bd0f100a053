"""Keys that nothing is sent for: none of them is taken without a word."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from airflow_provider_azml.cli.schema_keys import Form, forms
from airflow_provider_azml.cli.translate import requests
from airflow_provider_azml.cli.uploads import ANYWHERE
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import automl_jobs, kinds
from airflow_provider_azml.spec.source import Source, from_mapping
from airflow_provider_azml.spec.table import KINDS
from tests.cli.test_template import variants

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_azml.spec.marks import Path as Keys

DEFAULTS = {
    "*.auth_mode": ("key", "aad_token"),
    "*.condition": ("created_greater_than",),
    "*.datastore": ("workspaceblobstore",),
    "*.enable_node_public_ip": (True,),
    "*.enable_root_access": (True,),
    "*.enable_sso": (True,),
    "*.is_deterministic": (True,),
    "*.is_shared": (True,),
    "*.max_nodes": (1,),
    "*.max_trials": (1,),
    "*.primary_metric": ("accuracy", "auc_weighted", "mean_average_precision"),
    "*.public_network_access": ("enabled",),
    "*.authority_url": ("https://login.microsoftonline.com",),
    "*.type": ("uri_folder", "uri_file", "mltable", "system_assigned", "aad"),
    "*.mode": ("auto",),
    "data.version": ("1",),
    "batch_deployment.settings": ({},),
}
"""Values that templates show and that are sent without the key as well."""
READ_ONLY = {"$schema", "component.id", "model.system_metadata"}
"""What says which file it is, or comes from the service."""


def sent(source: Source, kind: str) -> str:
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "<made up>", repr(requests(source, kind, ANYWHERE)))


def leaves(value: object, path: Keys) -> Iterator[tuple[Keys, object]]:
    if isinstance(value, dict) and value:
        for key, member in value.items():
            yield from leaves(member, (*path, key))
    else:
        yield path, value


def without(given: dict[str, Any], path: Keys) -> dict[str, Any]:
    left: Any = copy.deepcopy(given)
    inside = left
    for step in path[:-1]:
        inside = inside[step]
    del inside[path[-1]]
    return dict(left)


def is_known(kind: str, key: str, value: object) -> bool:
    names = {key, f"{kind}.{key}", f"*.{key}"}
    return bool(names & READ_ONLY) or any(value in DEFAULTS.get(name, ()) for name in names)


def dropped(form: Form, files: Source) -> Iterator[str]:
    """The keys of the templates of a form that change nothing."""
    for key, text in variants(form):
        given = yaml.safe_load(text)
        whole = sent(replace(files, value=given), form.kind)
        for path, value in leaves(given[key], (key,)):
            if is_known(form.kind, str(path[-1]), value):
                continue
            try:
                less = sent(replace(files, value=without(given, path)), form.kind)
            except (KeyError, TypeError, SpecError):  # it must be there
                continue
            if less == whole:
                yield f"{form.kind} {form.type} {path}: {value}"


def test_every_key_of_a_template_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # no repository, about which git would be asked each time
    (tmp_path / "src").mkdir()
    for name in ("main.py", "score.py", "my-key"):
        (tmp_path / "src" / name).write_text("")
    files = from_mapping({}, base_path=tmp_path)  # each is looked at once
    told_apart = {id(form.node.schema): form for kind in KINDS for form in forms(kind)}
    assert not [told for form in told_apart.values() for told in dropped(form, files)]


NODES = {
    "parallel": {"display_name": "Shown", "tags": {"a": "b"}},
    "command": {"resources": {"docker_args": ["--a"], "locations": ["x"], "max_instance_count": 3}},
    "automl": {
        "validation_data": {"type": "mltable", "path": "azureml:d:1", "mode": "direct"},
        "target_column_name": "y",
    },
}
JOBS = {
    "parallel": {"task": {"type": "run_function", "entry_script": "a.py", "environment": "azureml:e:1"}},
    "command": {"command": "echo", "environment": "azureml:e:1"},
    "automl": {"task": "text_ner", "training_data": {"type": "mltable", "path": "azureml:d:1"}},
}


@pytest.mark.parametrize(
    ("node", "noted"),
    [
        ("parallel", ["display_name", "tags"]),
        ("command", ["resources.locations", "resources.max_instance_count"]),
        ("automl", []),
    ],
)
def test_what_is_not_sent_of_nodes(node: str, noted: list[str]) -> None:
    job = {"type": node, **JOBS[node], **NODES[node]}
    pipeline = {"type": "pipeline", "settings": {"default_compute": "azureml:c"}, "jobs": {"n": job}}
    told = kinds.check(from_mapping(pipeline), "job", strict=True)
    assert [(problem.path, problem.severity) for problem in told] == [(f"jobs.n.{key}", "note") for key in noted]


def test_an_automl_node_sends_more_than_a_job() -> None:
    job = {"type": "automl", **JOBS["automl"], **NODES["automl"], "compute": "azureml:c"}
    told = kinds.check(from_mapping(job), "job")
    assert [problem.path for problem in told] == ["target_column_name", "validation_data.mode"]
    node = automl_jobs.node(from_mapping(job))
    assert (node["target_column_name"], node["validation_data"]["mode"]) == ("y", "direct")


def test_a_setting_of_another_framework_is_noted() -> None:
    distribution = {"type": "PyTorch", "process_count_per_instance": 2, "worker_count": 2, "port": 5}
    given = {"name": "c", "command": "echo", "environment": "azureml:e:1", "distribution": distribution}
    told = kinds.check(from_mapping(given), "component")
    assert sorted(problem.path for problem in told) == ["distribution.port", "distribution.worker_count"]
