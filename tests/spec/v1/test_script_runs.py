"""Run configurations of CLI v1."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds
from airflow_provider_azml.spec.source import Source, as_written
from airflow_provider_azml.spec.v1 import hyperdrive, runconfigs, script_runs
from airflow_provider_azml.spec.v1.run_definitions import run_definition
from tests.spec.v1.test_pipelines import RUNCONFIG, _with_junk

if TYPE_CHECKING:
    from airflow_provider_azml.spec.v1.translation import Translation

GOLDEN = json.loads((Path(__file__).parents[2] / "azureml_core" / "run_configurations.json").read_text())["cases"]
OLDER_KEYS = ("autoPrepareEnvironment", "gpuSupport")
"""What azureml-core 1.61 reads and forgets."""
NAME = ".azureml/sklearn.runconfig"
CONDA = "dependencies: [python=3.11]\n"
SPARK = """\
script: prep.py
framework: PySpark
target: pool
arguments: [--in, $AZUREML_DATAREFERENCE_in/part, "DatasetConsumptionConfig:more", "DatasetOutputConfig:out"]
dataReferences: {in: {dataStoreName: lake, pathOnDataStore: raw}}
data: {more: {dataLocation: {dataset: {name: more, version: 2}}, mechanism: hdfs}}
outputData: {out: {outputLocation: {dataPath: {datastoreName: lake, relativePath: clean}}}}
environment:
  spark:
    repositories: ["https://repo"]
    packages: [{group: a.b, artifact: c, version: 1.0.2}]
spark:
  configuration:
    spark.driver.cores: 1
    spark.driver.memory: 2g
    spark.executor.cores: 2
    spark.executor.memory: 2g
    spark.executor.instances: 2
hdi: {yarnDeployMode: cluster}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path, {"train.py": "", "prep.py": "", ".azureml/conda.yml": CONDA})


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def made(folder: Path, text: str, **given: Any) -> Translation:
    """What a run configuration becomes, once it has passed the checks of today's files."""
    source = as_written(written(folder, {NAME: text}) / NAME)
    translation = script_runs.command_job(source, **{"script": None if "script:" in text else "train.py", **given})
    assert kinds.check(translation.source, translation.kind, strict=True) == []
    return translation


def job(folder: Path, text: str, **given: Any) -> dict[str, Any]:
    return made(folder, text, **given).source.value


def refused(folder: Path, text: str, **given: Any) -> list[str]:
    with pytest.raises(SpecError) as error:
        made(folder, text, **given)
    return [str(problem).replace(f"{folder}/", "") for problem in error.value.problems]


