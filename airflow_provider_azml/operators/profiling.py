"""The operator that profiles models: how fast they answer, and what they take."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import ApiError, AzmlError, RunFailed
from airflow_provider_azml.hooks.airflow_versions import AirflowTaskTimeout
from airflow_provider_azml.operators.webservices import AzmlDeployWebserviceOperator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from airflow.sdk import Context

    from airflow_provider_azml.hooks.azml import AzmlHook
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.profiles import Load
    from airflow_provider_azml.rest.waiting import Outcome, Ticket
    from airflow_provider_azml.spec.source import Source

_MOST_REQUESTS, _MOST_BESIDE = 100_000, 100
_KILL_SECONDS = 3.0


class AzmlProfileModelOperator(AzmlDeployWebserviceOperator):
    """Measures how fast models answer and what they take, and recommends sizes, as ``az ml model profile`` did.

    The models are deployed to an endpoint of their own, driven with the sample, and deleted again. Its name is made of
    the task instance: after a worker has died the next try finds it, goes on with it, and deletes it.

    Latencies are measured from the worker, so the way there and back is part of them. Cores and memory are what Azure
    Monitor tells of the machine, by the minute and some minutes late, with what the machine itself needs; of clusters
    it tells nothing, and neither does the profile then. With ``generation="v1"`` the service of v1 does it, where a
    workspace still has that.

    Args:
        name: Name of the profile: 3 to 32 small letters, digits and ``-``.
        payload: A request, as text or as anything that JSON can hold.
        data: A file with one request in each line, relative to the DAG file, instead. With ``generation="v1"`` the id
            of a registered dataset of one column of text.
        target_file: A JSON file that the profile is written to, with ``cpu`` and ``memoryInGB`` as ``-t`` of CLI v1
            wrote them.
        requests: How many requests are measured.
        concurrency: How many are under way at most.
        warm_up: How many are sent before and not measured.
        metrics_seconds: How long to wait for Azure Monitor to tell, in seconds; 0 to do without.

    The other arguments are those of
    :class:`~airflow_provider_azml.operators.webservices.AzmlDeployWebserviceOperator`.

    Returns:
        The profile: ``{"name", "state", "totalQueries", "successRate", "averageLatencyInMs", "latencyPercentile50InMs",
        "latencyPercentile95InMs", "latencyPercentile99InMs", "measuredQueriesPerSecond", "maxUtilizedCpu",
        "maxUtilizedMemoryInGB", "recommendedCpu", "recommendedMemoryInGB", "recommendedInstanceType", "cpu",
        "memoryInGB"...}``, with the names of v1's.

    Raises:
        RunFailed: The models could not be deployed, or no request was answered with success.

    Example:
        >>> AzmlProfileModelOperator(
        ...     task_id="profile",
        ...     name="myprofile",
        ...     models=["mymodel:1"],
        ...     inference_config="inferenceconfig.json",
        ...     payload={"data": [[1, 2, 3, 4]]},
        ...     target_file="myprofileresult.json",
        ... )

    Source: https://learn.microsoft.com/azure/machine-learning/v1/how-to-deploy-profile-model
    """

    template_fields: Sequence[str] = (
        *AzmlDeployWebserviceOperator.template_fields,
        "payload",
        "data",
        "target_file",
        "requests",
        "concurrency",
        "warm_up",
        "metrics_seconds",
    )

    def __init__(
        self,
        *,
        payload: object = None,
        data: str | None = None,
        target_file: str | None = None,
        requests: int | str = 100,
        concurrency: int | str = 1,
        warm_up: int | str = 5,
        metrics_seconds: float | str = 600,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.payload = payload
        self.data = data
        self.target_file = target_file
        self.requests = requests
        self.concurrency = concurrency
        self.warm_up = warm_up
        self.metrics_seconds = metrics_seconds
        self._endpoint: str | None = None

    def check_arguments(self) -> None:
        """Check the arguments, once templates are rendered.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import refused, seconds, whole

        super().check_arguments()
        self.requests = whole("requests", self.requests, 1, _MOST_REQUESTS)
        self.concurrency = whole("concurrency", self.concurrency, 1, _MOST_BESIDE)
        self.warm_up = whole("warm_up", self.warm_up, 0, _MOST_REQUESTS)
        self.metrics_seconds = seconds("metrics_seconds", self.metrics_seconds, zero=True)
        if (self.payload is None) == (self.data is None):
            raise refused("payload", "or data is needed, and one of them alone: what the models are asked")

    def submit(self, context: Context) -> Ticket | Json:
        """Make the endpoint of the profile; or ask for the profile of v1, unless an earlier try has."""
        if self.generation == "v2":
            return super().submit(context)
        return self._asked_for(context)

    def advance(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """From the endpoint to the deployment, from there to what is measured; v1's service tells that itself."""
        from airflow_provider_azml.rest.v1 import profiles

        if self.generation == "v2":
            return super().advance(context, outcome)
        if not outcome.succeeded:
            raise outcome.failure()
        profile = self.hook.run(profiles.find(self.hook.workspace_id, self.name))
        return self._told({key: value for key, value in (profile or {}).items() if value is not None})

    def _asked_for(self, context: Context) -> Ticket:
        """Ask the service of v1 for the profile."""
        import json

        from airflow_provider_azml.operators.submission import submission_hash
        from airflow_provider_azml.operators.v1_webservices import image_request
        from airflow_provider_azml.rest.v1 import profiles, tickets
        from airflow_provider_azml.spec.target import SUBMISSION

        place, mark = self.hook.workspace_id, submission_hash(context)
        found = self.hook.run(profiles.find(place, self.name))
        if found and (found.get("kvTags") or {}).get(SUBMISSION) == mark and found.get("state") != "Failed":
            self.log.info("Profile %s was asked for by an earlier try", self.name)
            return tickets.profile(place, self.name, found)
        sample = self.payload if self.payload is None or isinstance(self.payload, str) else json.dumps(self.payload)
        request = {
            "name": self.name,
            "description": self.description,
            "kvTags": {**(self.tags or {}), SUBMISSION: mark},
            "properties": dict(self.properties or {}),
            "inputDatasetId": self.data,
            "inputData": sample,
            "environmentImageRequest": image_request(self, context),
        }
        self.hook.run(profiles.create(place, {key: value for key, value in request.items() if value is not None}))
        self.log.info("Profile %s is being made", self.name)
        return tickets.profile(place, self.name)

    # -- the endpoint of the profile -----------------------------------------------------------------------------

    def sources(self, context: Context) -> tuple[Source, Source]:
        """The deployment and the endpoint, under the name that is the profile's own."""
        deployment, endpoint = super().sources(context)
        self.traffic = 100
        name = self._endpoint = endpoint_name(context)
        return deployment.merged({"endpoint_name": name}), endpoint.merged({"name": name})

    def check_replaced(self, endpoint: str, deployment: Source) -> None:
        """What is there was made by an earlier try, which did not come to its end."""
        self.log.info("An earlier try has made the endpoint %s for the profile", endpoint)

    @contextmanager
    def guarded(self, context: Context) -> Iterator[None]:
        """Whatever happens to the try but a deferral, nothing stays that costs."""
        self._endpoint = endpoint_name(context)
        with super().guarded(context):
            try:
                yield
            except (Exception, AirflowTaskTimeout):
                self._give_up(self.hook)
                raise

    def on_kill(self) -> None:
        """Delete what was deployed, within the seconds that Airflow gives."""
        from airflow_provider_azml.hooks.azml import AzmlHook

        if "hook" not in self.__dict__:
            return
        # over a connection of its own, and in another thread: the task's may be in the midst of a request
        own = AzmlHook(self.azml_conn_id, self.subscription_id, self.resource_group, self.workspace)
        own.settings, own.workspace_id = self.hook.settings, self.hook.workspace_id
        removing = threading.Thread(target=self._give_up, args=[own], daemon=True)
        removing.start()
        removing.join(_KILL_SECONDS)

    # -- what is measured ----------------------------------------------------------------------------------------

    def result(self, context: Context, endpoint_id: str, deployment_id: str) -> Json:
        """The profile, once what was measured is gone again."""
        from datetime import datetime, timezone

        from airflow_provider_azml.rest import flows, loads

        begun = datetime.now(timezone.utc)
        load = self.hook.run(
            loads.drive(
                endpoint_id,
                self._payloads(),
                requests=int(self.requests),
                concurrency=int(self.concurrency),
                warm_up=int(self.warm_up),
            )
        )
        self._check_answers(load, deployment_id)
        deployment = self.hook.run(flows.get(deployment_id))
        taken = self._taken(deployment, begun)
        self.log.info("Deleting endpoint %s", self._endpoint)
        self.hook.delete("online_endpoint", str(self._endpoint))
        return self._told({
            "name": self.name,
            "state": "Succeeded",
            "description": self.description,
            "modelIds": [str(model) for model in self.models],
            "instanceType": deployment["properties"].get("instanceType"),
            **load.profile(),
            **taken,
        })

    def _taken(self, deployment: Json, begun: datetime) -> Json:
        """What the deployment has used at most, and what is recommended for it; nothing where nobody tells."""
        from airflow_provider_azml.rest.profiles import utilized
        from airflow_provider_azml.rest.utilization import Peak, peak
        from airflow_provider_azml.spec.instance_sizes import smallest

        taken, why = Peak(None, None), "Azure Monitor has told nothing of the machine"
        try:
            if self.metrics_seconds:
                taken = self.hook.run(peak(deployment, begun, patience_seconds=float(self.metrics_seconds)))
        except ApiError as error:  # what was measured of the answers is worth keeping
            why = str(error)
        if taken.cores is None or taken.memory_gb is None:
            self.log.warning("The profile recommends no size: %s", why)
            return utilized(taken.cores, taken.memory_gb)
        told = utilized(taken.cores, taken.memory_gb)
        size = smallest(told["recommendedCpu"], told["recommendedMemoryInGB"])
        return {**told, "recommendedInstanceType": size.name if size else None}

    def _told(self, profile: Json) -> Json:
        """The profile as CLI v1 had it; it is written to the file that was asked for."""
        for short, name in (("cpu", "recommendedCpu"), ("memoryInGB", "recommendedMemoryInGB")):
            if name in profile:
                profile[short] = profile[name]
        self._write(profile)
        return profile

    def _write(self, profile: Json) -> None:
        import json

        if self.target_file:
            path = self.folder / self.target_file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(profile, indent=2) + "\n", "utf-8")
            self.log.info("The profile is in %s", path)

    def _payloads(self) -> list[str]:
        """Bodies of requests.

        Raises:
            SpecError: The file cannot be read, or is empty.
        """
        import json

        from airflow_provider_azml.operators.arguments import refused

        if self.data is None:
            return [self.payload if isinstance(self.payload, str) else json.dumps(self.payload)]
        path = self.folder / self.data
        try:
            lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise refused("data", f"{str(path)!r} cannot be read: {error}") from error
        if not lines:
            raise refused("data", f"{str(path)!r} is empty")
        return lines

    def _check_answers(self, load: Load, deployment_id: str) -> None:
        """Refuse a profile in which nothing was answered with success.

        Raises:
            RunFailed: Nothing was; with the end of the deployment's log.
        """
        from airflow_provider_azml.operators.base import LOG_LINES
        from airflow_provider_azml.rest.deployments import log_tail

        if load.latencies:
            return
        raise RunFailed(
            kind="profile of",
            name=self.name,
            status="Failed",
            code="AllRequestsFailed",
            message=f"not one of {load.failures} requests was answered with success; look at the sample and the script",
            log_tail=self.hook.run(log_tail(deployment_id, lines=LOG_LINES)),
        )

    def _give_up(self, hook: AzmlHook) -> None:
        """Delete the endpoint of the profile, if it is there, without waiting for it to be gone."""
        from airflow_provider_azml.rest import flows

        name = self._endpoint
        if name is None or self.generation == "v1":
            return
        try:
            if hook.run(flows.find(hook.workspace_id.child("online_endpoint", name))):
                hook.delete("online_endpoint", name, wait=False)
                self.log.info("Endpoint %s is being deleted", name)
        except AzmlError as error:
            self.log.warning("The endpoint %s could not be deleted; delete it yourself: %s", name, error)


def endpoint_name(context: Context) -> str:
    """The name of the endpoint of a task instance's profile, the same in all tries.

    Example:
        >>> endpoint_name(context)
        'profile-0c2f6a5d8e91'
    """
    from airflow_provider_azml.operators.submission import submission_hash

    return f"profile-{submission_hash(context)}"
