"""How :class:`AzmlDeployWebserviceOperator` makes a web service of v1: what it uploads, asks for and answers."""

from __future__ import annotations

import json
import tarfile
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.operators.base import LOG_LINES

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_azml.operators.webservices import AzmlDeployWebserviceOperator
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.v1.services import Operation
    from airflow_provider_azml.rest.waiting import Outcome, Ticket
    from airflow_provider_azml.spec.v1.inference import InferenceConfig
    from airflow_provider_azml.spec.v1.service_requests import Uploaded

_NO_LOCAL = "says computeType local, which no service of v1 ran; take generation v2 and the emulator"
_NO_VERSIONS = "says computeType aksendpoint, a preview that has ended; say aks"


def begin(operator: AzmlDeployWebserviceOperator, context: Context) -> Ticket:
    """Make the service, unless an earlier try has.

    Raises:
        SpecError: Its files are not valid, or there is a service of that name which is not to be replaced.
        ApiError: The service refused.
    """
    from airflow_provider_azml.operators.arguments import refused
    from airflow_provider_azml.operators.submission import submission_hash
    from airflow_provider_azml.rest.v1 import services, tickets

    hook, name, mark = operator.hook, operator.name, submission_hash(context)
    place, bears = hook.workspace_id, operator.unschedulable_seconds
    request = _Request(operator, context, mark)
    found = hook.run(services.find(hook.v1.place, name))
    if found is not None and _is_of(found, mark) and found.get("state") != "Failed":
        operator.log.info("Web service %s was asked for by an earlier try", name)
        act = found.get("operationId")
        return tickets.web_service(place, name, operation=act, unschedulable_seconds=bears, body=found)
    if found is not None and not operator.overwrite and not _is_of(found, mark):
        reason = f"is {name!r}, and there is a web service of that name; give overwrite=True, or another name"
        raise refused("name", reason)
    operator.log.info("Deploying web service %s", name)
    made = _create(operator, request.body(replaces=found is not None), mark)
    return tickets.web_service(place, name, operation=made.id, unschedulable_seconds=bears)


def ended(operator: AzmlDeployWebserviceOperator, context: Context, outcome: Outcome) -> Json:
    """What the task returns for a service that is healthy.

    Raises:
        RunFailed: It is not, and will not be; with the end of its log.
    """
    from airflow_provider_azml.rest.v1 import services

    hook, name = operator.hook, operator.name
    studio_url = operator.show_service(context, name)
    if not outcome.succeeded:
        tail = hook.run(services.log_tail(hook.v1.place, name, lines=LOG_LINES))
        raise outcome.failure(studio_url=studio_url, log_tail=tail)
    service = hook.run(services.get(hook.v1.place, name))
    return {
        "name": name,
        "status": service["state"],
        "compute_type": service.get("computeType"),
        "scoring_uri": service.get("scoringUri"),
        "swagger_uri": service.get("swaggerUri"),
        "studio_url": studio_url,
    }


def image_request(operator: AzmlDeployWebserviceOperator, context: Context) -> Json:
    """What a service of the operator's files would be made of, with its files uploaded and local models registered.

    Raises:
        SpecError: Its files are not valid.
        ApiError: The service refused.
    """
    from airflow_provider_azml.operators.submission import submission_hash

    return _Request(operator, context, submission_hash(context)).image()


def _create(operator: AzmlDeployWebserviceOperator, body: Json, mark: str) -> Operation:
    """Ask for the service once; where no answer came, or it is there already, it may have been by this very task."""
    from airflow_provider_azml.rest.v1 import services

    hook = operator.hook
    try:
        return hook.run(services.create(hook.v1.place, body))
    except ApiError:
        found = hook.run(services.find(hook.v1.place, operator.name))
        if found is None or not _is_of(found, mark) or found.get("state") == "Failed":
            raise
        return services.Operation(found.get("operationId"))


def _is_of(service: Json, mark: str) -> bool:
    """Whether a service was asked for by this submission."""
    from airflow_provider_azml.spec.target import SUBMISSION

    return (service.get("kvTags") or {}).get(SUBMISSION) == mark


