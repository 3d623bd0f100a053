from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml._utils.utils import hash_dict

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import component_io, components, kinds
from airflow_provider_azml.spec.filling import filled
from airflow_provider_azml.spec.source import from_mapping
from tests.spec.stand_in import TARGET, WS, StandIn

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = {"name": "prep", "command": "echo", "environment": "azureml:e:1"}
PARALLEL = {"name": "score", "type": "parallel"}
SPARK = {"name": "sort", "type": "spark", "entry": {"file": "a.py"}}
COPY = {"name": "copy", "type": "data_transfer", "task": "copy_data"}
IMPORT = {"name": "load", "type": "import", "source": {"path": {"type": "string"}}, "output": {"type": "uri_file"}}
RUN = {"type": "Run_Function", "environment": "azureml:AzureML-x:1"}
FILE, FOLDER = {"type": "uri_file"}, {"type": "uri_folder"}

SPECS = {
    "defaults": (
        COMMAND,
        {
            "_source": "YAML.COMPONENT",
            "name": "prep",
            "type": "command",
            "command": "echo",
            "environment": f"azureml:{WS}/environments/e/versions/1",
            "is_deterministic": True,
        },
    ),
    "a curated environment": (
        {**COMMAND, "environment": "azureml:AzureML-x:3"},
        {"environment": "azureml:AzureML-x:3"},
    ),
    "an environment of a registry": (
        {**COMMAND, "environment": "azureml://registries/r/environments/e/labels/latest"},
        {"environment": "azureml://registries/r/environments/e/labels/latest"},
    ),
    "code of a registry": (
        {**COMMAND, "code": "azureml://feeds/r/codes/c/versions/1"},
        {"code": "azureml://registries/r/codes/c/versions/1"},
    ),
    "words in any case": ({**COMMAND, "type": "Command", "is_deterministic": "no"}, {"is_deterministic": False}),
    "a number as version": ({**COMMAND, "version": 1.10}, {"version": "1.1"}),
    "nodes at the top": ({**COMMAND, "instance_count": 3}, {"resources": {"instance_count": 3}}),
    "resources": (
        {**COMMAND, "resources": {"instance_count": "2", "docker_args": ["-a"], "properties": {"a": 1}, "b": 1}},
        {"resources": {"instance_count": 2, "docker_args": ["-a"]}},
    ),
    "mpi": (
        {**COMMAND, "distribution": {"type": "MPI", "process_count_per_instance": "2", "worker_count": 1}},
        {"distribution": {"type": "mpi", "process_count_per_instance": 2}},
    ),
    "tensorflow": (
        {**COMMAND, "distribution": {"type": "TensorFlow"}},
        {"distribution": {"type": "tensorflow", "parameter_server_count": 0}},
    ),
    "ray": (
        {**COMMAND, "distribution": {"type": "ray", "include_dashboard": "yes", "port": 1}},
        {"distribution": {"type": "ray", "include_dashboard": True, "port": 1}},
    ),
    "unknown keys are sent": (
        {**COMMAND, "limits": {"timeout": 1}, "nothing": None, "environment_variables": {"A": 1}},
        {"limits": {"timeout": 1}, "nothing": None, "environment_variables": None},
    ),
    "one that was shown": (
        {**COMMAND, "id": "azureml:prep:1", "creation_context": {}, "latest_version": "3"},
        {"id": "azureml:prep:1", "_source": "REMOTE.WORKSPACE.COMPONENT", "creation_context": None},
    ),
    "one of a registry": (
        {**COMMAND, "id": "azureml://registries/r/components/c/versions/1"},
        {"_source": "REMOTE.REGISTRY"},
    ),
    "parallel": (
        {
            **PARALLEL,
            "task": {**RUN, "program_arguments": "--a"},
            "mini_batch_size": "10kb",
            "partition_keys": ["a", "b"],
            "retry_settings": {"max_retries": "2", "timeout": "${{inputs.t}}"},
            "error_threshold": "5",
            "foo": 1,
        },
        {
            "task": {"type": "run_function", "environment": "azureml:AzureML-x:1", "program_arguments": "--a"},
            "mini_batch_size": "10240",
            "partition_keys": '["a", "b"]',
            "retry_settings": {"max_retries": 2, "timeout": "${{inputs.t}}"},
            "error_threshold": 5,
            "foo": None,
        },
    ),
    "parallel defaults": (PARALLEL, {"mini_batch_size": "0", "task": None, "logging_level": None}),
    "spark": (
        {
            **SPARK,
            "code": "azureml://registries/r/codes/c/versions/1",
            "conf": {"spark.driver.cores": "1", "spark.foo": "5", "executor_cores": 2},
            "driver_memory": "2g",
            "jars": [],
            "environment": None,
        },
        {
            "entry": {"file": "a.py"},
            "conf": {
                "spark.driver.cores": 1,
                "spark.foo": "5",
                "spark.executor.cores": 2,
                "spark.driver.memory": "2g",
            },
            "jars": None,
            "environment": None,
        },
    ),
    "a copy": (
        {**COPY, "data_copy_mode": "Fail_If_Conflict", "inputs": {"a": FILE, "b": FOLDER}, "outputs": {"o": FOLDER}},
        {"task": "copy_data", "data_copy_mode": "fail_if_conflict", "outputs": {"o": FOLDER}},
    ),
    "an import": (
        {**COPY, "task": "import_data", "source": {"type": "Database"}},
        {"source": {"type": "database"}, "outputs": {"sink": {"type": "mltable"}}},
    ),
    "an export": (
        {**COPY, "task": "export_data", "sink": {"type": "file_system"}, "inputs": {"source": FOLDER}},
        {"sink": {"type": "file_system"}, "inputs": {"source": FOLDER}},
    ),
    "an import is a command": (
        {**IMPORT, "tags": {"a": "b"}},
        {
            "type": "command",
            "command": "import",
            "inputs": {"path": {"type": "string"}},
            "outputs": {"output": FILE},
            "tags": {"a": "b", "component_type_overwrite": "import"},
            "source": None,
        },
    ),
}


