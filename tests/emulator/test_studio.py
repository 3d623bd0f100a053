"""The pages that Studio links lead to, as a browser asks for them: without a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from airflow_provider_azml.hooks.azml import AzmlHook

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

ENDPOINT = {"name": "shown", "auth_mode": "key"}
CLUSTER = {"name": "shown", "type": "amlcompute", "size": "Standard_DS3_v2"}


@pytest.fixture
def hook(azml_connection: str) -> AzmlHook:
    hook = AzmlHook(azml_connection)
    hook.apply(ENDPOINT, kind="online_endpoint")
    hook.apply({"name": "shown", "path": __file__}, kind="model")
    hook.apply({"name": "shown", "path": __file__, "type": "uri_file"}, kind="data")
    hook.apply({"name": "shown", "image": "local"}, kind="environment")
    hook.apply(CLUSTER)
    return hook


def page(emulator: RunningEmulator, url: str) -> tuple[int, str]:
    response = requests.get(url, verify=emulator.environment["REQUESTS_CA_BUNDLE"], timeout=60)
    assert response.headers["Content-Type"].startswith("text/html")
    return response.status_code, response.text


@pytest.mark.parametrize("kind", ["data", "environment"])
def test_a_version_has_a_page(kind: str, hook: AzmlHook, azml_emulator: RunningEmulator) -> None:
    status, text = page(azml_emulator, hook.studio_url(kind, "shown", "1"))
    assert status == 200
    assert str(hook.get(kind, "shown", version="1")["id"]) in text


@pytest.mark.parametrize("kind", ["compute", "online_endpoint", "model"])
def test_a_resource_has_a_page(kind: str, hook: AzmlHook, azml_emulator: RunningEmulator) -> None:
    status, text = page(azml_emulator, hook.studio_url(kind, "shown"))
    assert status == 200
    assert str(hook.get(kind, "shown")["id"]).partition("/versions/")[0] in text
    assert ("get_logs(&#x27;&lt;deployment&gt;&#x27;, &#x27;shown&#x27;" in text) == (kind == "online_endpoint")


@pytest.mark.parametrize("kind", ["workspace", "datastore", "environment"])
def test_what_has_no_page_leads_to_the_workspace_s(kind: str, hook: AzmlHook, azml_emulator: RunningEmulator) -> None:
    status, text = page(azml_emulator, hook.studio_url(kind, hook.workspace_id.name))
    assert status == 200
    assert str(hook.workspace_id) in text
    (link,) = [part.partition('"')[0] for part in text.split('href="') if part.startswith("/studio/model/shown/")]
    assert page(azml_emulator, azml_emulator.https_url + link)[0] == 200


@pytest.mark.parametrize("url", ["url", "https_url"])
def test_whoever_opens_the_emulator_in_a_browser_finds_the_workspaces(
    url: str, hook: AzmlHook, azml_emulator: RunningEmulator
) -> None:
    status, text = page(azml_emulator, f"{getattr(azml_emulator, url)}/")
    assert status == 200
    (link,) = [part.partition('"')[0] for part in text.split('href="') if f">{hook.workspace_id.name}<" in part]
    status, text = page(azml_emulator, azml_emulator.https_url + link)
    assert status == 200
    assert str(hook.workspace_id) in text


@pytest.mark.parametrize("place", ["", "runs/none", "model/none/details", "endpoints/realtime/<b>/detail"])
@pytest.mark.parametrize("workspace", ["/subscriptions/1/x", "<b>"])
def test_what_is_not_there_is_said(place: str, workspace: str, azml_emulator: RunningEmulator) -> None:
    status, text = page(azml_emulator, f"{azml_emulator.https_url}/studio/{place}?wsid={workspace}")
    assert status == 404
    assert "<h1>There is no " in text
    assert "<b>" not in text
