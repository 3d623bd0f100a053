"""The DAGs that readers copy: each loads, and runs against the emulator."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.airflow.running import run

if TYPE_CHECKING:
    from airflow.sdk import DAG

REPOSITORY = Path(__file__).parents[2]
DAGS = REPOSITORY / "dags_examples"


def load(name: str) -> DAG:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(DAGS / f"{name}.py")
    assert bag.import_errors == {}
    return bag.dags[name]


@pytest.mark.parametrize("name", sorted(path.stem for path in DAGS.glob("*.py")))
def test_it_loads_and_its_id_is_the_name_of_its_file(name: str) -> None:
    assert load(name).dag_id == name


def test_the_whole_folder_holds_no_other_dag_files() -> None:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(DAGS)
    assert bag.import_errors == {}
    assert {Path(dag.fileloc).parent for dag in bag.dags.values()} == {DAGS}


def test_train_register_deploy_score(azml_connection: str) -> None:
    from airflow_provider_azml.hooks.azml import AzmlHook

    finished = run(load("train_register_deploy_score"))
    assert finished.errors == {}
    assert set(finished.states.values()) == {"success"}
    job, model, endpoint = (finished.value(task) for task in ("train", "register_model", "deploy"))
    assert job["status"] == "Completed"
    assert 0.9 < job["metrics"]["accuracy"] <= 1
    assert endpoint["traffic"] == {"blue": 100}
    assert finished.value("score") == ["setosa", "virginica"]
    # what the service holds, not what the operators say of it
    hook = AzmlHook(azml_connection)
    assert hook.get("job", job["name"])["properties"]["experimentName"] == "train_register_deploy_score"
    assert hook.get("model", "iris")["properties"]["modelUri"] == model["path"]
    deployment = hook.get("online_deployment", "blue", parent=endpoint["name"])
    assert deployment["properties"]["model"].lower() == model["id"].lower()


def test_nothing_in_the_examples_is_specific_to_the_emulator() -> None:
    texts = [path.read_text() for path in DAGS.rglob("*") if path.suffix in {".py", ".yml"}]
    assert not [word for word in ("emulator", "localhost", "127.0.0.1", "deferrable") if word in "".join(texts)]


def test_the_readme_shows_the_example_as_it_is() -> None:
    shown = re.findall(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)[0]
    example = (DAGS / "train_register_deploy_score.py").read_text()
    assert "".join(f"    {line}\n" for line in shown.splitlines()) in example
