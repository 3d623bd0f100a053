"""Where azure-ai-ml says that a component was written."""

from __future__ import annotations

import pytest
from azure.ai.ml.entities import Component

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds, origins
from airflow_provider_azml.spec.source import from_mapping

FEED = "azureml://feeds/f/components/c/versions/1"


@pytest.mark.parametrize(
    "text",
    ["azureml://registries/f/components/c/versions/1", FEED, "azureml:c:1", "/subscriptions/s/components/c/versions/1"],
)
def test_an_id_tells_the_origin_as_in_azure_ai_ml(text: str) -> None:
    assert origins.of_id(text) == Component._resolve_component_source_from_id(text)


def test_a_node_takes_no_component_of_a_feed() -> None:
    nodes = {"a": {"type": "command", "component": FEED, "compute": "azureml:c"}}
    with pytest.raises(SpecError, match=r"jobs\.a\.component: .*write azureml://registries/"):
        kinds.check(from_mapping({"type": "pipeline", "jobs": nodes}), "job")