@pytest.mark.parametrize("name", SPECS)
def test_specifications(service: StandIn, name: str, tmp_path: Path) -> None:
    given, expected = SPECS[name]
    source = from_mapping(given, base_path=tmp_path)
    kinds.check(source, "component")
    sent = service.run(filled(components.spec(source), TARGET))
    assert {key: sent.get(key) for key in expected} == expected


@pytest.mark.parametrize(
    ("declared", "sent"),
    [
        ({"type": "integer", "default": "7.0", "min": 1.5, "max": 9}, {"default": "7", "min": "1", "max": "9"}),
        ({"type": "integer", "default": 2**60 + 1}, {"default": str(2**60 + 1)}),
        ({"type": "number", "default": "1e-3", "min": 0}, {"default": "0.001", "min": "0.0"}),
        ({"type": "number", "default": True}, {"default": "1.0"}),
        ({"type": "boolean", "default": "false"}, {"default": "False"}),
        ({"type": "string", "default": 5, "enum": ["x"]}, {"default": "5.0", "enum": ["x"]}),
        ({"type": "string", "default": True, "optional": "true"}, {"default": "True", "optional": True}),
        ({"type": "string", "default": ""}, {"default": ""}),
        ({"type": "uri_folder", "mode": "ro_mount", "description": "d"}, {"mode": "ro_mount", "description": "d"}),
    ],
)
def test_inputs_have_their_defaults_as_text(declared: dict[str, Any], sent: dict[str, Any]) -> None:
    assert component_io.inputs({"a": declared}) == {"a": {"type": declared["type"], **sent}}
    assert list(component_io.problems(from_mapping({"inputs": {"a": declared}}))) == []


def test_outputs_may_be_values() -> None:
    given = {"a": {"type": "string", "early_available": "true", "foo": 1}, "b": {"type": "mltable", "mode": "upload"}}
    kinds.check(from_mapping({**COMMAND, "outputs": given}), "component")
    assert component_io.outputs(given) == {
        "a": {"type": "string", "early_available": True},
        "b": {"type": "mltable", "mode": "upload"},
    }


