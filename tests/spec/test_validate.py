from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds, table
from airflow_provider_azml.spec.source import from_mapping, read
from tests.spec.faulty import DEPLOYMENT, JOB, told, written

if TYPE_CHECKING:
    from pathlib import Path

FOUND = {
    "misspelt key": (
        "job",
        "comand: x\nenvironment: azureml:e:1\n",
        [
            "1:1: 'command' is missing",
            "1:1: comand: unknown key; did you mean 'command'?",
        ],
    ),
    "key of a part at the top": (
        "job",
        JOB + "instance_count: 2\n",
        [
            "3:1: instance_count: unknown key; it belongs under 'resources', as resources: {instance_count: ...}",
        ],
    ),
    "key of a part at the top, where the part is": (
        "job",
        JOB + "timeout: 2\nlimits: {}\n",
        [
            "3:1: timeout: unknown key; it belongs under 'limits'",
        ],
    ),
    "key of the top in a part": (
        "job",
        JOB + "resources:\n  compute: azureml:c\n",
        [
            "4:3: resources.compute: unknown key; it belongs at the top of the file",
        ],
    ),
    "key of what has a name, at the top": (
        "job",
        "type: pipeline\ncommand: x\n",
        ["2:1: command: unknown key; it belongs under 'jobs.<name>'"],
    ),
    "shortened key": (
        "job",
        "command: a\nenvironment: {image: a, conda: b.yml}\n",
        ["2:25: environment.conda: unknown key; did you mean 'conda_file'?"],
    ),
    "type that is missing where it tells": (
        "job",
        JOB + "distribution: {process_count_per_instance: 2}\n",
        ["3:1: distribution: 'type' is missing; it is one of pytorch, mpi, tensorflow, ray"],
    ),
    "type that is misspelt where it tells": (
        "job",
        JOB + "inputs:\n  x: {type: urifile, path: azureml:d:1}\n",
        [
            (
                "4:13: inputs.x.type: is 'urifile'; it must be one of uri_file, uri_folder, mltable, custom_model, "
                "mlflow_model, triton_model; did you mean 'uri_file'?"
            ),
        ],
    ),
    "name that would change the address": (
        "model",
        "name: ../m\npath: runs:/j/m\nversion: a?b\n",
        [
            (
                "1:7: name: warning: is '../m'; it must be 1 to 255 letters, digits, -, _ and ., "
                "a letter or digit first; azure-ai-ml sends it, and the service refuses it"
            ),
            "1:7: name: is '../m'; it must hold none of / \\ ? # % and be neither . nor ..",
            "3:10: version: is 'a?b'; it must hold none of / \\ ? # % and be neither . nor ..",
        ],
    ),
    "key that nothing is like": ("job", JOB + "zzz: 2\n", ["3:1: zzz: unknown key"]),
    "number for text": ("job", JOB + "description: 3\n", ["3:14: description: is 3; it must be text; quote it"]),
    "date for text": (
        "job",
        JOB + "description: 2024-01-02\n",
        [
            "3:14: description: is 2024-01-02, which YAML takes for a date; it must be text; quote it",
        ],
    ),
    "nothing for text": ("job", JOB + "compute:\n", ["3:9: compute: is empty; it must be text"]),
    "word": (
        "job",
        JOB + "queue_settings: {priority: hig}\n",
        [
            "3:28: queue_settings.priority: is 'hig'; it must be one of low, medium, high; did you mean 'high'?",
        ],
    ),
    "alternative by its type": (
        "job",
        JOB + "distribution:\n  type: tensorflow\n  process_count_per_instance: 2\n",
        [
            "5:3: distribution.process_count_per_instance: unknown key of this type; another type has it",
        ],
    ),
    "none of the alternatives": (
        "job",
        JOB + "environment_variables: {}\ninputs:\n  x: [1]\n",
        [
            "5:6: inputs.x: is a list; it must be text or a number or true or false or a mapping",
        ],
    ),
    "mode that another type has": (
        "job",
        JOB + "inputs:\n  x: {type: uri_file, path: azureml:d:1, mode: eval_mount}\n",
        [
            (
                "4:48: inputs.x.mode: is 'eval_mount'; it must be one of download, ro_mount, direct; "
                "did you mean 'ro_mount'?"
            ),
        ],
    ),
    "number in text": (
        "compute",
        "name: cc\ntype: amlcompute\nmax_instances: many\n",
        [
            "3:16: max_instances: is 'many'; it must be a whole number",
        ],
    ),
    "type of a kind": (
        "compute",
        "name: c\ntype: amlcluster\n",
        [
            "2:7: type: is 'amlcluster'; it must be one of "
            + ", ".join(table.KINDS["compute"])
            + "; did you mean 'amlcompute'?",
        ],
    ),
    "type in capitals, where azure-ai-ml minds": (
        "job",
        JOB + "type: Command\n",
        ["3:7: type: is 'Command'; it must be one of " + ", ".join(table.KINDS["job"]) + "; did you mean 'command'?"],
    ),
    "name": (
        "online_endpoint",
        "name: my_scores\n",
        [
            "1:7: name: is 'my_scores'; it must be 3 to 32 letters, digits and -, a letter first, no - last",
        ],
    ),
    "keys that do not go together": (
        "online_endpoint",
        "name: eee\ncompute: azureml:k\npublic_network_access: enabled\n",
        [
            "3:1: public_network_access: is for managed endpoints, which have no compute",
        ],
    ),
    "subnet": (
        "compute",
        "name: cc\ntype: amlcompute\nnetwork_settings: {vnet_name: v}\n",
        [
            "3:1: network_settings: a virtual network needs a subnet",
        ],
    ),
    "everything at once": (
        "job",
        "comand: x\nenvironment: e\ncode: nowhere\ntags: {a: 1}\ninputs: {1x: {path: 'azureml:'}}\n",
        [
            "1:1: 'command' is missing",
            "1:1: comand: unknown key; did you mean 'command'?",
            "2:14: environment: 'e' is no reference to a registered environment; write azureml:e@latest",
            "3:7: code: there is no such file or folder: FOLDER/nowhere",
            "4:11: tags.a: is 1; it must be text or empty; quote it",
            "5:10: inputs.1x: '1x' is no name: letters, digits and underscores, not beginning with a digit",
            (
                "5:21: inputs.1x.path: 'azureml:' lacks a version; write azureml:<name>:<version> "
                "or azureml:<name>@latest"
            ),
        ],
    ),
}

