"""Airflow sensors; each can be imported from here or from its module."""

from airflow_provider_azml.sensors.azml import AzmlWaitForServiceHealthySensor

__all__ = ["AzmlWaitForServiceHealthySensor"]