REFUSED = [
    ({**COMMAND, "name": "A-b"}, "name: is 'A-b'; it must begin with a lower-case letter"),
    ({**COMMAND, "tags": {"a": None}}, "tags.a: is empty"),
    ({**COMMAND, "command": "a ${{inputs.x}}"}, r"command: \$\{\{inputs.x}} names nothing that the component has"),
    ({**COMMAND, "command": "a $[[--x ${{inputs.x}}]]"}, r"command: \$\{\{inputs.x}} names nothing"),
    ({**COMMAND, "command": "${{search_space.x}}"}, r"command: \$\{\{search_space.x}} names nothing"),
    ({**COMMAND, "code": "./nowhere"}, "code: there is no such file or folder"),
    ({**COMMAND, "code": "https://x/y"}, "code: a component takes no URL"),
    ({**COMMAND, "code": "git+https://x/y"}, "code: the service takes no git paths"),
    ({**COMMAND, "environment": "azureml:e"}, "environment: .* lacks a version"),
    ({**COMMAND, "environment_variables": 5}, "environment_variables: is 5; it must be a mapping"),
    ({**COMMAND, "queue_settings": {"job_tier": "spot"}}, "queue_settings: "),
    (
        {**COMMAND, "$schema": "https://componentsdk.azureedge.net/jsonschema/CommandComponent.json"},
        "schema: components",
    ),
    ({**COMMAND, "intellectual_property": {}}, "intellectual_property: is part of a private preview"),
    ({**COMMAND, "resources": {}, "instance_count": 1}, "instance_count: is in the way of resources"),
    ({**COMMAND, "distribution": {"process_count_per_instance": 1}}, "distribution: 'type' is missing"),
    ({**COMMAND, "inputs": {"a-b": {"type": "string"}}}, "'a-b' is no name"),
    ({**COMMAND, "inputs": {"a": {"type": "string"}, "A": FILE}}, "'A' differs from 'a' in the case"),
    ({**COMMAND, "inputs": {"a": {"type": "Integer"}}}, "inputs.a.type: is 'Integer'"),
    ({**COMMAND, "inputs": {"a": {"type": "integer", "default": "x"}}}, "inputs.a.default: is 'x'"),
    ({**COMMAND, "inputs": {"a": {"type": "integer", "default": True}}}, "inputs.a.default: is true"),
    ({**COMMAND, "inputs": {"a": {"type": "boolean", "default": 1}}}, "inputs.a.default: is 1"),
    ({**COMMAND, "inputs": {"a": {"type": "string", "min": 1}}}, "inputs.a.min: an input of type string has no min"),
    ({**COMMAND, "inputs": {"a": {**FOLDER, "path": "x"}}}, "inputs.a.path: unknown key"),
    ({**COMMAND, "additional_includes": ["nowhere"]}, r"additional_includes\[0\]: there is no such file"),
    ({**COMMAND, "additional_includes": ["/"]}, r"additional_includes\[0\]: the root of the file system"),
    (
        {**COMMAND, "additional_includes": [{"type": "artifact", "name": "tools"}]},
        r"additional_includes\[0\]: packages of Azure DevOps are not taken; download tools",
    ),
    ({**PARALLEL, "mini_batch_size": "10 files"}, "mini_batch_size: '10 files' is no number of files"),
    ({**PARALLEL, "mini_batch_size": 10}, "mini_batch_size: is 10; it must be text"),
    ({**PARALLEL, "task": {}}, "task: 'environment' is missing"),
    ({**PARALLEL, "code": "."}, "code: without a task it says nothing"),
    ({**PARALLEL, "logging_level": "info"}, "logging_level: is 'info'"),
    ({**PARALLEL, "outputs": {"o": {"type": "string"}}}, "outputs.o.type: is 'string'"),
    ({**SPARK, "py_files": ["a", "a"]}, "py_files: "),
    ({**SPARK, "entry": "a.py"}, "entry: is 'a.py'; it must be a mapping"),
    ({**COPY, "inputs": {"a": FILE}, "outputs": {"o": FOLDER}}, "outputs.o.type: is 'uri_folder'; its only input is"),
    ({**COPY, "inputs": {"a": FILE, "b": FILE}, "outputs": {"o": FILE}}, "what copies several inputs must be"),
    ({**COPY, "inputs": {"a": FILE}}, "'outputs' is missing"),
    ({**COPY, "task": "import_data", "source": {"type": "database"}, "inputs": {}}, "import_data has no inputs"),
    ({**COPY, "task": "export_data", "sink": {"type": "database"}, "outputs": {}}, "export_data has no outputs"),
    ({**COPY, "task": "move"}, "task: is 'move'"),
    ({**IMPORT, "inputs": {}}, "inputs: an import has a source instead"),
    ({**IMPORT, "source": {"foo": {"type": "string"}}}, "source.foo: unknown key"),
    ({**COMMAND, "type": "sweep"}, "type: is 'sweep'; it must be one of command"),
]


