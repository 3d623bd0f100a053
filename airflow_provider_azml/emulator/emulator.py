"""The object that ties the parts of an emulator together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from airflow_provider_azml.emulator import identity
from airflow_provider_azml.emulator.arm.operations import Operations
from airflow_provider_azml.emulator.auth import Auth
from airflow_provider_azml.emulator.clock import Clock
from airflow_provider_azml.emulator.computes.computes import Computes
from airflow_provider_azml.emulator.database import Database
from airflow_provider_azml.emulator.faults.faults import Faults
from airflow_provider_azml.emulator.jobs.metric_news import MetricNews
from airflow_provider_azml.emulator.jobs.runner import JobRunner
from airflow_provider_azml.emulator.older_homes import bring_up_to_date
from airflow_provider_azml.emulator.open_connections import OpenConnections
from airflow_provider_azml.emulator.request_counts import RequestCounts
from airflow_provider_azml.emulator.schedules.service import Schedules
from airflow_provider_azml.emulator.serving.deployments import Deployments
from airflow_provider_azml.emulator.simulation.runner import Simulation
from airflow_provider_azml.emulator.storage.blobs import ACCOUNT, SUFFIX, Blobs
from airflow_provider_azml.emulator.store import Store
from airflow_provider_azml.emulator.v1.web_services import WebServices

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.settings import Settings
    from airflow_provider_azml.rest.flows import Json

_ADDRESSES = "addresses"


class Jobs(Protocol):
    """What happens to jobs; ``JobRunner`` and ``Simulation`` say more."""

    def accept(self, name: str, properties: Json) -> Json:
        """The properties with which a new job is stored."""

    def submit(self, job: Json) -> None:
        """Start a job that the store holds."""

    def cancel(self, job_id: str) -> None:
        """Cancel a job."""

    def lose_worker(self, job_id: str) -> bool:
        """Lose the node that a job runs on; whether it ran on one."""

    def preempt(self, compute_id: str) -> list[str]:
        """Take the nodes of a low-priority cluster away; the ids of the jobs that were on them."""

    async def ended(self, job_id: str) -> None:
        """Wait until a job is not active."""

    def compute_changed(self) -> None:
        """Let jobs run for which a compute has room by now."""

    def compute_gone(self, compute_id: str, why: str) -> None:
        """End the jobs that run on a compute which is not there any more, or stops."""

    def awaited(self, compute_id: str) -> int:
        """How many more nodes of a compute the jobs want that wait."""

    def prepare(self, environment_id: str) -> None:
        """Make an environment, so that its first job starts sooner."""

    def recover(self) -> None:
        """At the start: end what was active when an emulator ended without notice."""

    async def close(self) -> None:
        """At the end: end what runs."""


class Emulator:
    """One emulator: its home and everything in it.

    Args:
        settings: Its options; the certificates are in its home already.
        https_port: Where it listens for clients.
        http_port: Where it listens for what cannot speak TLS to it, e.g. MLflow in jobs.

    Attributes:
        home: The folder.
        https_url: ``https://localhost:<port>``.
        http_url: ``http://127.0.0.1:<port>``.
        ca_bundle: What clients of ``https_url`` must trust: the usual authorities and the emulator's own.
        account_name: ``accountName`` of datastores: SDKs make ``https://<account_name>.blob.core.windows.net`` of it,
            which so becomes a URL of the emulator.
        clock: The time that schedules and idle nodes go by.
        database: The file in which it remembers.
        store: What it remembers.
        blobs: Its storage account.
        auth: Its tokens.
        operations: Its long-running operations.
        computes: What clusters and instances do over time.
        jobs: Runs jobs.
        metric_news: Tells jobs what metrics those below them log.
        deployments: Serves models.
        web_services: The web services of the retired generation.
        schedules: Fires schedules.
        open_connections: The connections that clients hold.
        faults: What goes wrong.
        requests: How many have come.
        throttles: Whether Resource Manager takes only so many a second.
        record: Where to write down what Resource Manager answers, if anywhere.
    """

    def __init__(self, settings: Settings, *, https_port: int, http_port: int) -> None:
        home = self.home = settings.home
        self.https_url = f"https://localhost:{https_port}"
        self.http_url = f"http://127.0.0.1:{http_port}"
        self.ca_bundle = home / "tls" / "ca-bundle.pem"
        self.account_name = f"localhost:{https_port}/{ACCOUNT}"
        self.clock = Clock()
        self.database = Database(home / "emulator.db")
        bring_up_to_date(self.database)
        self.store = Store(self.database)
        self.auth = Auth(home, identity.secrets_of(home), self.https_url)
        self.blobs = Blobs(self.database, home / "blobs", f"https://{self.account_name}.blob.{SUFFIX}", self.auth.sas)
        self.open_connections = OpenConnections()
        self.faults = Faults(settings.faults, self.open_connections)
        self.operations = Operations(self.store, self.https_url, identity.LOCATION, self.faults)
        self.computes = Computes(self.store, self.clock, settings.node_seconds, self._instance_stops)
        seconds = settings.simulate_seconds
        self.jobs: Jobs = JobRunner(self) if seconds is None else Simulation(self, seconds)
        self.metric_news = MetricNews()
        self.deployments = Deployments(self)
        self.web_services = WebServices(self)
        self.schedules = Schedules(self)
        self.requests = RequestCounts()
        self.throttles = settings.throttle
        self.record = settings.record

    def recover(self) -> None:
        """At the start: end what ran when an emulator in this home ended without notice."""
        self._readdress()
        self.blobs.recover()
        self.operations.recover()
        self.computes.recover()
        self.jobs.recover()
        self.deployments.recover()
        self.web_services.recover()
        self.schedules.recover()

    def _instance_stops(self, compute_id: str) -> None:
        name = compute_id.rpartition("/")[2]
        self.jobs.compute_gone(compute_id, f"The compute instance '{name}' was stopped while the job ran on it.")

    def _readdress(self) -> None:
        now = {"https": self.https_url, "http": self.http_url, "account": self.account_name}
        before = self.store.record(_ADDRESSES, "last") or now
        with self.database.transaction():
            self.store.readdress({before[name]: now[name] for name in now if before[name] != now[name]})
            self.store.put_record(_ADDRESSES, "last", now)

    async def stop_work(self) -> None:
        """Stop everything that runs."""
        await self.schedules.close()
        await self.operations.close()
        await self.jobs.close()
        await self.computes.close()
        await self.web_services.close()
        await self.deployments.close()

    def close(self) -> None:
        """Close the files."""
        self.database.close()
