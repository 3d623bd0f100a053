"""Pipeline files of CLI v1."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds
from airflow_provider_azml.spec.marks import members
from airflow_provider_azml.spec.pipeline_plans import plan_pipeline
from airflow_provider_azml.spec.source import as_written, from_mapping, read
from airflow_provider_azml.spec.v1 import pipelines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# as `az ml run submit-pipeline -y` took it
# Source: azure-docs, v1/reference-pipeline-yaml, "Pipeline with multiple steps" and "Python script step"
MULTISTEP = """\
pipeline:
    name: SamplePipelineFromYAML
    description: Sample multistep YAML pipeline
    parameters:
        Rate: {type: float, default: 1}
        Epochs: {type: int}
        Tag: {type: string, default: a b}
        Extra:
            type: datapath
            default: {datastore: other, path_on_datastore: sample2.txt}
    data_references:
        TitanicDS:
            dataset_name: 'titanic_ds'
            bind_mode: download
        Blobs: {datastore: workspaceblobstore, path_on_datastore: "folder\\\\in"}
    default_compute: cpu-cluster
    steps:
        Dataprep:
            type: "PythonScriptStep"
            name: "DataPrep Step"
            compute: cpu-cluster
            runconfig: ".\\\\default_runconfig.yml"
            script_name: "prep.py"
            arguments:
            - '--train_path'
            - output:train_path
            - '--test_path'
            - output:test_path
            - "it's"
            - 3
            allow_reuse: True
            inputs:
                titanic_ds: {source: TitanicDS}
                blobs: {source: Blobs, bind_mode: mount}
            outputs:
                train_path: {destination: train_csv, datastore: workspaceblobstore}
                test_path: {destination: test_csv, datastore: other, bind_mode: upload}
        Training:
            type: "PythonScriptStep"
            name: "Training Step"
            compute: gpu
            script_name: "train.py"
            source_directory: src
            arguments: ["--train", "input:train_path", "--epochs", "parameter:EPOCHS", "--tag", "$AML_PARAMETER_tag"]
            allow_reuse: false
            parameters:
                EPOCHS: {source: Epochs}
                tag: {source: Tag}
                NUM_ITERATIONS_1: 7
            inputs:
                train_path: {source: train_csv, bind_mode: download}
                extra: {source: Extra}
"""
# as RunConfiguration.save of azureml-core 1.61 writes it, without its comments
RUNCONFIG = """\
script:
arguments: []
target: local
framework: Python
communicator: None
maxRunDurationSeconds:
nodeCount: 1
priority:
environment:
  name: default-environment
  version:
  environmentVariables: {EXAMPLE_ENV_VAR: EXAMPLE_VALUE}
  python: {userManagedDependencies: false, interpreterPath: python, condaDependenciesFile: .azureml/conda.yml}
  docker:
    enabled: false
    baseImage: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:20251130.v1
    baseDockerfile:
    buildContext:
    sharedVolumes: true
    shmSize: 2g
    arguments: []
    baseImageRegistry: {address: , username: , password: , registryIdentity: }
    platform: {os: Linux, architecture: amd64}
  spark: {repositories: [], packages: [], precachePackages: true}
  databricks: {mavenLibraries: [], pypiLibraries: [], rcranLibraries: [], jarLibraries: [], eggLibraries: []}
  r:
  inferencingStackVersion:
  assetId:
history: {outputCollection: true, snapshotProject: true, directoriesToWatch: [logs]}
spark: {configuration: {spark.app.name: Azure ML Experiment, spark.yarn.maxAppAttempts: 1}}
docker: {useDocker: false, sharedVolumes: true, arguments: [], shmSize: 2g}
hdi: {yarnDeployMode: cluster}
tensorflow: {workerCount: 1, parameterServerCount: 1}
mpi: {processCountPerNode: 1, nodeCount: 1}
pytorch: {communicationBackend: nccl, processCount: , nodeCount: 1}
paralleltask: {maxRetriesPerWorker: 0, workerCountPerNode: 1, terminalExitCodes: }
dataReferences: {}
data: {}
datacaches: []
outputData: {}
sourceDirectoryDataStore:
amlcompute: {vmSize: , vmPriority: , retainCluster: false, name: , clusterMaxNodeCount: }
autoClusterComputeSpecification:
kubernetescompute: {instanceType: }
credentialPassthrough: false
command: ''
environmentVariables: {}
applicationEndpoints: {}
"""
OWN_IMAGE = """\
environment:
  docker: {baseImage: a/b, baseImageRegistry: {address: r.io}}
  python: {userManagedDependencies: true, interpreterPath: /bin/py}
