"""Folders with an ``MLTable`` file that was made for a dataset of CLI v1."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_azml.rest import snapshot
from airflow_provider_azml.spec.needs import Local, Need
from airflow_provider_azml.spec.v1 import mltable_files

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.spec.target import Target

MLTABLE = "MLTable"


@dataclass(frozen=True)
class MadeTable(Need):
    """Such a folder, which is uploaded with the workspace of every datastore that its file names.

    Args:
        local: The folder as it is.

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-mltable, which has datastores with their
    workspace alone.
    """

    local: Local

    def meet(self, target: Target, body: Json) -> Flow[str]:
        """Upload it, unless it is there."""
        with tempfile.TemporaryDirectory(prefix="azml-") as folder:
            completed = Path(folder, self.local.taken.path.name)
            shutil.copytree(self.local.taken.path, completed)
            file = completed / MLTABLE
            file.write_text(mltable_files.completed(file.read_text("utf-8"), target.workspace), "utf-8")
            return (yield from replace(self.local, taken=snapshot.take(completed)).meet(target, body))
