"""Web services of the documents: ``myservice`` serves ``mymodel``, a factor, by the files of CLI v1."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.hooks.azml import AzmlHook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.seeds.bench import Bench

_SCORE = """\
import json, os
from pathlib import Path

def init():
    global model
    root = Path(os.environ.get("AZUREML_MODEL_DIR", Path(__file__).parent))
    (file,) = root.rglob("*.txt")
    model = float(file.read_text())

def times(found):
    return [times(each) for each in found] if isinstance(found, list) else model * found

def run(raw):
    return times(json.loads(raw)["data"])
"""
_ENVIRONMENT = {
    "name": "serving",
    "python": {"condaDependencies": {"name": "serving", "dependencies": ["python=3.11", "pip"]}},
    "docker": {"baseImage": "local"},
}


@dataclass(frozen=True)
class Serving:
    """What a web service is made of.

    Args:
        bench: The workspace, and the folder of the files.
    """

    bench: Bench

    def begin(self) -> Serving:
        """Have the model in version 1, and no service."""
        bench = self.bench
        bench.do("az ml service <name of webservice>")
        bench.do("az ml model delete <model id>")  # the documents have another model of that name as well
        uri = bench.data({"factor.txt": "3"}, "mymodel") + "factor.txt"
        bench.put("model", "mymodel", "1", properties={"modelType": "custom_model", "modelUri": uri})
        return self

    def describe(self, deployment: Mapping[str, Any], inference: Mapping[str, Any] | None = None) -> None:
        """Write the files; by default those of a script in an environment of its own."""
        folder = self.bench.folder
        (folder / "working_dir").mkdir(exist_ok=True)
        (folder / "working_dir" / "score.py").write_text(_SCORE)
        own = {"entryScript": "score.py", "sourceDirectory": "./working_dir", "environment": _ENVIRONMENT}
        (folder / "inferenceconfig.json").write_text(json.dumps(inference or own))
        (folder / "deploymentconfig.json").write_text(json.dumps(deployment))

    def deploy(self) -> None:
        """Deploy the registered model."""
        self.bench.do("az ml model deploy -m mymodel:1 --ic inferenceconfig.json --dc deploymentconfig.json")

    def score(self, numbers: list[float]) -> object:
        """What the service answers."""
        return AzmlHook().score("myservice", {"data": numbers})