"""
PARALLEL = """\
pipeline:
    description: SamplePipelineFromYaml
    default_compute: cpu-cluster
    data_references:
        MyMinistInput: {dataset_name: mnist_sample_data}
        Side: {datastore: workspaceblobstore, path_on_datastore: side}
    parameters:
        PipelineParamTimeout: {type: int, default: 600}
    steps:
        Step1:
            parallel_run_config: "yaml/parallel_run_config.yml"
            type: "ParallelRunStep"
            name: "parallel-run-step-1"
            allow_reuse: True
            arguments:
            - "--progress_update_timeout"
            - parameter:timeout_parameter
            - "--side_input"
            - side_input:SideInputData
            parameters:
                timeout_parameter: {source: PipelineParamTimeout}
            inputs:
                InputData: {source: MyMinistInput}
            side_inputs:
                SideInputData: {source: Side, bind_mode: mount}
            outputs:
                OutputDataStep2: {destination: Output5, datastore: workspaceblobstore, bind_mode: mount}
"""
PARALLEL_RUN_CONFIG = """\
parallel_run_config:
    mini_batch_size: 10KB
    error_threshold: 10
    allowed_failed_count: 4
    allowed_failed_percent: 10
    output_action: append_row
    append_row_file_name: rows.txt
    logging_level: info
    compute_target_name: cpu
    node_count: 2
    process_count_per_node: 3
    entry_script: batch.py
    source_directory: src
    run_invocation_timeout: 60
    run_max_try: 3
    environment_variables: {A: 1}
    environment: {name: batch_environment, version: 3}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("prep.py", "src/train.py", "src/batch.py", ".azureml/conda.yml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "default_runconfig.yml").write_text(RUNCONFIG)
    (tmp_path / "yaml").mkdir()
    (tmp_path / "yaml/parallel_run_config.yml").write_text(PARALLEL_RUN_CONFIG)
    return tmp_path


def translated(folder: Path, text: str) -> dict[str, Any]:
    (folder / "pipeline.yml").write_text(text)
    source = read(folder / "pipeline.yml")
    kinds.check(source, "job", strict=True)
    return source.value


def problems(folder: Path, text: str) -> list[str]:
    (folder / "pipeline.yml").write_text(text)
    with pytest.raises(SpecError) as raised:
        read(folder / "pipeline.yml")
    return [str(problem).replace(f"{folder}/", "") for problem in raised.value.problems]


def step(folder: Path, **changes: object) -> dict[str, Any]:
    """The node of a step that is changed, in a pipeline of it alone."""
    given = {"type": "PythonScriptStep", "script_name": "prep.py", **changes}
    text = json.dumps({"pipeline": {"default_compute": "cpu", "steps": {"one": given}}})
    node: dict[str, Any] = translated(folder, text)["jobs"]["one"]
    return node


def runconfig(folder: Path, text: str) -> dict[str, Any]:
    (folder / "own.runconfig").write_text(text)
    return step(folder, runconfig="own")


def test_the_documented_pipeline_becomes_one_of_today(folder: Path) -> None:
    job = translated(folder, MULTISTEP)
    jobs = job.pop("jobs")

    assert job == {
        "type": "pipeline",
        "display_name": "SamplePipelineFromYAML",
        "description": "Sample multistep YAML pipeline",
        "settings": {"default_compute": "azureml:cpu-cluster"},
        "inputs": {
            "Rate": 1.0,
            "Epochs": 0,
            "Tag": "a b",
            "Extra": {"type": "uri_file", "path": "azureml://datastores/other/paths/sample2.txt"},
            "TitanicDS": {"type": "uri_folder", "path": "azureml:titanic_ds@latest"},
            "Blobs": {"type": "uri_folder", "path": "azureml://datastores/workspaceblobstore/paths/folder/in"},
        },
    }
    assert list(jobs) == ["dataprep", "training"]
    assert jobs["dataprep"] == {
        "type": "command",
        "display_name": "DataPrep Step",
        "command": 'AZUREML_DATAREFERENCE_titanic_ds="${{inputs.titanic_ds}}" '
        'AZUREML_DATAREFERENCE_blobs="${{inputs.blobs}}" python prep.py '
        """--train_path ${{outputs.train_path}} --test_path ${{outputs.test_path}} 'it'"'"'s' 3""",
        "code": ".",
        "compute": "azureml:cpu-cluster",
        "inputs": {
            "titanic_ds": {"type": "uri_folder", "path": "${{parent.inputs.TitanicDS}}", "mode": "download"},
            "blobs": {"type": "uri_folder", "path": "${{parent.inputs.Blobs}}", "mode": "ro_mount"},
        },
        "outputs": {
            "train_path": {"type": "uri_folder", "mode": "rw_mount"},
            "test_path": {
                "type": "uri_folder",
                "mode": "upload",
                "path": "azureml://datastores/other/paths/azureml/${{name}}/test_path/",
            },
        },
        "environment": {
            "image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:20251130.v1",
            "conda_file": ".azureml/conda.yml",
        },
        "environment_variables": {"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"},
    }


def test_a_step_that_is_not_to_be_reused_says_so_in_a_component(folder: Path) -> None:
    node = translated(folder, MULTISTEP)["jobs"]["training"]
    component = node.pop("component")

    assert node["inputs"] == {
        "train_path": {
            "type": "uri_folder",
            "path": "${{parent.jobs.dataprep.outputs.train_path}}",
            "mode": "download",
        },
        "extra": "${{parent.inputs.Extra}}",
        "EPOCHS": "${{parent.inputs.Epochs}}",
        "tag": "${{parent.inputs.Tag}}",
        "NUM_ITERATIONS_1": 7,
    }
    assert component["is_deterministic"] is False
    assert component["code"] == "src"
    assert component["environment"]["image"] == "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
    assert component["command"] == (
        'AZUREML_DATAREFERENCE_extra="${{inputs.extra}}" '
        'AML_PARAMETER_NUM_ITERATIONS_1="${{inputs.NUM_ITERATIONS_1}}" python train.py '
        '--train ${{inputs.train_path}} --epochs ${{inputs.EPOCHS}} --tag "${{inputs.tag}}"'
    )
    assert {name: given["type"] for name, given in component["inputs"].items()} == {
        "train_path": "uri_folder",
        "extra": "uri_file",
        "EPOCHS": "integer",
        "tag": "string",
        "NUM_ITERATIONS_1": "integer",
    }


def test_steps_depend_on_each_other_by_their_data_alone(folder: Path) -> None:
    (folder / "pipeline.yml").write_text(MULTISTEP)
    plan = plan_pipeline(read(folder / "pipeline.yml"))
    assert plan.edges == ((("dataprep",), ("training",)),)


def test_a_parallel_run_step_becomes_a_parallel_job(folder: Path) -> None:
    assert translated(folder, PARALLEL)["jobs"]["step1"] == {
        "type": "parallel",
        "inputs": {
            "InputData": "${{parent.inputs.MyMinistInput}}",
            "SideInputData": {"type": "uri_folder", "path": "${{parent.inputs.Side}}", "mode": "ro_mount"},
            "timeout_parameter": "${{parent.inputs.PipelineParamTimeout}}",
        },
        "outputs": {"OutputDataStep2": {"type": "uri_folder", "mode": "rw_mount"}},
        "input_data": "${{inputs.InputData}}",
        "mini_batch_size": "10kb",
        "error_threshold": 10,
        "mini_batch_error_threshold": 4,
        "logging_level": "INFO",
        "max_concurrency_per_instance": 3,
        "retry_settings": {"timeout": 60, "max_retries": 2},
        "resources": {"instance_count": 2},
        "environment_variables": {"A": "1"},
        "task": {
            "type": "run_function",
            "code": "src",
            "entry_script": "batch.py",
            "environment": "azureml:batch_environment:3",
            "program_arguments": "--progress_update_timeout ${{inputs.timeout_parameter}} "
            "--side_input ${{inputs.SideInputData}} --allowed_failed_percent 10",
            "append_row_to": "${{outputs.OutputDataStep2}}/rows.txt",
        },
    }


def test_a_parallel_run_step_that_is_not_to_be_reused_says_so_in_a_component(folder: Path) -> None:
    node = translated(folder, PARALLEL.replace("allow_reuse: True", "allow_reuse: False"))["jobs"]["step1"]
    assert node["display_name"] == "parallel-run-step-1"
    assert node["component"]["is_deterministic"] is False
    assert node["component"]["task"]["entry_script"] == "batch.py"
    assert sorted(node) == [
        "component",
        "display_name",
        "environment_variables",
        "inputs",
        "outputs",
        "resources",
        "type",
    ]


def test_a_module_becomes_a_component(folder: Path) -> None:
    named = {"type": "ModuleStep", "name": "add_column", "parameters": {"n": 3}}
    text = {"pipeline": {"default_compute": "cpu", "steps": {"one": named, "two": {**named, "version": "4"}}}}
    jobs = translated(folder, json.dumps(text))["jobs"]
    assert jobs["one"] == {"type": "command", "component": "azureml:add_column@default", "inputs": {"n": 3}}
    assert jobs["two"]["component"] == "azureml:add_column:4"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("environment: {name: AzureML-sklearn, version: '3'}", {"environment": "azureml:AzureML-sklearn:3"}),
        ("environment: {name: mine}", {"environment": "azureml:mine@latest"}),
        (
            OWN_IMAGE,
            {"environment": {"image": "r.io/a/b"}, "command": "/bin/py prep.py"},
        ),
        (
            "environment: {docker: {buildContext: {location: ctx, dockerfilePath: D}}}",
            {"environment": {"build": {"path": "ctx", "dockerfile_path": "D"}}},
        ),
        (
            "framework: Python\ncommunicator: OpenMpi\nnodeCount: 2\nmpi: {processCountPerNode: 4}",
            {"distribution": {"type": "mpi", "process_count_per_instance": 4}, "resources": {"instance_count": 2}},
        ),
        (
            "framework: PyTorch\ncommunicator: Nccl\npytorch: {processCount: 8, nodeCount: 2}",
            {"distribution": {"type": "pytorch", "process_count_per_instance": 4}, "resources": {"instance_count": 2}},
        ),
        (
            "framework: TensorFlow\ncommunicator: ParameterServer\ntensorflow: {workerCount: 3}",
            {"distribution": {"type": "tensorflow", "parameter_server_count": 1, "worker_count": 3}},
        ),
        ("maxRunDurationSeconds: 90\ntarget: gpu", {"limits": {"timeout": 90}}),
        (
            "docker: {shmSize: 4g, arguments: [--ipc=host]}",
            {"resources": {"shm_size": "4g", "docker_args": ["--ipc=host"]}},
        ),
        ("credentialPassthrough: true", {"identity": {"type": "user_identity"}}),
        ("environmentVariables: {A: 1, B: true}", {"environment_variables": {"A": "1", "B": "true"}}),
    ],
)
def test_a_run_configuration_becomes_keys_of_a_command(folder: Path, text: str, said: dict[str, Any]) -> None:
    (folder / "ctx").mkdir()
    (folder / "ctx/D").write_text("FROM scratch\n")
    node = runconfig(folder, text)
    assert {key: node[key] for key in said} == said


