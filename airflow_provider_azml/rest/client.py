"""The two drivers of flows, on azure-core's pipelines: the only module that does HTTP."""

from __future__ import annotations

import asyncio
import importlib
import ssl
import threading
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from airflow_provider_azml import __version__
from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest.blob_downloads import fetch_files
from airflow_provider_azml.rest.blobs import send_files
from airflow_provider_azml.rest.clouds import STORAGE_SCOPE
from airflow_provider_azml.rest.credentials import InThread
from airflow_provider_azml.rest.flows import UNTRUSTED_HOST, All, Download, Flow, Send, Sleep, Step, Upload, Work
from airflow_provider_azml.rest.http_log import HTTP_LOG
from airflow_provider_azml.rest.time_limits import within
from airflow_provider_azml.rest.unanswered import no_answer, no_token
from airflow_provider_azml.rest.workers import Group, Workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.core import AsyncPipelineClient, PipelineClient
    from azure.core.exceptions import AzureError
    from azure.core.rest import AsyncHttpResponse, HttpRequest, HttpResponse
    from typing_extensions import Self

    from airflow_provider_azml.rest.clouds import Cloud
    from airflow_provider_azml.rest.credentials import TokenCache
    from airflow_provider_azml.rest.flows import Scope
    from airflow_provider_azml.rest.score_step import Score
    from airflow_provider_azml.rest.scoring import Door
    from airflow_provider_azml.rest.sessions import Session

T = TypeVar("T")
_CONCURRENT = 8


