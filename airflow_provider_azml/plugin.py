"""The Airflow plugin: what Airflow finds by entry point rather than in the provider's description."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from airflow_provider_azml.links import AzmlEndpointLink, AzmlStudioLink
from airflow_provider_azml.spec.v1 import moments
from airflow_provider_azml.timetables.recurrence import AzmlCronTimetable, AzmlRecurrenceTimetable


class AzmlPlugin(AirflowPlugin):
    """Registers the links that operators carry, the timetables, and the functions of v1's expressions."""

    name = "azml"
    operator_extra_links = [AzmlStudioLink(), AzmlEndpointLink()]  # noqa: RUF012 (declared so by AirflowPlugin)
    macros = list(moments.FUNCTIONS)  # noqa: RUF012 (as above; templates have them as macros.azml)
    timetables = [AzmlCronTimetable, AzmlRecurrenceTimetable]  # noqa: RUF012 (as above)
