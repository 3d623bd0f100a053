from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.flows import Send, call, request
from airflow_provider_azml.rest.proxies import proxy_of


@pytest.fixture
def proxy():
    """A proxy that refuses whoever comes, and what it was asked."""
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    asked.append(connection.recv(4096).decode().partition("\r\n")[0])
                    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


def _asked(url: str) -> None:
    async def ask() -> None:
        client = Client()
        try:
            await client.arun(call(Send(request("GET", url), scope="anonymous", retry="never")))
        finally:
            await client.aclose()

    with pytest.raises(ApiError):
        asyncio.run(ask())


def test_the_event_loop_s_side_goes_by_the_proxy_of_the_environment(proxy, monkeypatch):
    url, asked = proxy
    monkeypatch.setenv("HTTPS_PROXY", url)
    monkeypatch.setenv("HTTP_PROXY", url)
    _asked("https://management.azure.test/x?secret=1")
    _asked("http://plain.test/y")
    assert asked == ["CONNECT management.azure.test:443 HTTP/1.1", "GET http://plain.test/y HTTP/1.1"]


def test_hosts_that_need_none_go_without(proxy, monkeypatch):
    url, asked = proxy
    monkeypatch.setenv("HTTPS_PROXY", url)
    monkeypatch.setenv("NO_PROXY", "localhost,.azure.test")
    assert proxy_of("https://management.azure.test/x") is None
    assert proxy_of("https://other.test/x") == url
    _asked("https://localhost:1/x")
    assert asked == []