class Client:
    """Sends what flows ask for, with the tokens of one identity, to the hosts of one cloud.

    Args:
        cloud: Where relative URLs lead, which scopes tokens are for and which hosts may see them; without one, only
            anonymous requests can be sent.
        tokens: Where tokens come from.
        ca_bundle: PEM file of the certificate authorities to trust, for both transports and for blobs.
        origin: What the identity was taken from, for error messages.
        user_agent: Words in front of the user agent.

    Example:
        >>> with Client(cloud, tokens) as client:
        ...     client.run(flows.get(arm_id))["properties"]
    """

    def __init__(
        self,
        cloud: Cloud | None = None,
        tokens: TokenCache | None = None,
        *,
        ca_bundle: str | None = None,
        origin: str = "the connection",
        user_agent: str = f"airflow-provider-azml/{__version__}",
    ) -> None:
        self._cloud = cloud
        self._tokens = tokens
        self._ca_bundle = ca_bundle
        self._origin = origin
        self._user_agent = user_agent
        self._pipelines: dict[Scope, PipelineClient[HttpRequest, HttpResponse]] = {}
        self._async_pipelines: dict[Scope, AsyncPipelineClient[HttpRequest, AsyncHttpResponse]] = {}
        self._session: Session | None = None
        self._building = threading.Lock()
        self._abuilding = asyncio.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections of the blocking side."""
        while self._pipelines:
            self._pipelines.popitem()[1].close()

    async def aclose(self) -> None:
        """Close the connections of the asynchronous side."""
        while self._async_pipelines:
            await self._async_pipelines.popitem()[1].close()
        if self._session:
            await self._session.close()
            self._session = None

    def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its end, blocking.

        Raises:
            AzmlError: Whatever the flow raises, or lets through.
        """
        with Workers(_CONCURRENT) as workers:
            return self._drive(flow, workers, Group())

    async def arun(self, flow: Flow[T]) -> T:
        """Drive a flow to its end without blocking the event loop.

        Raises:
            AzmlError: Whatever the flow raises, or lets through.
        """
        try:
            step = next(flow)
            while True:
                try:
                    result = await self._ado(step)
                except ApiError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(result)
        except StopIteration as stop:
            value: T = stop.value
            return value
        finally:
            flow.close()

    def _drive(self, flow: Flow[T], workers: Workers, group: Group) -> T:
        try:
            step = next(flow)
            while True:
                try:
                    result = self._do(step, workers, group)
                except ApiError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(result)
        except StopIteration as stop:
            value: T = stop.value
            return value
        finally:
            flow.close()

    def _do(self, step: Step, workers: Workers, group: Group) -> object:
        group.check()
        if isinstance(step, Send):
            return self._send(step)
        if isinstance(step, Sleep):
            group.sleep(step.seconds)
            return None
        if isinstance(step, Work):
            return step.do()
        if not isinstance(step, All):
            return self._transfer(step, workers, group)
        done = workers.each(lambda flow, part: self._drive(flow, workers, part), step.flows, group)
        if done.errors:
            raise done.errors[0]
        return done.results

    def _transfer(self, step: Score[Any] | Upload | Download, workers: Workers, group: Group) -> object:
        if isinstance(step, Download):
            return fetch_files(step, workers, group, ca_bundle=self._ca_bundle, tokens=self._storage_tokens(step))
        if isinstance(step, Upload):
            send_files(step, workers, group, ca_bundle=self._ca_bundle, tokens=self._storage_tokens(step))
            return None
        deliveries = importlib.import_module("airflow_provider_azml.rest.deliveries")  # brings aiohttp
        return deliveries.deliver(step, partial(self._open, step.door), self._ca_bundle, self._user_agent)

    def _open(self, door: Callable[[], Flow[Door]], refused: str | None) -> Door:
        """Open the door of an endpoint, after the secret that it was opened with before was refused."""
        from azure.core.exceptions import AzureError

        if refused:
            self._forget(refused)
        opened = self.run(door())
        if opened.scope == "anonymous" or not self._tokens:
            return opened
        self._check_host(opened.scope, "POST", opened.uri)
        try:
            return opened.opened_by(self._tokens.get_token_info(self._audience(opened.scope)))
        except AzureError as error:
            raise self._unanswered(opened.send().request, error) from error

    def _storage_tokens(self, step: Upload | Download) -> TokenCache | None:
        """The tokens that an upload or a download needs, once it is sure that they may go there."""
        if step.scope == "anonymous":
            return None
        self._check_host(step.scope, "PUT" if isinstance(step, Upload) else "GET", step.container_url)
        return self._tokens

    async def _ado(self, step: Step) -> object:
        if isinstance(step, Send):
            return await self._asend(step)
        if isinstance(step, Sleep):
            await asyncio.sleep(step.seconds)
            return None
        if isinstance(step, Work):
            return await asyncio.to_thread(step.do)
        if isinstance(step, All):
            return await _together([asyncio.ensure_future(self.arun(flow)) for flow in step.flows])
        raise TypeError("what reads and writes files is for the blocking driver: they would hold the event loop up")

    def _send(self, step: Send) -> HttpResponse:
        from azure.core.exceptions import AzureError

        sent = self._addressed(step)
        try:
            if step.token_header:
                sent.headers[step.token_header] = self._aml_token()
            pipeline = self._pipeline(step.scope)
            response = pipeline.send_request(sent, stream=step.stream, **_options(step))
            if refused := self._refused_token(step, response):
                response.close()
                self._forget(refused)
                response = pipeline.send_request(sent, stream=step.stream, **_options(step))
        except AzureError as error:
            raise self._unanswered(sent, error) from error
        return response

    async def _asend(self, step: Send) -> AsyncHttpResponse:
        from azure.core.exceptions import AzureError

        sent = self._addressed(step)
        try:
            return await within(step.timeout_seconds, self._aexchange(step, sent))
        except AzureError as error:
            raise self._unanswered(sent, error) from error
        except asyncio.TimeoutError as error:
            waited = f"it did not answer within {step.timeout_seconds:.0f} s"
            raise no_answer(sent, "TimeoutError", waited) from error

    async def _aexchange(self, step: Send, sent: HttpRequest) -> AsyncHttpResponse:
        if step.token_header:
            sent.headers[step.token_header] = await asyncio.to_thread(self._aml_token)
        pipeline = await self._async_pipeline(step.scope)
        assert self._session
        options = {**_options(step), "proxy": self._session.proxy(sent.url)}
        response = await pipeline.send_request(sent, stream=step.stream, **options)
        if refused := self._refused_token(step, response):
            await response.close()
            await asyncio.to_thread(self._forget, refused)
            response = await pipeline.send_request(sent, stream=step.stream, **options)
        return response

    def _refused_token(self, step: Send, response: HttpResponse | AsyncHttpResponse) -> str | None:
        """The token that a request was refused for, e.g. one that has been withdrawn; another may be taken."""
        if response.status_code != HTTPStatus.UNAUTHORIZED or step.scope == "anonymous":
            return None
        return str(response.request.headers.get("Authorization", "")).removeprefix("Bearer ")

    def _forget(self, refused: str) -> None:
        if self._tokens:
            self._tokens.forget(refused)

    def _addressed(self, step: Send) -> HttpRequest:
        """The request with a full URL, once it is sure that its token may go there."""
        sent = step.request
        if sent.url.startswith("/"):
            if not self._cloud:
                raise ValueError("a client without a cloud needs full URLs")
            sent.url = self._cloud.arm + sent.url
        if step.scope != "anonymous":
            self._check_host(step.scope, sent.method, sent.url)
        return sent

    def _check_host(self, scope: Scope, method: str, url: str) -> None:
        """Let a token go to a host of the cloud alone.

        Raises:
            ApiError: It is none.
        """
        if self._cloud and (self._cloud.stores(url) if scope == "storage" else self._cloud.trusts(url)):
            return
        raise ApiError(
            method=method,
            url=url.partition("?")[0],
            status=None,
            code=UNTRUSTED_HOST,
            message=f"{urlsplit(url).netloc} is no host of the cloud, so no token is sent to it",
            hint="Check cloud of the connection.",
        )

    def _pipeline(self, scope: Scope) -> PipelineClient[HttpRequest, HttpResponse]:
        with self._building:  # flows beside each other share a pipeline from the first request on
            if scope not in self._pipelines:
                self._pipelines[scope] = self._new_pipeline(scope)
        return self._pipelines[scope]

    def _new_pipeline(self, scope: Scope) -> PipelineClient[HttpRequest, HttpResponse]:
        from azure.core import PipelineClient
        from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy
        from azure.core.pipeline.transport import RequestsTransport

        bearer = (
            [BearerTokenCredentialPolicy(self._tokens, self._audience(scope))]
            if self._tokens and scope != "anonymous"
            else []
        )
        return PipelineClient(
            base_url="",
            policies=[*self._first_policies(), RetryPolicy(), *bearer, *_last_policies()],
            transport=RequestsTransport(connection_verify=self._ca_bundle or True),
        )

    async def _async_pipeline(self, scope: Scope) -> AsyncPipelineClient[HttpRequest, AsyncHttpResponse]:
        async with self._abuilding:  # flows beside each other share a pipeline from the first request on
            if not self._session:
                # importing what it needs, and reading certificates, takes longer than an event loop may be held up
                sessions = await asyncio.to_thread(importlib.import_module, "airflow_provider_azml.rest.sessions")
                trusted = await asyncio.to_thread(ssl.create_default_context, cafile=self._ca_bundle)
                self._session = sessions.Session(trusted)
            if scope not in self._async_pipelines:
                self._async_pipelines[scope] = await asyncio.to_thread(self._new_async_pipeline, scope, self._session)
        return self._async_pipelines[scope]

    def _new_async_pipeline(
        self, scope: Scope, session: Session
    ) -> AsyncPipelineClient[HttpRequest, AsyncHttpResponse]:
        from azure.core import AsyncPipelineClient
        from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy, AsyncRetryPolicy
        from azure.core.pipeline.transport import AioHttpTransport

        bearer = (
            [AsyncBearerTokenCredentialPolicy(InThread(self._tokens), self._audience(scope))]
            if self._tokens and scope != "anonymous"
            else []
        )
        return AsyncPipelineClient(
            base_url="",
            policies=[*self._first_policies(), AsyncRetryPolicy(), *bearer, *_last_policies()],
            transport=AioHttpTransport(session=session.aiohttp, session_owner=False),
        )

    def _aml_token(self) -> str:
        """A token of the AML data plane, for a header of its own."""
        if not self._tokens:
            raise ValueError("a client without a credential has no tokens")
        return self._tokens.get_token_info(self._audience("aml")).token

    def _audience(self, scope: Scope) -> str:
        if not self._cloud:
            raise ValueError("a client without a cloud sends anonymous requests alone")
        return {"arm": self._cloud.arm_scope, "storage": STORAGE_SCOPE}.get(scope, self._cloud.aml_scope)

    def _first_policies(self) -> list[Any]:  # policies of azure-core share no public base class
        from azure.core.pipeline.policies import RequestIdPolicy, UserAgentPolicy

        return [RequestIdPolicy(), UserAgentPolicy(base_user_agent=self._user_agent)]

    def _unanswered(self, sent: HttpRequest, error: AzureError) -> ApiError:
        """The exception for a request that got no answer, or was never sent for want of a token."""
        from azure.core.exceptions import ClientAuthenticationError

        if isinstance(error, ClientAuthenticationError):
            return no_token(error, self._cloud.authority if self._cloud else "", self._origin)
        return no_answer(sent, type(error).__name__, str(error.message).partition("\n")[0])


def _last_policies() -> list[Any]:  # policies of azure-core share no public base class
    from azure.core.pipeline.policies import DistributedTracingPolicy, HttpLoggingPolicy

    return [DistributedTracingPolicy(), HttpLoggingPolicy(HTTP_LOG)]


def _options(step: Send) -> dict[str, float]:
    """How azure-core is to send it: how often, and how long it may be silent."""
    retries: dict[str, float] = {"retry_total": 0} if step.retry == "never" else {}
    if step.timeout_seconds is None:
        return retries
    return {**retries, "connection_timeout": step.timeout_seconds, "read_timeout": step.timeout_seconds}


async def _together(tasks: list[asyncio.Future[Any]]) -> list[Any]:
    """The results of all; the first error cancels the rest."""
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