def test_the_compute_of_a_run_configuration_counts_where_nothing_else_is_named(folder: Path) -> None:
    (folder / "own.runconfig").write_text("target: gpu\n")
    given = {"type": "PythonScriptStep", "script_name": "prep.py", "runconfig": "own.runconfig"}
    assert (
        translated(folder, json.dumps({"pipeline": {"steps": {"a": given}}}))["jobs"]["a"]["compute"] == "azureml:gpu"
    )
    assert "compute" not in step(folder, runconfig="own")


def test_parameters_set_what_a_run_configuration_leaves_to_them(folder: Path) -> None:
    (folder / "own.runconfig").write_text(
        "communicator: OpenMpi\nmpi: {processCountPerNode: 2}\ndocker: {shmSize: 4g}\n"
    )
    given = {
        "type": "PythonScriptStep",
        "script_name": "prep.py",
        "runconfig": "own.runconfig",
        "runconfig_parameters": {"NodeCount": {"source": "Nodes"}, "MpiProcessCountPerNode": 8},
    }
    parameters = {"Nodes": {"type": "int", "default": 4}}
    text = {"pipeline": {"default_compute": "cpu", "parameters": parameters, "steps": {"a": given}}}
    node = translated(folder, json.dumps(text))["jobs"]["a"]
    assert node["resources"] == {"shm_size": "4g", "instance_count": "${{parent.inputs.Nodes}}"}
    assert node["distribution"] == {"type": "mpi", "process_count_per_instance": 8}