ACCEPTED = {
    "numbers as text": ("compute", "name: c\ntype: AmlCompute\nmax_instances: '3'\nmin_instances: 1.0\n"),
    "words for booleans": ("online_deployment", DEPLOYMENT + "app_insights_enabled: 'yes'\n"),
    "words in any case": ("online_endpoint", "name: eee\nauth_mode: AMLToken\nidentity: {type: SystemAssigned}\n"),
    "optional input": ("job", "command: echo $[[--x ${{inputs.x}}]]\nenvironment: azureml:e:1\n"),
    "optional input, older": ("job", "command: 'echo [--x ${{inputs.x}}]'\nenvironment: azureml:e:1\n"),
    "braces of the older kind": ("job", "command: echo {inputs.x}\ninputs: {x: 1}\nenvironment: azureml:e:1\n"),
    "curated environment": ("job", "command: a\nenvironment: azureml:AzureML-sklearn@latest\n"),
    "registry": ("job", "command: a\nenvironment: azureml://registries/r/environments/e/versions/1\n"),
    "model of a job": ("model", "name: m\npath: azureml://jobs/j/outputs/model/paths/m\n"),
    "model of a run": ("model", "name: m\npath: runs:/j/model\n"),
    "job without a type": ("job", JOB),
    "deployment without a type": ("online_deployment", DEPLOYMENT),
}


