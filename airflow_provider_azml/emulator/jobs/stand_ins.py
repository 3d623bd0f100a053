"""Jobs of types that the emulator cannot run: they say that they are simulated, and leave outputs behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.jobs.command_job import STD_LOG
from airflow_provider_azml.emulator.jobs.records import JobFailure, JobRecords
from airflow_provider_azml.emulator.simulation.runner import MARK
from airflow_provider_azml.emulator.storage.locations import LocationError, Locations, output_uri
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

SIMULATED = ("AutoML", "FineTuning", "Labeling", "Spark")
"""Types of jobs that are simulated even where others run."""
_MARKER = "_SUCCESS"


def marked(properties: Json) -> Json:
    """The properties with which such a job is stored: they say that it is simulated."""
    return {**properties, "properties": {**(properties.get("properties") or {}), MARK: "true"}}


def stand_in(emulator: Emulator, job: Json) -> None:
    """Let such a job complete, with outputs for those who take them: what Spark leaves of an empty result.

    Args:
        emulator: The emulator.
        job: The job.

    Raises:
        JobFailure: The place of an output does not exist.
    """
    locations = Locations(emulator.store, arm_ids.parse(job["id"]).workspace)
    JobRecords(emulator).report(str(job["id"]), {"status": "Running", "startTimeUtc": timestamp()})
    properties = job["properties"]
    log = locations.of_artifacts(job["name"]).below(STD_LOG)
    said = f"This {properties['jobType']} job is simulated: its code does not run, and its outputs are empty.\n"
    emulator.blobs.write(log.container, log.path, said.encode())
    outputs: dict[str, Json | None] = properties.get("outputs") or {}
    for name, output in outputs.items():
        if name == "default":
            continue
        try:
            place = locations.find(output_uri(job["name"], name, output or {}))
        except LocationError as error:
            raise JobFailure("UserError", f"output {name!r} cannot be written: {error}") from error
        is_file = (output or {}).get("jobOutputType") == "uri_file"
        emulator.blobs.write(place.container, (place if is_file else place.below(_MARKER)).path, b"")