def test_all_that_is_wrong_is_told_at_once_with_its_place(folder: Path) -> None:
    (folder / "own.runconfig").write_text(
        "target: amlcompute\nframework: PySpark\nnodeCount: 0\npriority: 3\nhistory: {directoriesToWatch: [data]}\n"
        "dataReferences: {x: {dataStoreName: y}}\n"
        "environment: {docker: {baseImageRegistry: {password: s3cret}}, python: {condaDependenciesFile: no.yml}}\n"
    )
    found = problems(
        folder,
        """\
pipeline:
  names: y
  parameters:
    a-b: {type: int, default: x}
    n: {type: int}
  data_references:
    n: {datastore: s, path_on_datastore: p}
    q: {dataset_id: abc}
  steps:
    One:
      type: PythonScriptStep
      script_name: no.py
      inputs: {i: {source: outt}, j: {source: n, path_on_compute: /x}}
      outputs: {o: {destination: out}}
      arguments: ["input:k"]
      parameters: {zz: {source: m}, i: 3}
      runconfig: no.yml
      runconfig_parameters: {NodCount: 3}
    one: {type: PythonScriptStep, script_name: prep.py, outputs: {o: {destination: out, bind_mode: download}}}
    two: {type: AdlaStep, script_name: x.usql}
    three: {type: AutoMLStep}
    four: {python_script_step: {script_name: prep.py}}
    five: {type: ModuleStep, name: m, id: x, arguments: [a]}
    six: {type: PythonScriptStep, script_name: prep.py, runconfig: own.runconfig, inputs: {a: {source: n}}}
""",
    )
    told = "\n".join(found)
    assert "s3cret" not in told
    for expected in (
        "own.runconfig:1:9: target: v2 makes no cluster for a run; name a compute, or serverless",
        "own.runconfig:2:12: framework: v2 runs Spark as jobs of type spark; write this step as one",
        "own.runconfig:3:12: nodeCount: is 0; it must be at least 1",
        "own.runconfig:4:1: priority: ",
        "own.runconfig:5:11: history.directoriesToWatch: ",
        "own.runconfig:6:1: dataReferences: ",
        "own.runconfig:7:44: environment.docker.baseImageRegistry.password: a file of v2 holds no password",
        "environment.python.condaDependenciesFile: there is no file 'no.yml' in ",
        "pipeline.yml:2:3: pipeline.names: unknown key; did you mean 'name'?",
        "pipeline.yml:4:5: pipeline.parameters.a-b: 'a-b' is no name in v2",
        "pipeline.yml:4:31: pipeline.parameters.a-b.default: is 'x'; it must be a whole number",
        "pipeline.yml:7:5: pipeline.data_references.n: 'n' is a parameter too",
        "pipeline.yml:8:9: pipeline.data_references.q.dataset_id: v2 knows data by name and version",
        "pipeline.yml:12:20: pipeline.steps.One.script_name: there is no file 'no.py' in '.'",
        "pipeline.yml:13:28: pipeline.steps.One.inputs.i.source: 'outt' is neither a data reference, ",
        "nor the destination of an output; did you mean 'out'?",
        "pipeline.steps.One.inputs.j.path_on_compute: v2 chooses the place",
        "pipeline.steps.One.outputs.o.destination: 'out' is the destination of one.o too; rename one",
        "pipeline.yml:15:19: pipeline.steps.One.arguments[0]: 'k' is none of the step's inputs (i, j)",
        "pipeline.yml:16:33: pipeline.steps.One.parameters.zz.source: 'm' is no parameter of the pipeline",
        "pipeline.steps.One.parameters.i: 'i' is one of inputs too",
        "pipeline.yml:17:18: pipeline.steps.One.runconfig: 'no.yml': there is no such file",
        "pipeline.steps.One.runconfig_parameters.NodCount: 'NodCount' cannot be set",
        "pipeline.yml:19:5: pipeline.steps.one: 'one' and 'One' both become the node 'one'; rename one",
        "pipeline.steps.one.outputs.o.bind_mode: is 'download'; it must be one of mount, upload",
        "pipeline.yml:20:17: pipeline.steps.two.type: ran on Azure Data Lake Analytics, which Azure retired on ",
        "pipeline.yml:21:19: pipeline.steps.three.type: is 'AutoMLStep'; it must be one of PythonScriptStep, ",
        "pipeline.yml:22:12: pipeline.steps.four.python_script_step: is v1's older form",
        "pipeline.steps.five.id: v2 has components in place of modules",
        "pipeline.steps.five.arguments: a component has the command with its arguments",
    ):
        assert expected in told, expected


