"""The Airflow plugin: what Airflow finds by entry point rather than in the provider's description."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from airflow_provider_azml.links import AzmlEndpointLink, AzmlStudioLink


class AzmlPlugin(AirflowPlugin):
    """Registers the links that operators carry."""

    name = "azml"
    operator_extra_links = [AzmlStudioLink(), AzmlEndpointLink()]  # noqa: RUF012 (declared so by AirflowPlugin)
