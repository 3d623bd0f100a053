"""Where the Studio links of the emulator lead: a page that says how a resource is."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse
from starlette.routing import Route

from airflow_provider_azml.rest import arm_ids
from airflow_provider_azml.rest.resources import RESOURCES

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_PLACES = {
    "runs/{name}": "job",
    "endpoints/realtime/{name}/detail": "online_endpoint",
    "model/{name}/details": "model",
}
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px system-ui;margin:3em;max-width:60em}}th{{text-align:left;padding-right:2em}}</style>
<h1>{title}</h1><table>{rows}</table>
<p>This is a local emulator of Azure Machine Learning. Logs: <code>hook.job_logs({name!r})</code>, or azure-ai-ml's
<code>ml_client.jobs.stream({name!r})</code>.</p></html>"""


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The routes of the pages."""

    async def page(request: Request) -> Response:
        kind = request.scope["route"].name
        name = request.path_params["name"]
        document = None
        if (workspace := request.query_params.get("wsid", "")).lower().startswith("/subscriptions/"):
            arm_id = f"{workspace}/{RESOURCES[kind].segment}/{name}"
            document = emulator.store.get(arm_id)
        if document is None:
            return HTMLResponse(f"<h1>There is no {kind} {html.escape(name)}</h1>", 404)
        return HTMLResponse(_shown(kind, name, document))

    return [Route(f"/studio/{path}", page, name=kind) for path, kind in _PLACES.items()]


def _shown(kind: str, name: str, document: Json) -> str:
    value: object = document
    for key in arm_ids.parse(document["id"]).row.status:
        value = value.get(key) if isinstance(value, dict) else None
    facts = {
        "Status": value,
        "Experiment": document["properties"].get("experimentName"),
        "Display name": document["properties"].get("displayName"),
        "Made": document["systemData"]["createdAt"],
        "Changed": document["systemData"]["lastModifiedAt"],
        "Id": document["id"],
    }
    rows = "".join(
        f"<tr><th>{label}</th><td>{html.escape(str(fact))}</td></tr>" for label, fact in facts.items() if fact
    )
    title = html.escape(f"{kind.replace('_', ' ')} {name}")
    return _PAGE.format(title=title, rows=rows, name=html.escape(name))
