from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from azure.core.credentials import AccessTokenInfo

from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.credentials import TokenCache
from tests.rest.scripted_service import ScriptedService

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.rest.flows import Flow


class Drive(Protocol):
    def __call__(self, flow: Flow[Any]) -> Any: ...


class CountingCredential:
    """Stands where azure-identity would ask Microsoft."""

    def __init__(self, lifetime_seconds: int = 3600) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.lifetime_seconds = lifetime_seconds

    def get_token_info(self, *scopes: str, options: object = None) -> AccessTokenInfo:
        self.asked.append(scopes)
        return AccessTokenInfo(f"token-{len(self.asked)}", int(time.time()) + self.lifetime_seconds)


@pytest.fixture
def service(tmp_path) -> Iterator[ScriptedService]:
    scripted = ScriptedService(tmp_path)
    yield scripted
    scripted.close()


@pytest.fixture
def credential() -> CountingCredential:
    return CountingCredential()


@pytest.fixture(params=["blocking", "asynchronous"])
def drive(request, service, credential) -> Drive:
    """Every flow is driven both ways."""

    def blocking(flow: Flow[Any]) -> Any:
        with Client(service.cloud, TokenCache(credential), ca_bundle=service.ca_bundle) as client:
            return client.run(flow)

    async def asynchronous(flow: Flow[Any]) -> Any:
        client = Client(service.cloud, TokenCache(credential), ca_bundle=service.ca_bundle)
        try:
            return await client.arun(flow)
        finally:
            await client.aclose()

    return blocking if request.param == "blocking" else lambda flow: asyncio.run(asynchronous(flow))
