"""Operator that asks an online endpoint, or a web service of v1: once, or about many records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_azml.exceptions import ApiError, RunFailed
from airflow_provider_azml.links import AzmlStudioLink
from airflow_provider_azml.operators.base import LOG_LINES, AzmlOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.record_bodies import RecordShape
    from airflow_provider_azml.rest.records import Format
    from airflow_provider_azml.rest.score_step import Batch
    from airflow_provider_azml.rest.scoring import Door

B = TypeVar("B", bound="Batch")
_MOST_RECORDS, _MOST_BESIDE = 100_000, 256
_SENT = ("payload", "payload_bytes", "payload_file", "records")


class AzmlScoreOperator(AzmlOperator):
    """Asks an online endpoint, or a web service of v1: sends it one payload, or many records in batches.

    A payload that was not taken (429, 503, no connection) is sent again, for ``tolerate_errors_seconds`` at most. One
    that may have been scored (a failed script, a time limit, a broken connection) is not, unless ``idempotent``. A key
    that is made anew meanwhile, and a token that runs out, are fetched again. The worker sends: nothing is waited for,
    so ``deferrable``, ``poll_seconds`` and ``timeout_seconds`` change nothing here; ``execution_timeout`` holds. A
    retry begins anew.

    Args:
        endpoint_name: Name of the endpoint.
        payload: One payload: anything that JSON can hold; templates in it are rendered.
        deployment_name: Take this deployment, whatever the traffic split says.
        service_name: Name of a web service of v1 instead, which is given the key or token that it asks for.
        payload_bytes: One payload as it is sent, instead.
        payload_file: A file with one payload as it is sent, instead, relative to the DAG file.
        content_type: Of ``payload_bytes`` and ``payload_file``.
        records: Many records instead: a list, as an upstream task returned it, or a file: a path relative to the DAG
            file, an object in object storage (``s3://conn@bucket/a.jsonl``) or ``azureml://datastores/...``.
        records_format: ``jsonl`` (a record in each line) or ``csv`` (names in the first row); by the file's name.
        batch_size: How many records are sent with one request.
        concurrency: How many requests are under way at most.
        record_key: Where the records are in a request, dotted; ``None``: each record is a request of its own.
        record_shape: ``as_given``; ``values``, for mappings without their names; ``split``, as MLflow takes data
            frames, with ``record_key="input_data"``.
        body: What else is in each request.
        answer_key: Where the answers are in what comes back, dotted; by default all of it, or the only list in it.
        output_file: A file for the results, in place of the task's own: a path relative to the DAG file, an object in
            object storage, or ``azureml://datastores/...``. Lines of JSON in the order of the records: ``{"index": 0,
            "answer": ...}``, or ``{"index": 0, "error": {"status", "code", "message"}}``. It is put in place when all
            of it is there, and not at all if the task fails.
        with_records: Whether each line has the ``record`` too.
        max_error_ratio: Which part of the records may fail, from 0 to 1, before the task does.
        idempotent: Whether it does no harm to score a record twice. Then a batch whose script failed is sent in parts,
            until those records are found that it fails for.
        request_timeout_seconds: How long an answer may take, in seconds.

    Returns:
        Of one payload the endpoint's answer: JSON where it is JSON, else text. Of records ``{"name", "records",
        "succeeded", "failed", "requests", "sent_again", "seconds", "errors", "output", "studio_url"}``, with the first
        20 ``errors``; without ``output_file`` also ``results``, of 256 kB at most: the answers, ``None`` for a record
        that failed.

    Raises:
        ApiError: The endpoint refused the payload or the identity, is not there, or takes nothing any more.
        RunFailed: Its scoring script failed, with the end of the log of the deployments that get traffic, or of the web
            service; or more records failed than may.
        SpecError: The payload is no JSON, or records or results cannot be read or written.

    Example:
        >>> AzmlScoreOperator(task_id="score", endpoint_name="iris", payload={"data": [[5.1, 3.5, 1.4, 0.2]]})
        >>> AzmlScoreOperator(
        ...     task_id="score_all",
        ...     endpoint_name="iris",
        ...     records="azureml://datastores/workspaceblobstore/paths/flowers.csv",
        ...     record_shape="values",
        ...     output_file="azureml://datastores/workspaceblobstore/paths/scored/{{ ds }}.jsonl",
        ... )
        >>> AzmlScoreOperator(task_id="old", service_name="iris-aks", payload={"data": [[5.1, 3.5, 1.4, 0.2]]})

    Sources: https://learn.microsoft.com/azure/machine-learning/how-to-authenticate-online-endpoint; of v1 "Use REST to
    score a deployed model" of "Use REST to manage Azure ML resources"; a web service answers 502 where its scoring
    script raised an exception, https://learn.microsoft.com/azure/machine-learning/v1/how-to-troubleshoot-deployment.
    """

    template_fields: Sequence[str] = (
        *AzmlOperator.template_fields,
        "endpoint_name",
        "payload",
        "deployment_name",
        "service_name",
        "payload_file",
        "content_type",
        "records",
        "records_format",
        "batch_size",
        "concurrency",
        "record_key",
        "record_shape",
        "body",
        "answer_key",
        "output_file",
        "with_records",
        "max_error_ratio",
        "idempotent",
        "request_timeout_seconds",
    )
    operator_extra_links = (AzmlStudioLink(),)

    def __init__(
        self,
        *,
        payload: object = None,
        endpoint_name: str | None = None,
        deployment_name: str | None = None,
        service_name: str | None = None,
        payload_bytes: bytes | None = None,
        payload_file: str | None = None,
        content_type: str = "application/json",
        records: Iterable[object] | str | None = None,
        records_format: Format | None = None,
        batch_size: int | str = 100,
        concurrency: int | str = 4,
        record_key: str | None = "data",
        record_shape: RecordShape = "as_given",
        body: Mapping[str, object] | None = None,
        answer_key: str | None = None,
        output_file: str | None = None,
        with_records: bool | str = False,
        max_error_ratio: float | str = 0.01,
        idempotent: bool | str = False,
        request_timeout_seconds: float | str = 300,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=False, **kwargs)
        self.endpoint_name = endpoint_name
        self.payload = payload
        self.deployment_name = deployment_name
        self.service_name = service_name
        self.payload_bytes = payload_bytes
        self.payload_file = payload_file
        self.content_type = content_type
        self.records = records
        self.records_format = records_format
        self.batch_size = batch_size
        self.concurrency = concurrency
        self.record_key = record_key
        self.record_shape = record_shape
        self.body = body
        self.answer_key = answer_key
        self.output_file = output_file
        self.with_records = with_records
        self.max_error_ratio = max_error_ratio
        self.idempotent = idempotent
        self.request_timeout_seconds = request_timeout_seconds
        self._stopping = False

    def check_arguments(self) -> None:
        """Check what is sent, and that it goes to one place, once templates are rendered.

        Raises:
            SpecError: It does not, or an argument cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import number, one_of, refused, seconds, whole, yes_or_no
        from airflow_provider_azml.rest.record_bodies import SHAPES, Form
        from airflow_provider_azml.rest.records import FORMATS

        super().check_arguments()
        if (self.endpoint_name is None) == (self.service_name is None):
            raise refused("service_name", "names a web service of v1, endpoint_name an endpoint of today; give one")
        if self.service_name is not None and self.deployment_name is not None:
            raise refused("deployment_name", "is of endpoints of today; a web service of v1 has none")
        given = [name for name in _SENT if getattr(self, name) is not None]
        if len(given) != 1:
            said = f"{' and '.join(given)} are given" if given else "nothing is given to send"
            raise refused(given[0] if given else _SENT[0], f"{said}; give one of {', '.join(_SENT)}")
        self.batch_size = whole("batch_size", self.batch_size, 1, _MOST_RECORDS)
        self.concurrency = whole("concurrency", self.concurrency, 1, _MOST_BESIDE)
        self.record_shape = one_of("record_shape", self.record_shape, SHAPES)
        if self.records_format is not None:
            self.records_format = one_of("records_format", self.records_format, FORMATS)
        if self.record_key is None:
            self.batch_size = 1
            if self.body or self.record_shape != "as_given":
                raise refused("record_key", "is None, so a record is all that is sent: without body and record_shape")
        else:
            try:
                Form(self.record_key, self.record_shape, self.body or {}).encoded([])
            except (ValueError, TypeError) as error:
                raise refused("body", f"cannot be sent with records at {self.record_key!r}: {error}") from error
        self.with_records = yes_or_no("with_records", self.with_records)
        self.idempotent = yes_or_no("idempotent", self.idempotent)
        self.max_error_ratio = number("max_error_ratio", self.max_error_ratio)
        if not 0 <= self.max_error_ratio <= 1:
            raise refused("max_error_ratio", f"is {self.max_error_ratio:g}; it must be from 0 to 1")
        self.request_timeout_seconds = seconds("request_timeout_seconds", self.request_timeout_seconds)

    def submit(self, context: Context) -> object:
        """Send it; there is nothing to wait for."""
        name = str(self.endpoint_name or self.service_name)
        studio_url = self._show(context, "online_endpoint", name)
        if self.records is None:
            return self._answer(self._payload(), studio_url)
        try:
            return {**self._scored(context, name, self.records), "studio_url": studio_url}
        except RunFailed as failed:
            tail = () if self._stopping else self._log_tail(name)
            raise self._failed(failed.status, str(failed.code), str(failed.message), studio_url, tail) from failed

    def on_kill(self) -> None:
        """Send nothing more."""
        self._stopping = True

    # -- one payload ---------------------------------------------------------------------------------------------

    def _payload(self) -> bytes:
        """The payload as it is sent.

        Raises:
            SpecError: It is nothing that JSON can hold, or its file cannot be read or is no JSON.
        """
        import json

        from airflow_provider_azml.operators.arguments import refused

        try:
            if self.payload is not None:
                if isinstance(self.payload, str) and self.payload.lstrip().startswith(("{", "[")):
                    self.log.warning("payload is text, and sent as a text of JSON; payload_bytes takes JSON as text")
                return json.dumps(self.payload, allow_nan=False).encode()
            sent = self.payload_bytes if self.payload_bytes is not None else self._file_content()
            if "json" in self.content_type:
                json.loads(sent)
        except (ValueError, TypeError, RecursionError) as error:
            given = next(name for name in _SENT if getattr(self, name) is not None)
            where = f"{str(self.payload_file)!r} " if given == "payload_file" else ""
            raise refused(given, f"{where}is no JSON: {error}") from error
        return sent

    def _file_content(self) -> bytes:
        from airflow_provider_azml.operators.arguments import refused

        path = self.folder / str(self.payload_file)
        try:
            return path.read_bytes()
        except OSError as error:
            raise refused("payload_file", f"cannot be read: {path}: {error.strerror}") from error

    def _answer(self, payload: bytes, studio_url: str) -> object:
        import json

        from airflow_provider_azml.rest.resending import OF_THE_SCRIPT
        from airflow_provider_azml.rest.score_step import Whole

        answers: list[bytes | ApiError] = []
        self._send(iter([Whole(payload)]), lambda _, answer: answers.append(answer), lambda: None)
        answer = answers[0]
        if isinstance(answer, ApiError):
            if answer.status not in OF_THE_SCRIPT:
                raise answer
            name = str(self.endpoint_name or self.service_name)
            tail = self._log_tail(name)
            raise self._failed("Failed", answer.code, answer.message, studio_url, tail) from answer
        try:
            read: object = json.loads(answer)
        except ValueError:
            return answer.decode(errors="replace")
        return read

    # -- many records --------------------------------------------------------------------------------------------

    def _scored(self, context: Context, name: str, records: Iterable[object] | str) -> Json:
        from airflow_provider_azml.operators.record_scoring import RecordScoring
        from airflow_provider_azml.operators.submission import submission_hash
        from airflow_provider_azml.rest.record_bodies import Form

        scoring = RecordScoring(
            hook=self.hook,
            log=self.log,
            name=name,
            folder=self.folder,
            mark=submission_hash(context),
            form=Form(self.record_key, self.record_shape, self.body or {}, self.answer_key),
            batch_size=int(self.batch_size),
            records_format=self.records_format,
            output_file=self.output_file,
            with_records=bool(self.with_records),
            max_error_ratio=float(self.max_error_ratio),
        )
        return scoring.run(records, self._send)

    # -- how it is sent ------------------------------------------------------------------------------------------

    def _send(
        self, batches: Iterator[B], answered: Callable[[B, bytes | ApiError], None], glance: Callable[[], None]
    ) -> int:
        """Send batches, and tell their answers in order; how many requests were sent again."""
        from airflow_provider_azml.rest.score_step import Score

        def look() -> None:
            if self._stopping:
                raise RunFailed(
                    kind="scoring by",
                    name=str(self.endpoint_name or self.service_name),
                    status="Stopped",
                    message="the task was asked to end",
                )
            glance()

        def sending() -> Flow[int]:
            sent_again: int = yield Score(
                self._door,
                batches,
                answered,
                look,
                concurrency=int(self.concurrency),
                content_type=self.content_type,
                idempotent=bool(self.idempotent),
                timeout_seconds=float(self.request_timeout_seconds),
                tolerate_errors_seconds=self.tolerate_errors_seconds,
            )
            return sent_again

        return self.hook.run(sending())

    def _door(self) -> Flow[Door]:
        """Where the payloads go, and what opens it."""
        from airflow_provider_azml.rest import scoring
        from airflow_provider_azml.rest.v1 import scoring as v1_scoring

        if self.service_name:
            return v1_scoring.door(self.hook.v1.place, self.service_name)
        endpoint_id = self.hook.workspace_id.child("online_endpoint", str(self.endpoint_name))
        return scoring.door(endpoint_id, self.deployment_name)

    # -- why it failed -------------------------------------------------------------------------------------------

    def _log_tail(self, name: str) -> Sequence[str]:
        """The end of the log of who has answered."""
        from airflow_provider_azml.rest import deployments
        from airflow_provider_azml.rest.traffic import shares
        from airflow_provider_azml.rest.v1 import services

        if self.service_name:
            return self.hook.run(services.log_tail(self.hook.v1.place, name, lines=LOG_LINES))
        tail: list[str] = []
        try:
            names = [self.deployment_name] if self.deployment_name else shares(self.hook.get("online_endpoint", name))
        except ApiError as error:  # the failure that the log explains matters more
            self.log.warning("Whose log tells more cannot be found out: %s", error)
            return tail
        for each in sorted(names):
            deployment_id = self.hook.workspace_id.child("online_deployment", name, each)
            tail += self.hook.run(deployments.log_tail(deployment_id, lines=LOG_LINES))
        return tail

    def _failed(self, status: str, code: str, message: str, studio_url: str, tail: Sequence[str]) -> RunFailed:
        whose = "web service" if self.service_name else "online endpoint"
        return RunFailed(
            kind=f"scoring by {whose}" if self.records is not None else f"scoring script of {whose}",
            name=str(self.endpoint_name or self.service_name),
            status=status,
            code=code,
            message=message,
            studio_url=studio_url,
            log_tail=tail,
        )