@pytest.mark.parametrize(("given", "reason"), REFUSED)
def test_what_is_refused(given: dict[str, Any], reason: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=reason):
        kinds.check(from_mapping(given, base_path=tmp_path), "component")


@pytest.mark.parametrize(
    "command",
    [
        "${{inputs.a}} ${{ outputs.b }} $[[--a ${{inputs.a}}]] $[[inputs.z]] {inputs.z}",
        "${{name}} ${{inputs.a.path}} ${{inputs.group.x}} ${{inputs.group}} ${{inputs}}",
    ],
)
def test_references_that_lead_somewhere(command: str) -> None:
    given = {**COMMAND, "command": command, "inputs": {"a": FILE, "group.x": FILE}, "outputs": {"b": FILE}}
    kinds.check(from_mapping(given), "component")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({**COMMAND, "comand": "x"}, "comand: .*unknown key, .* did you mean 'command'?"),
        ({**COMMAND, "name": "n" * 256}, "name: .*must have at most 255 characters"),
        ({**COMMAND, "resources": {"shm_size": "much"}}, "shm_size: .*must be a number and b, k, m or g"),
        (
            {**COMMAND, "resources": {"instance_countt": 2}},
            "instance_countt: unknown key; did you mean 'instance_count'",
        ),
        ({**COMMAND, "distribution": {"type": "mpi", "process": 2}}, "distribution.process: unknown key"),
    ],
)
def test_what_is_a_warning(given: dict[str, Any], reason: str) -> None:
    [warning] = kinds.check(from_mapping(given), "component")
    assert warning.severity == "warning"
    with pytest.raises(SpecError, match=reason):
        kinds.check(from_mapping(given), "component", strict=True)


@pytest.mark.parametrize("key", ["environment_variables", "resources"])
def test_what_only_jobs_have_is_a_note_even_when_strict(key: str) -> None:
    given = {**COMMAND, key: {"properties": {"a": "b"}}}
    [note] = kinds.check(from_mapping(given), "component", strict=True)
    assert note.severity == "note"
    assert note.reason.startswith("not sent: a component does not carry them; give them to the job or node")


def test_a_version_says_what_tells_its_specification_from_others(service: StandIn) -> None:
    def digest(**more: Any) -> Any:
        service.run(kinds.apply(from_mapping({**COMMAND, **more}), "component", TARGET))
        _, body = service.sent[-1]
        return body["properties"]["properties"].pop("client_component_hash"), body["properties"]

    first, properties = digest(version=1, description="d", tags={"a": "b"}, properties={"p": {"q": 1}})
    assert {key: value for key, value in properties.items() if key != "componentSpec"} == {
        "description": "d",
        "tags": {"a": "b"},
        "properties": {"p": "{'q': 1}"},
        "isAnonymous": False,
        "isArchived": False,
    }
    spec = properties["componentSpec"]
    assert spec["properties"] == {"p": {"q": 1}}
    assert first == hash_dict(spec, keys_to_omit=["version", "_source"])
    assert service.sent[-1][0] == f"PUT {WS}/components/prep/versions/1"
    assert digest(version=2, description="d", tags={"a": "b"}, properties={"p": {"q": 1}})[0] == first
    assert digest(version=2, command="other")[0] != first
