"""The object that ties the parts of an emulator together."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator import identity
from airflow_provider_azml.emulator.auth import Auth
from airflow_provider_azml.emulator.blobs import ACCOUNT, SUFFIX, Blobs
from airflow_provider_azml.emulator.database import Database
from airflow_provider_azml.emulator.operations import Operations
from airflow_provider_azml.emulator.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.jobs import JobRunner
    from airflow_provider_azml.emulator.serving import Deployments


class Emulator:
    """One emulator: its home and everything in it.

    Args:
        home: The folder that holds all that it keeps; its certificates are there already.
        https_port: Where it listens for clients.
        http_port: Where it listens for what cannot speak TLS to it, e.g. MLflow in jobs.

    Attributes:
        home: The folder.
        https_url: ``https://localhost:<port>``.
        http_url: ``http://127.0.0.1:<port>``.
        ca_bundle: What clients of ``https_url`` must trust: the usual authorities and the emulator's own.
        account_name: ``accountName`` of datastores: SDKs make ``https://<account_name>.blob.core.windows.net`` of it,
            which so becomes a URL of the emulator.
        store: What it remembers.
        blobs: Its storage account.
        auth: Its tokens.
        operations: Its long-running operations.
        jobs: Runs jobs.
        deployments: Serves models.
    """

    jobs: JobRunner
    deployments: Deployments

    def __init__(self, home: Path, *, https_port: int, http_port: int) -> None:
        self.home = home
        self.https_url = f"https://localhost:{https_port}"
        self.http_url = f"http://127.0.0.1:{http_port}"
        self.ca_bundle = home / "tls" / "ca-bundle.pem"
        self.account_name = f"localhost:{https_port}/{ACCOUNT}"
        self._database = Database(home / "emulator.db")
        self.store = Store(self._database)
        self.auth = Auth(home, identity.secrets_of(home), self.https_url)
        self.blobs = Blobs(self._database, home / "blobs", f"https://{self.account_name}.blob.{SUFFIX}", self.auth.sas)
        self.operations = Operations(self.store, self.https_url, identity.LOCATION)

        for module, name, attribute in (("jobs", "JobRunner", "jobs"), ("serving", "Deployments", "deployments")):
            if importlib.util.find_spec(f"airflow_provider_azml.emulator.{module}"):
                made = getattr(importlib.import_module(f"airflow_provider_azml.emulator.{module}"), name)(self)
                setattr(self, attribute, made)

    def recover(self) -> None:
        """At the start: end what ran when an emulator in this home ended without notice."""
        self.operations.recover()
        if hasattr(self, "jobs"):
            self.jobs.recover()

    async def close(self) -> None:
        """Stop everything that runs, and close the files."""
        await self.operations.close()
        if hasattr(self, "jobs"):
            await self.jobs.close()
        if hasattr(self, "deployments"):
            await self.deployments.close()
        self._database.close()
