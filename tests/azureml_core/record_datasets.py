"""Fills in the data flows that azureml-core makes of the dataset files of ``datasets.json``.

Run it by a Python that has azureml-core 1.61 and no azureml-dataprep:
``python tests/azureml_core/record_datasets.py``.
"""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from azureml.core import Datastore
from azureml.data import _dataset_persistence as persistence
from azureml.data.abstract_datastore import AbstractDatastore
from azureml.exceptions import UserErrorException

FILE = Path(__file__).with_name("datasets.json")
WORKSPACE = SimpleNamespace(subscription_id="s", resource_group="rg", name="ws")


def read(definition: dict[str, Any]) -> dict[str, Any]:
    error = persistence._ErrorUtility("dataset.json")
    made = persistence._DatasetPersistenceV1(WORKSPACE, definition, persistence._JsonUtility(error), error)
    found: list[dict[str, Any]] = []

    def blocks(_self: object, given: list[Any], kind: type) -> None:
        found.append({"kind": kind.__name__, "blocks": [{block.block_type: block.args} for block in given if block]})

    def datastore(workspace: Any, name: str) -> AbstractDatastore:
        return AbstractDatastore(workspace, name, "AzureBlob")

    with (
        mock.patch.object(Datastore, "get", datastore),
        mock.patch.object(persistence._DatasetPersistenceV1, "_create_dataset_from_blocks", blocks),
    ):
        try:
            made._create_dataset(validate=False)
        except (RuntimeError, UserErrorException) as refused:
            return {"refused": type(refused).__name__}
    return found[0]


def main() -> None:
    golden = json.loads(FILE.read_text())
    golden["packages"] = {"azureml-core": metadata.version("azureml-core")}
    golden["template"] = persistence.generate_file_template()
    for case in golden["cases"].values():
        case["read"] = read(case["given"])
    FILE.write_text(json.dumps(golden, indent=2) + "\n")


if __name__ == "__main__":
    main()