class _Request:
    """What a service is asked for with: its files are checked at once, what they name is uploaded when it is sent.

    Args:
        operator: The operator.
        context: Context of its task.
        mark: What tells this submission from all others.

    Raises:
        SpecError: The files are not valid.
    """

    def __init__(self, operator: AzmlDeployWebserviceOperator, context: Context, mark: str) -> None:
        from airflow_provider_azml.spec.source import Source
        from airflow_provider_azml.spec.v1.deployed_models import DeployedModels
        from airflow_provider_azml.spec.v1.deployment import ACI, AKS, DeploymentConfig
        from airflow_provider_azml.spec.v1.inference import InferenceConfig

        self._operator, self._mark = operator, mark
        inference, config = operator.files(context)
        self._inference = None if inference is None else InferenceConfig(inference)
        folder = (operator.folder / (operator.base_path or "")).absolute()
        self._config = DeploymentConfig(config or Source({}, folder), AKS if operator.compute_target else ACI)
        self._models = DeployedModels(Source({"models": [str(model) for model in operator.models]}, folder))
        self._check()

    def body(self, *, replaces: bool) -> Json:
        """What is sent.

        Args:
            replaces: Whether there is a service of that name.
        """
        from airflow_provider_azml.spec.target import SUBMISSION
        from airflow_provider_azml.spec.v1.service_requests import service_request

        operator = self._operator
        return service_request(
            operator.name,
            self._config,
            self.image(),
            compute_target=operator.compute_target or None,
            description=operator.description,
            tags={**(operator.tags or {}), SUBMISSION: self._mark},
            properties=operator.properties,
            overwrite=operator.overwrite or replaces,
        )

    def _check(self) -> None:
        from airflow_provider_azml.operators.arguments import refused
        from airflow_provider_azml.spec import validate
        from airflow_provider_azml.spec.v1.deployment import AKS_ENDPOINT, LOCAL

        found = [*self._config.problems(today=False), *self._models.problems(without_code=False)]
        if self._inference is not None:
            found += self._inference.problems(today=False)
        elif len(self._models.names) != 1:
            raise refused("models", "must be one where inference_config is left out")
        validate.told(found)
        for kind, reason in ((LOCAL, _NO_LOCAL), (AKS_ENDPOINT, _NO_VERSIONS)):
            if self._config.type == kind:
                raise refused("deployment_config", reason)

    def image(self) -> Json:
        """What the service is made of, with its files uploaded and local models registered."""
        from airflow_provider_azml.spec.v1 import service_requests

        ids = [self._model_id(name) for name in self._models.names]
        if self._inference is None:
            return {"modelIds": ids}
        with tempfile.TemporaryDirectory() as folder:
            driver = Path(folder) / service_requests.DRIVER
            driver.write_text(service_requests.driver_text(self._inference), "utf-8")
            code = self._inference.script_file
            if self._inference.folder is not None:
                code = _archived(self._inference, Path(folder), follow_symlinks=self._operator.follow_symlinks)
            return service_requests.image_request(
                self._inference,
                ids,
                self._uploaded(driver),
                self._uploaded(code, unpack=self._inference.folder is not None),
                self._environment(self._inference),
            )

    def _model_id(self, name: str) -> str:
        """A model as v1 names it; a local one is registered, as ``az ml model deploy`` did, unless a try before has."""
        from airflow_provider_azml.operators.v1_models import registered_model
        from airflow_provider_azml.rest import snapshot
        from airflow_provider_azml.rest.arm_ids import parse
        from airflow_provider_azml.rest.v1 import models
        from airflow_provider_azml.spec.target import SUBMISSION

        hook, place = self._operator.hook, self._operator.hook.v1.place
        if not self._models.is_local(name):
            body = registered_model(hook, name)
            made = parse(body["id"] if body else name)
            return f"{made.name}:{made.version}"
        path = self._models.arguments.local(name)
        called = self._models.name_of(name)
        known = hook.run(models.each(place, params={"name": called, "tags": f"{SUBMISSION}={self._mark}"}))
        if known:
            return str(known[0]["id"])
        about = {"kvTags": {SUBMISSION: self._mark}}
        taken = snapshot.take(path, follow_symlinks=self._operator.follow_symlinks)
        model_id = str(hook.run(models.register_files(place, called, taken, about=about))["id"])
        self._operator.log.info("Registered model %s", model_id)
        return model_id

    def _environment(self, inference: InferenceConfig) -> Json | None:
        """The environment in v1's words: the registered one that is named, or what the inference configuration says."""
        from airflow_provider_azml.operators.v1_models import registered_environment
        from airflow_provider_azml.spec.v1 import environment_files, service_requests
        from airflow_provider_azml.spec.v1.clones import added
        from airflow_provider_azml.spec.v1.environments import CONDA
        from airflow_provider_azml.spec.v1.inference import RETIRED

        operator = self._operator
        if not operator.environment:
            return service_requests.environment(inference, operator.name)
        if operator.environment.partition(":")[0] in RETIRED:
            python = {"condaDependencies": added(CONDA, operator.pip_packages)}
            return {"name": f"{operator.name}-env", "python": python}
        found = registered_environment(operator.hook, operator.environment)
        files = environment_files.written(found)
        made: Json = json.loads(files[environment_files.FILE])
        return service_requests.with_conda(made, files.get(environment_files.CONDA_FILE), operator.pip_packages)

    def _uploaded(self, file: Path, *, unpack: bool = False) -> Uploaded:
        from airflow_provider_azml.rest import snapshot
        from airflow_provider_azml.rest.v1 import artifacts
        from airflow_provider_azml.spec.v1.service_requests import Uploaded

        hook = self._operator.hook
        named = hook.run(artifacts.upload(hook.v1.place, uuid.uuid4().hex[:8], snapshot.take(file)))
        return Uploaded(file.name, f"aml://artifact/{named}", unpack)


def _archived(inference: InferenceConfig, folder: Path, *, follow_symlinks: bool) -> Path:
    """The source directory as an archive that holds a folder of its name, without what its ignore file leaves out."""
    from airflow_provider_azml.rest import snapshot

    archive = folder / f"{uuid.uuid4().hex[:8]}.tar.gz"
    with tarfile.open(archive, "w:gz") as made:
        for file in snapshot.take(inference.code, follow_symlinks=follow_symlinks).files:
            with file.opened() as content:
                member = tarfile.TarInfo(f"{inference.code.name}/{file.name}")
                member.size, member.mode = file.size, file.path.stat().st_mode & 0o777
                made.addfile(member, content)
    return archive