def whole(value: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A job with the content of its conda file in the place of its path."""
    environment = value["environment"]
    if isinstance(environment.get("conda_file"), str):
        content = yaml.safe_load((folder / environment["conda_file"]).read_text())
        return {**value, "environment": {**environment, "conda_file": content}}
    return value


@pytest.mark.parametrize("name", GOLDEN)
def test_a_run_configuration_says_what_azureml_core_reads(name: str, folder: Path) -> None:
    case = GOLDEN[name]
    file = written(folder, case["given"]) / NAME
    ours, theirs = as_written(file), Source(case["read"], folder)
    script = None if case["read"]["script"] or case["read"]["command"] else "train.py"
    of_file, of_what_is_read = (script_runs.command_job(source, script=script) for source in (ours, theirs))
    kinds.check(of_file.source, "job", strict=True)
    assert whole(of_file.source.value, folder) == whole(of_what_is_read.source.value, folder)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_run_definition_says_what_azureml_core_reads(name: str, folder: Path) -> None:
    case = GOLDEN[name]
    file = written(folder, case["given"]) / NAME
    script = None if case["read"]["script"] or case["read"]["command"] else "train.py"
    definition = run_definition(as_written(file), script=script, target="cpu")
    theirs = {**case["read"], "target": "cpu"}
    assert definition.code == folder
    ends = {
        ("script",): script or theirs["script"],
        ("environment", "python", "condaDependenciesFile"): None,
        ("environment", "docker", "baseImage"): theirs["environment"]["docker"]["baseImage"],
    }
    for path, value in leaves(definition.configuration):
        if path == ("environment", "docker", "baseImage") and ends[path] is None:
            assert value.startswith("mcr.microsoft.com/azureml/openmpi")
        elif path[-1] not in ("condaDependenciesFile", *OLDER_KEYS):
            assert value == ends.get(path, at(theirs, path)), path


def leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    if not isinstance(value, dict):
        return [(path, value)]
    return [leaf for key, item in value.items() for leaf in leaves(item, (*path, key))]


def at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def test_a_file_as_v1_saved_it_becomes_a_command(folder: Path) -> None:
    translation = made(folder, RUNCONFIG, script="train.py", arguments=["--rate", 0.1, "two words", ""])
    assert translation.source.value == {
        "type": "command",
        "command": "python train.py --rate 0.1 'two words' ''",
        "code": ".",
        "environment": {
            "image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:20251130.v1",
            "conda_file": ".azureml/conda.yml",
        },
        "environment_variables": {"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"},
    }
    assert translation.source.base_path == folder
    assert {note.path for note in translation.notes} == {"environment.docker.enabled", "docker.useDocker"}
    (remark,) = translation.remarks
    assert (remark.place, "serverless" in remark.text) == ((), True)


def test_what_the_command_line_says_counts(folder: Path) -> None:
    (folder / "src").mkdir()
    (folder / "src/other.py").write_text("")
    text = "script: train.py\narguments: [--kept]\ntarget: gpu\n"
    assert job(folder, text)["command"] == "python train.py --kept"
    found = job(folder, text, script="other.py", source_directory=folder / "src", experiment_name="e")
    assert (found["command"], found["code"], found["compute"]) == ("python other.py --kept", "src", "azureml:gpu")
    assert found["experiment_name"] == "e"
    assert job(folder, text, arguments=[])["command"] == "python train.py"


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("", [("environment",)]),
        ("environment: {python: {userManagedDependencies: true}}", [("environment", "image")]),
        ("environment: {docker: {baseImage: ubuntu}}", [("environment", "conda_file")]),
        ("environment: {name: sklearn, version: 3}", []),
    ],
)
def test_what_v1_took_where_nothing_was_said_is_told(folder: Path, text: str, places: list[tuple[str, ...]]) -> None:
    translation = made(folder, f"target: cpu\n{text}\n")
    assert [remark.place for remark in translation.remarks] == places


def test_data_become_inputs_and_outputs(folder: Path) -> None:
    text = """\
script: train.py
arguments: [--a, "$AZUREML_DATAREFERENCE_a/x y", "DatasetOutputConfig:out"]
dataReferences:
  a: {dataStoreName: one, pathOnDataStore: "in\\\\a.csv"}
  b: {dataStoreName: two, mode: Download, pathOnCompute: /data/b}
  c: {dataStoreName: two, pathOnDataStore: up, mode: upload, overwrite: false}
data:
  iris: {dataLocation: {dataset: {name: iris, version: latest}}, mechanism: download, environmentVariableName: IRIS}
  web: {dataLocation: {uri: {path: "https://x/y.csv", isFile: true}}, mechanism: mount}
outputData:
  out: {mechanism: upload, additionalOptions: {registrationOptions: {name: made}}}
  other: {outputLocation: {datapath: {datastoreName: two, relativePath: "o/{run-id}/{output-name}"}}}
"""
    translation = made(folder, text)
    found = translation.source.value
    assert found["command"] == (
        'AZUREML_DATAREFERENCE_b="${{inputs.b}}" AZUREML_DATAREFERENCE_c="${{outputs.c}}" IRIS="${{inputs.iris}}" '
        'web="${{inputs.web}}" other="${{outputs.other}}" python train.py --a ${{inputs.a}}\'/x y\' ${{outputs.out}}'
    )
    two = "azureml://datastores/two/paths/"
    assert found["inputs"] == {
        "a": {"type": "uri_file", "path": "azureml://datastores/one/paths/in/a.csv", "mode": "ro_mount"},
        "b": {"type": "uri_folder", "path": two, "mode": "download", "path_on_compute": "/data/b"},
        "iris": {"type": "uri_folder", "path": "azureml:iris@latest", "mode": "download"},
        "web": {"type": "uri_file", "path": "https://x/y.csv", "mode": "ro_mount"},
    }
    assert found["outputs"] == {
        "c": {"type": "uri_folder", "path": f"{two}up", "mode": "upload"},
        "out": {"type": "uri_folder", "mode": "upload", "name": "made"},
        "other": {"type": "uri_folder", "mode": "rw_mount", "path": f"{two}o/${{{{name}}}}/other"},
    }
    assert [remark.place for remark in translation.remarks[2:]] == [("command",), ("inputs", "a"), ("inputs", "iris")]
    assert [note.path for note in translation.notes] == ["dataReferences.c.overwrite"]


def test_a_command_gets_its_data_in_environment_variables(folder: Path) -> None:
    text = (
        "command: [ls, -l, $AZUREML_DATAREFERENCE_a]\ndataReferences: {a: {dataStoreName: s}, b: {dataStoreName: s}}\n"
    )
    expected = 'export AZUREML_DATAREFERENCE_b="${{inputs.b}}" && ls -l ${{inputs.a}}'
    assert job(folder, text, script=None)["command"] == expected


def test_a_cluster_for_one_run_becomes_serverless_compute(folder: Path) -> None:
    text = "target: amlcompute\nnodeCount: 2\namlcompute: {vmSize: STANDARD_D2_V2, vmPriority: LowPriority}\n"
    translation = made(folder, text)
    found = translation.source.value
    assert found["resources"] == {"instance_count": 2, "instance_type": "STANDARD_D2_V2"}
    assert found["queue_settings"] == {"job_tier": "spot"}
    assert "compute" not in found
    assert "serverless compute of the same size" in translation.remarks[0].text


def test_ways_into_the_job_become_services(folder: Path) -> None:
    text = """\
applicationEndpoints:
  lab: {type: JupyterLab}
  board: {type: TensorBoard, port: 6006, properties: {logDir: outputs/tb}}
  shell: {type: ssh, properties: {sshPublicKeys: key}}
"""
    assert job(folder, text)["services"] == {
        "lab": {"type": "jupyter_lab"},
        "board": {"type": "tensor_board", "port": 6006, "log_dir": "outputs/tb"},
        "shell": {"type": "ssh", "ssh_public_keys": "key"},
    }


def test_a_script_for_spark_becomes_a_spark_job(folder: Path) -> None:
    lake = "azureml://datastores/lake/paths"
    assert job(folder, SPARK) == {
        "type": "spark",
        "code": ".",
        "entry": {"file": "prep.py"},
        "args": "--in ${{inputs.in}}/part ${{inputs.more}} ${{outputs.out}}",
        "compute": "azureml:pool",
        "conf": {
            "spark.driver.cores": 1,
            "spark.driver.memory": "2g",
            "spark.executor.cores": 2,
            "spark.executor.memory": "2g",
            "spark.executor.instances": 2,
            "spark.jars.repositories": "https://repo",
            "spark.jars.packages": "a.b:c:1.0.2",
        },
        "environment": job(folder, SPARK)["environment"],
        "inputs": {
            "in": {"type": "uri_folder", "path": f"{lake}/raw", "mode": "direct"},
            "more": {"type": "uri_folder", "path": "azureml:more:2", "mode": "direct"},
        },
        "outputs": {"out": {"type": "uri_folder", "mode": "direct", "path": f"{lake}/clean"}},
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("script: no.py", "1:9: script: there is no file 'no.py' in"),
        ("script: ../no.py", "1:9: script: '../no.py' is outside of"),
        ('script: "a\\0b"', "script: there is no file 'a\\x00b' in"),
        ("scrript: x\ntarget: None", "1:1: scrript: unknown key; did you mean 'script'?"),
        ("target: None", "1:9: target: is the text 'None'; write null, or leave it out"),
        ("nodeCount: 0", "1:12: nodeCount: is 0; it must be at least 1"),
        ("script: train.py\ncommand: ls", "2:10: command: goes without a script, and 'train.py' is one"),
        ("command: ls\narguments: [x]", "arguments: goes with a script alone"),
        ("priority: 3", "1:1: priority: v2 gives priorities to queues alone"),
        ("target: amlcompute", "amlcompute: 'vmSize' is missing"),
        ("type: command\ncode: src", "1:1: is a file of CLI v2, and a run configuration of CLI v1 is wanted"),
        ("target: amlcompute\namlcompute: {vmSize: x, retainCluster: true}", "retainCluster: v2 keeps no compute"),
        ("target: amlcompute\namlcompute: {vmSize: x, name: y}", "2:25: amlcompute.name: v2 gives the compute"),
        ("target: amlcompute\namlcompute: {vmSize: x, vmPriority: y}", "vmPriority: is 'y'; it must be one of"),
        ("applicationEndpoints: {a: {type: Grafana}}", "applicationEndpoints.a.type: is 'Grafana', and v2 has"),
        ("applicationEndpoints: {a: {type: SSH, properties: {command: x}}}", "v2 has no such setting of ssh"),
        ("environment: no.yml", "1:14: environment: there is no file 'no.yml' in"),
        ("environment: .azureml/conda.yml", ".azureml/conda.yml:1:1: dependencies: unknown key"),
        ("environment: {databricks: {eggLibraries: [a]}}", "environment.databricks: v2 runs nothing on Databricks"),
        ("communicator: ParallelTask", "communicator: v2 has no such tasks"),
        ("framework: PySparkInteractive", "framework: v2 has no interactive jobs on Spark"),
        ("framework: PySpark", "target: v2 runs Spark on a Synapse Spark pool"),
        ("framework: PySpark\ntarget: x", "spark.driver.cores, spark.driver.memory"),
        ("framework: PySpark\nhdi: {yarnDeployMode: client}", "hdi.yarnDeployMode: v2 runs nothing on HDInsight"),
        ("framework: PySpark\ndata: {x: {dataLocation: {uri: {path: y}}}}", "data.x: v2 sets no environment variables"),
        ("arguments: [$AZUREML_DATAREFERENCE_x]", "arguments[0]: 'x' is none of the data that is given"),
        ("dataReferences: {a: {}}", "dataReferences.a: 'dataStoreName' is missing"),
        ("dataReferences: {a: {dataStoreName: s, path: x}}", "dataReferences.a.path: unknown key"),
        ("dataReferences: {a-b: {dataStoreName: s}}", "dataReferences.a-b: 'a-b' is no name in v2"),
        ("dataReferences: {a: {dataStoreName: s, mode: link}}", "dataReferences.a.mode: is 'link'"),
        ("dataReferences: {a: {dataStoreName: s, pathOnCompute: b}}", "pathOnCompute: 'b' is relative"),
        (
            "dataReferences: {a: {dataStoreName: s, mode: upload, pathOnCompute: /b}}",
            "pathOnCompute: v2 chooses the folder",
        ),
        (
            "dataReferences: {a: {dataStoreName: s}}\ndata: {a: {dataLocation: {uri: {path: x}}, mechanism: mount}}",
            "data.a: 'a' is under dataReferences too",
        ),
        ("data: {a: {dataLocation: {dataset: {id: x}}, mechanism: mount}}", "dataset.id: v2 knows data by name"),
        ("data: {a: {dataLocation: {dataset: {name: x}}}}", "data.a: is direct: v2 hands scripts no dataset"),
        ("data: {a: {dataLocation: {}, mechanism: mount}}", "dataLocation: none of dataset, dataPath and uri is given"),
        ("outputData: {a: {mechanism: link}}", "outputData.a.mechanism: v2 links no data"),
        ("outputData: {a: {additionalOptions: {registrationOptions: {tags: {b: c}}}}}", "v2 gives outputs no tags"),
        ("outputData: {a: {outputLocation: {dataset: {name: x}}}}", "dataset: is no place to write to"),
    ],
)
def test_what_v2_cannot_say_is_refused_by_name(folder: Path, text: str, expected: str) -> None:
    script = None if text.startswith("command") else "train.py"
    given = {} if "script:" in text else {"script": script}
    told = refused(folder, text + "\n", **given)
    assert any(expected in problem for problem in told), told


def test_sections_that_v1_did_not_heed_are_noted(folder: Path) -> None:
    text = "tensorflow: {workerCount: 3}\nmpi: {processCountPerNode: 2}\nhdi: {yarnDeployMode: client}\n"
    notes = {note.path: note.reason for note in made(folder, text).notes}
    assert notes == {
        "tensorflow.workerCount": "not sent: counts with communicator ParameterServer alone",
        "mpi.processCountPerNode": "not sent: counts with communicator OpenMpi or IntelMpi alone",
        "hdi.yarnDeployMode": "not sent: counts with framework PySpark alone",
    }


def test_run_configurations_are_found_by_name(folder: Path) -> None:
    for name in (".azureml/a.runconfig", ".azureml/b", "c.runconfig", "sub/d.runconfig"):
        written(folder, {name: "script: train.py\n"})
    names = {"a": ".azureml/a.runconfig", "b": ".azureml/b", "c": "c.runconfig", "sub/d.runconfig": "sub/d.runconfig"}
    for name, file in {**names, "c.runconfig": "c.runconfig"}.items():
        assert runconfigs.find_runconfig(folder, name) == folder / file
    written(folder, {"aml_config/a.runconfig": ""})
    assert runconfigs.find_runconfig(folder, "a") == folder / "aml_config/a.runconfig"
    with pytest.raises(SpecError, match=r"^e: there is no run configuration of that name in .*aml_config or .*azureml"):
        runconfigs.find_runconfig(folder, "e")


@pytest.mark.parametrize(
    ("content", "is_one"),
    [
        ({"script": "train.py"}, True),
        ({"framework": "Python", "environment": {}}, True),
        ({"type": "command", "script": "x"}, False),
        ({"$schema": "x", "communicator": "None"}, False),
        ({"command": "ls", "environment": "azureml:a:1"}, False),
        ({"name": "e", "python": {}, "docker": {}}, False),
        ({"entryScript": "score.py", "environment": {}}, False),
        ({"computeType": "aks", "mpi": 1}, False),
    ],
)
def test_run_configurations_are_known_by_their_content(content: dict[str, Any], is_one: bool, folder: Path) -> None:
    assert runconfigs.is_runconfig(Source(content, folder)) == is_one
    assert not hyperdrive.is_hdconfig(Source(content, folder))


def test_a_run_configuration_is_checked_by_itself(folder: Path) -> None:
    source = as_written(written(folder, {NAME: RUNCONFIG}) / NAME)
    assert [note.path for note in runconfigs.check(source)] == ["environment.docker.enabled", "docker.useDocker"]


@pytest.mark.parametrize("text", [RUNCONFIG, SPARK])
def test_whatever_a_part_of_a_file_is_replaced_by_it_is_refused_in_words(folder: Path, text: str) -> None:
    for changed in _with_junk(yaml.safe_load(text)):
        for act in (script_runs.command_job, run_definition):
            with suppress(SpecError):  # anything else is a fault
                act(Source(changed, folder), script="train.py")


def test_the_service_of_v1_is_told_no_target_that_it_has_not(folder: Path) -> None:
    source = as_written(
        written(folder, {NAME: "script: no.py\nenvironment: {python: {condaDependenciesFile: x}}\n"}) / NAME
    )
    with pytest.raises(SpecError) as error:
        run_definition(source)
    assert [problem.path for problem in error.value.problems] == [
        "target",
        "script",
        "environment.python.condaDependenciesFile",
    ]
