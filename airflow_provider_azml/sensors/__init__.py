"""Airflow sensors; each can be imported from here or from its module."""

from airflow_provider_azml.sensors.azml import (
    AzmlComputeSensor,
    AzmlJobSensor,
    AzmlModelVersionSensor,
    AzmlWaitForServiceHealthySensor,
)

__all__ = ["AzmlComputeSensor", "AzmlJobSensor", "AzmlModelVersionSensor", "AzmlWaitForServiceHealthySensor"]
