"""Airflow sensors; each can be imported from here or from its module."""

from airflow_provider_azml.sensors.azml import (
    AzmlComputeSensor,
    AzmlJobSensor,
    AzmlModelVersionSensor,
)
from airflow_provider_azml.sensors.datastores import AzmlDatastorePathSensor
from airflow_provider_azml.sensors.services import AzmlWaitForServiceHealthySensor

__all__ = [
    "AzmlComputeSensor",
    "AzmlDatastorePathSensor",
    "AzmlJobSensor",
    "AzmlModelVersionSensor",
    "AzmlWaitForServiceHealthySensor",
]
