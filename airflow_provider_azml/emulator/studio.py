"""Where the Studio links of the emulator lead: pages that say how a resource, or all of a workspace, is."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Route

from airflow_provider_azml.emulator.arm.targets import AML
from airflow_provider_azml.emulator.identity import SUBSCRIPTION_ID
from airflow_provider_azml.emulator.selections import Selection
from airflow_provider_azml.rest import arm_ids
from airflow_provider_azml.rest.clouds import STUDIO_PLACES
from airflow_provider_azml.rest.resources import RESOURCES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_MOST = 200
"""Of each kind, the newest."""
_LISTED = ("job", "model", "online_endpoint", "compute", "environment")
_LOGS = {
    "job": "ml_client.jobs.stream({name!r})",
    "online_endpoint": "ml_client.online_deployments.get_logs('<deployment>', {name!r}, lines=100)",
}
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px system-ui;margin:3em;max-width:60em;overflow-wrap:anywhere}}
th{{text-align:left;vertical-align:top;padding-right:2em;white-space:nowrap}}</style>
<h1>{title}</h1>{content}
<p>This is a local emulator of Azure Machine Learning.</p></html>"""


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The routes of the pages."""

    async def resource(request: Request) -> Response:
        kind, name, workspace = request.scope["route"].name, request.path_params["name"], _workspace(request)
        version = request.path_params.get("version")
        below = f"{name}/versions/{version}" if version else name
        document = emulator.store.get(f"{workspace}/{RESOURCES[kind].segment}/{below}")
        if document is None:
            return _page(f"There is no {_spoken(kind)} {name}", "", status=404)
        logs = f"<p>Its log: <code>{html.escape(_LOGS[kind].format(name=name))}</code></p>" if kind in _LOGS else ""
        return _page(f"{_spoken(kind)} {name}", _table(_facts(document)) + logs)

    async def overview(request: Request) -> Response:
        workspace = _workspace(request)
        if not workspace:
            return _page("Workspaces", _workspaces(emulator))
        document = emulator.store.get(workspace)
        if document is None:
            return _page("There is no such workspace", f"<p>{html.escape(workspace)}</p>", status=404)
        newest = Selection(descending=True)
        held = {
            kind: emulator.store.page(f"{workspace}/{RESOURCES[kind].segment}", newest, _MOST)[0] for kind in _LISTED
        }
        lists = "".join(_list(kind, documents, workspace) for kind, documents in held.items() if documents)
        return _page(f"workspace {document['name']}", _table(_facts(document)) + lists)

    pages = [Route(f"/studio/{path}", resource, name=kind) for kind, path in STUDIO_PLACES.items()]
    return [*pages, Route("/studio/", overview), Route("/", _front)]


async def _front(_: Request) -> Response:
    return RedirectResponse("/studio/")


def _workspace(request: Request) -> str:
    return str(request.query_params.get("wsid", "")).rstrip("/")


def _workspaces(emulator: Emulator) -> str:
    """All workspaces, each a link."""
    found = emulator.store.outermost(f"/subscriptions/{SUBSCRIPTION_ID}")
    items = [
        f'<li><a href="/studio/?wsid={html.escape(quote(one["id"]))}">{html.escape(one["name"])}</a></li>'
        for one in found
        if one["type"] == f"{AML}/workspaces"
    ]
    return f"<ul>{''.join(items)}</ul>" if items else "<p>There are none yet.</p>"


def _spoken(kind: str) -> str:
    return kind.replace("_", " ")


def _page(title: str, content: str, *, status: int = 200) -> Response:
    return HTMLResponse(_PAGE.format(title=html.escape(title), content=content), status)


def _status(document: Json) -> object:
    value: object = document
    for key in arm_ids.parse(document["id"]).row.status:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _facts(document: Json) -> Mapping[str, object]:
    return {
        "Status": _status(document),
        "Experiment": document["properties"].get("experimentName"),
        "Display name": document["properties"].get("displayName"),
        "Made": document["systemData"]["createdAt"],
        "Changed": document["systemData"]["lastModifiedAt"],
        "Id": document["id"],
    }


def _table(facts: Mapping[str, object]) -> str:
    rows = (f"<tr><th>{name}</th><td>{html.escape(str(fact))}</td></tr>" for name, fact in facts.items() if fact)
    return f"<table>{''.join(rows)}</table>"


def _list(kind: str, documents: list[Json], workspace: str) -> str:
    """The resources of a kind, newest first, each a link where it has a page."""
    items = []
    for document in reversed(documents):
        shown = html.escape(document["name"])
        page = STUDIO_PLACES.get(kind, "")
        if page and "{version}" not in page:
            place = f"{page.format(name=quote(document['name']))}?wsid={quote(workspace)}"
            shown = f'<a href="/studio/{html.escape(place)}">{shown}</a>'
        status = html.escape(str(_status(document) or ""))
        items.append(f"<li>{shown} {status}</li>")
    return f"<h2>{_spoken(kind).capitalize()}s</h2><ul>{''.join(items)}</ul>"