LONG = "x" * 300
WARNED = {
    "job": (
        "job",
        JOB + "name: my.job\n",
        "3:7: name: warning: is 'my.job'; it must be 1 to 255 letters, digits, - and _",
    ),
    "experiment": (
        "job",
        JOB + "experiment_name: a/b\n",
        "3:18: experiment_name: warning: is 'a/b'; it must be 1 to 256",
    ),
    "memory, in no unit": (
        "job",
        JOB + "resources: {shm_size: big}\n",
        "3:23: resources.shm_size: warning: is 'big'; it must",
    ),
    "environment": ("environment", f"name: {LONG}\nimage: a\n", "1:7: name: warning: is 'xxx"),
    "data": (
        "data",
        "name: a b\npath: azureml://datastores/d/paths/p\n",
        "1:7: name: warning: is 'a b'; it must be 1 to 255",
    ),
    "model": ("model", "name: _m\npath: runs:/j/m\n", "1:7: name: warning: is '_m'; it must be 1 to 255"),
    "cluster": ("compute", "name: a_b\ntype: amlcompute\n", "1:7: name: warning: is 'a_b'; it must be 2 to 32"),
    "instance": (
        "compute",
        "name: cpu-1\ntype: computeinstance\n",
        "1:7: name: warning: is 'cpu-1'; it must be 3 to 24",
    ),
    "attached": (
        "compute",
        "name: a-very-long-name-of-a-vm\ntype: virtualmachine\nresource_id: /subscriptions/s/x\n",
        "1:7: name: warning: is 'a-very-long-name-of-a-vm'; it must be 2 to 16",
    ),
    "hour": (
        "compute",
        (
            "name: abc\ntype: computeinstance\nschedules:\n  compute_start_stop:\n  - action: stop\n    trigger:\n"
            "      {type: recurrence, frequency: day, interval: 1, schedule: {hours: ['24'], minutes: [0]}}\n"
        ),
        "7:74: schedules.compute_start_stop[0].trigger.schedule.hours[0]: warning: is '24'; it must be 0 to 23",
    ),
    "time zone": (
        "compute",
        (
            "name: abc\ntype: computeinstance\nschedules:\n  compute_start_stop:\n  - action: stop\n    trigger:\n"
            "      {type: cron, expression: 0 0 * * *, time_zone: Europe/Berlin}\n"
        ),
        (
            "7:54: schedules.compute_start_stop[0].trigger.time_zone: warning: is 'Europe/Berlin'; "
            "it must be a Windows name of a time zone, e.g. W. Europe Standard Time"
        ),
    ),
    "workspace": ("workspace", "name: ws\n", "1:7: name: warning: is 'ws'; it must be 3 to 33"),
}


@pytest.mark.parametrize("name", FOUND)
def test_all_that_is_wrong_is_found_with_its_place(name: str, tmp_path: Path) -> None:
    kind, text, expected = FOUND[name]
    assert told(tmp_path, kind, text) == expected


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_azure_ai_ml_takes_is_taken(name: str, tmp_path: Path) -> None:
    kind, text = ACCEPTED[name]
    kinds.check(read(written(tmp_path, text)), kind)


@pytest.mark.parametrize("name", WARNED)
def test_what_the_service_refuses_is_a_warning_unless_strict(name: str, tmp_path: Path) -> None:
    kind, text, expected = WARNED[name]
    file = written(tmp_path, text)
    (warning,) = kinds.check(read(file), kind)
    assert str(warning).removeprefix(f"{file}:").startswith(expected)
    assert str(warning).endswith("; azure-ai-ml sends it, and the service refuses it")
    with pytest.raises(SpecError) as caught:
        kinds.check(read(file), kind, strict=True)
    assert str(caught.value) == str(warning).replace(": warning: ", ": ")


def test_a_mapping_has_no_lines() -> None:
    with pytest.raises(SpecError) as caught:
        kinds.check(from_mapping({"command": "a", "environment": "azureml:e:1", "tags": {"a": 1}}), "job")
    assert str(caught.value) == "<mapping>: tags.a: is 1; it must be text or empty; quote it"


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        JOB + "".join(f"key_{place}: 1\n" for place in range(30_000)),
        f"command: '{'${{inputs.x}} $[[ ' * 5_500}'\nenvironment: azureml:e:1\n",
        f"command: '{'{inputs.' * 12_000}'\nenvironment: azureml:e:1\n",
        f"$schema: '{'x' * 99_000}'\n" + JOB,
        f"type: pipeline\njobs:\n  a: {{command: '{'${{' * 30_000}', environment: azureml:e:1}}\n",
    ],
    ids=["keys", "brackets", "braces", "schema", "nodes"],
)
def test_files_made_to_take_long_do_not(text: str, tmp_path: Path) -> None:
    with contextlib.suppress(SpecError):
        kinds.check(read(written(tmp_path, text)), "job")
        kinds.kind_of(read(tmp_path / "f.yml"))
