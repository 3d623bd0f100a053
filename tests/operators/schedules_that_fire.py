"""An emulator whose clock the tests move, so that its schedules fire, and what they have fired."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import requests
import yaml

from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

OPTIONS = ("--simulate", "0", "--create-workspace")
STEP = {"type": "command", "command": "echo", "environment": {"image": "local"}, "compute": "azureml:serverless"}
PIPELINE = {"type": "pipeline", "jobs": {"say": STEP}}


def file(folder: Path, name: str) -> Path:
    """The file of a schedule that fires at 03:00, and of the pipeline that it starts."""
    trigger = {"type": "cron", "expression": "0 3 * * *", "time_zone": "UTC"}
    (folder / "pipeline.yml").write_text(yaml.safe_dump(PIPELINE))
    path = folder / "schedule.yml"
    path.write_text(yaml.safe_dump({"name": name, "trigger": trigger, "create_job": "pipeline.yml"}))
    return path


def now(emulator: RunningEmulator) -> datetime:
    """What the emulator's clock shows."""
    shown = requests.get(f"{emulator.url}/emulator/clock", headers=emulator.headers, timeout=60).json()["now"]
    return datetime.fromisoformat(shown.replace("Z", "+00:00"))


def move(emulator: RunningEmulator, *, days: float = 0) -> datetime:
    """Move the clock ahead, to midnight and some days more; the time that it shows then."""
    midnight = now(emulator).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1 + days)
    body = {"advance_seconds": (midnight - now(emulator)).total_seconds()}
    requests.put(f"{emulator.url}/emulator/clock", headers=emulator.headers, json=body, timeout=60).raise_for_status()
    return midnight


def fired(emulator: RunningEmulator, schedule: str, number: int, seconds: float = 150) -> list[dict[str, Any]]:
    """The jobs of a schedule, the oldest first, once there are so many."""
    workspace, until = Workspace(emulator), time.monotonic() + seconds
    while True:
        params = {"scheduled": "true", "scheduleId": schedule}
        found: list[dict[str, Any]] = workspace.call("GET", f"{workspace.id}/jobs", params=params).json()["value"]
        if len(found) >= number or time.monotonic() > until:
            assert len(found) == number, [one["name"] for one in found]
            return found[::-1]
        time.sleep(0.02)