def test_a_source_that_is_a_number_is_no_data(folder: Path) -> None:
    given = {"type": "PythonScriptStep", "script_name": "prep.py", "inputs": {"i": {"source": "n"}}}
    text = {"pipeline": {"parameters": {"n": {"type": "int"}}, "steps": {"a": given}}}
    (found,) = problems(folder, json.dumps(text, indent=1))
    assert found.endswith("inputs.i.source: 'n' is a parameter of type int; take it under parameters")


def test_steps_that_take_from_each_other_in_a_circle_are_told(folder: Path) -> None:
    steps = {
        name: {
            "type": "PythonScriptStep",
            "script_name": "prep.py",
            "inputs": {"i": {"source": f"out_{other}"}},
            "outputs": {"o": {"destination": f"out_{name}"}},
        }
        for name, other in (("a", "b"), ("b", "a"))
    }
    with pytest.raises(SpecError, match=r"pipeline.yml:\d+:\d+: jobs\.a.*each other"):
        translated(folder, json.dumps({"pipeline": {"default_compute": "cpu", "steps": steps}}, indent=1))


def test_what_v1_needed_and_v2_does_not_is_a_note(folder: Path) -> None:
    text = MULTISTEP.replace("allow_reuse: True", "hash_paths: [prep.py]\n            version: '1'")
    (folder / "pipeline.yml").write_text(text)
    notes = {problem.path: problem.reason for problem in pipelines.check(as_written(folder / "pipeline.yml"))}
    assert notes["pipeline.steps.Dataprep.hash_paths"] == "not sent: all files of the folder do"
    assert "pipeline.steps.Dataprep.version" in notes


