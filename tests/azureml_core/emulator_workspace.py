"""The workspace of an emulator in azureml-core; run by a Python that has it."""

from __future__ import annotations

import os
from typing import NamedTuple

import requests
from azureml.core import Workspace
from azureml.core.authentication import AbstractAuthentication


class Subscription(NamedTuple):
    subscription_id: str
    subscription_name: str


class EmulatorAuthentication(AbstractAuthentication):
    """Tokens of the emulator. azureml-core's own way to them leaves the port out of an authority."""

    def _get_arm_token(self) -> str:
        authority = os.environ["AZURE_AUTHORITY_HOST"].rstrip("/")
        form = {
            "grant_type": "client_credentials",
            "resource": authority,
            "client_id": os.environ["AZURE_CLIENT_ID"],
            "client_secret": os.environ["AZURE_CLIENT_SECRET"],
        }
        answer = requests.post(f"{authority}/{os.environ['AZURE_TENANT_ID']}/oauth2/token", data=form, timeout=30)
        return str(answer.json()["access_token"])

    def _get_graph_token(self) -> str:
        return self._get_arm_token()

    def _get_azureml_client_token(self) -> str:
        return self._get_arm_token()

    def _get_all_subscription_ids(self) -> tuple[list[Subscription], str]:
        subscription = os.environ["AZML_SUBSCRIPTION_ID"]
        return [Subscription(subscription, subscription)], os.environ["AZURE_TENANT_ID"]

    def _get_workspace(self, *_: object) -> None:
        """None is known beforehand."""


def workspace() -> Workspace:
    """The workspace that the emulator's environment variables name."""
    names = (os.environ[f"AZML_{name}"] for name in ("SUBSCRIPTION_ID", "RESOURCE_GROUP", "WORKSPACE"))
    return Workspace(*names, auth=EmulatorAuthentication())
