"""What azure-ai-ml makes of the nodes of pipelines that are its private preview; a program of its own.

It prints what is sent for the nodes of each file that it is given, by their names, or nothing for one that it refuses.
The preview is chosen when azure-ai-ml is imported, so that no process that has it already can run this.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Any

PREVIEW = "AZURE_ML_CLI_PRIVATE_FEATURES_ENABLED"


def nodes_of(file: str) -> dict[str, Any] | None:
    from azure.ai.ml import load_job
    from azure.ai.ml.entities._builders.control_flow_node import ControlFlowNode

    try:
        job: Any = load_job(file)
        if not job._validate(raise_error=False).passed:
            return None
        nodes = {name: node for name, node in job.jobs.items() if isinstance(node, ControlFlowNode)}
        return {name: node._to_rest_object() for name, node in nodes.items()}
    except Exception:  # noqa: BLE001 (it refuses files with errors of many types, KeyError and TypeError among them)
        return None


if __name__ == "__main__":
    assert os.environ[PREVIEW] == "True"
    logging.disable(logging.CRITICAL)
    sys.stdout.write(json.dumps({file: nodes_of(file) for file in sys.argv[1:]}))
