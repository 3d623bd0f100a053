"""Where a component or job was written, in the words that azure-ai-ml tells the service: ``_source``.

Source: azure-ai-ml 1.35.2, ``ComponentSource`` and ``Component._resolve_component_source_from_id``.
"""

from __future__ import annotations

from airflow_provider_azml.spec.references import REGISTRIES

JOB = "YAML.JOB"
FILE = "YAML.COMPONENT"
WORKSPACE = "REMOTE.WORKSPACE.COMPONENT"
REGISTRY = "REMOTE.REGISTRY"
PIPELINE = "REMOTE.WORKSPACE.JOB"
"""A job that runs a pipeline component."""


def of_id(text: str) -> str:
    """The origin of what has an id already; what the older ``azureml://feeds/`` names counts as the workspace's.

    Example:
        >>> of_id("azureml://registries/azureml/components/prep/versions/1")
        'REMOTE.REGISTRY'
    """
    return REGISTRY if text.startswith(REGISTRIES[0]) else WORKSPACE