def test_other_files_are_left_alone(folder: Path) -> None:
    assert not pipelines.is_pipeline(from_mapping({"type": "command", "pipeline": {"steps": {}}}))
    assert from_mapping({"pipeline": {"agent": "any"}}).value == {"pipeline": {"agent": "any"}}


@pytest.mark.parametrize("text", [MULTISTEP, PARALLEL])
def test_whatever_a_part_of_a_file_is_replaced_by_it_is_refused_in_words(folder: Path, text: str) -> None:
    whole = yaml.safe_load(text)
    for changed in _with_junk(whole):
        with suppress(SpecError):  # anything else is a fault
            kinds.check(from_mapping(changed, base_path=folder), "job")


@pytest.mark.parametrize(
    ("file", "text"), [("default_runconfig.yml", RUNCONFIG), ("yaml/parallel_run_config.yml", PARALLEL_RUN_CONFIG)]
)
def test_whatever_a_part_of_a_file_that_is_named_is_replaced_by_it_is_refused(
    folder: Path, file: str, text: str
) -> None:
    whole = yaml.safe_load(PARALLEL if "parallel" in file else MULTISTEP)
    for changed in _with_junk(yaml.safe_load(text)):
        (folder / file).write_text(json.dumps(changed))
        with suppress(SpecError):  # anything else is a fault
            from_mapping(whole, base_path=folder)


def _with_junk(whole: object) -> Iterator[Any]:
    """A document with each of its parts replaced by what it cannot be."""
    for path, _ in members(whole):
        for junk in (None, [], {"a": {"b": 1}}, "junk"):
            changed = copy.deepcopy({"": whole})
            inside: Any = changed
            for key in ("", *path)[:-1]:
                inside = inside[key]
            inside[("", *path)[-1]] = junk
            if isinstance(changed[""], dict):
                yield changed[""]
