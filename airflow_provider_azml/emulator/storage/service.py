"""Blob storage over HTTP: what azure-storage-blob asks for on behalf of SDKs, of this provider and of users."""

from __future__ import annotations

import asyncio
import re
import shutil
from email.utils import format_datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from airflow_provider_azml.emulator.storage.access import check_access
from airflow_provider_azml.emulator.storage.blobs import ACCOUNT, SUFFIX, BlobNotFoundError, ContainerNotFoundError
from airflow_provider_azml.emulator.storage.errors import BlobError
from airflow_provider_azml.emulator.storage.listing import list_blobs, list_containers
from airflow_provider_azml.emulator.storage.uploads import (
    APPENDED_BYTES,
    BLOCK_BYTES,
    LIST_BYTES,
    read,
    received,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from pathlib import Path

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.storage.records import Blob, Kind

_CHUNK = 1 << 20
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_SHORTEST_NAME = 3


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The routes of the storage account."""
    storage = BlobStorage(emulator)
    methods = ["GET", "HEAD", "PUT", "DELETE"]
    return [Route(f"/{ACCOUNT}.blob.{SUFFIX}{{path:path}}", storage.answer, methods=methods)]


class BlobStorage:
    """The storage account of an emulator.

    Args:
        emulator: The emulator.

    Source: https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api, and what azure-storage-blob
    was recorded to send.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._blobs = emulator.blobs
        self._database = emulator.database
        self._auth = emulator.auth
        self._endpoint = emulator.blobs.plain_url("").rstrip("/")
        self._staged: dict[tuple[str, str], dict[str, Path]] = {}

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        container, _, name = str(request.path_params["path"]).removeprefix("/").partition("/")
        try:
            response = await self._answer(request, container, name)
        except ContainerNotFoundError:
            response = BlobError(
                "ContainerNotFound", f"The specified container '{container}' does not exist."
            ).response()
        except BlobNotFoundError:
            response = BlobError("BlobNotFound", f"The specified blob '{name}' does not exist.").response()
        except BlobError as error:
            response = error.response()
        if request.method == "HEAD" and response.status_code >= 400:  # noqa: PLR2004 (all errors)
            response.body = b""
            response.headers["content-length"] = "0"
        response.headers["x-ms-version"] = request.headers.get("x-ms-version", "2024-11-04")
        return response

    async def _answer(self, request: Request, container: str, name: str) -> Response:
        if not container:
            check_access(self._auth, request, container, "l")
            return Response(
                list_containers(self._blobs, self._endpoint, request.query_params), media_type="application/xml"
            )
        if not name:
            return await self._container(request, container)
        comp = request.query_params.get("comp", "")
        match request.method, comp:
            case (("GET" | "HEAD"), ""):
                check_access(self._auth, request, container, "r")
                return self._get(request, container, name)
            case "DELETE", "":
                check_access(self._auth, request, container, "d")
                self._blobs.remove(container, name)
                return Response(status_code=202)
            case "PUT", "appendblock":
                check_access(self._auth, request, container, "aw")
                return await self._append(request, container, name)
            case "PUT", ("" | "block" | "blocklist" | "metadata"):
                check_access(self._auth, request, container, "wc")
                return await self._put(request, container, name, comp)
        raise BlobError("NotImplemented", f"The emulator has no {request.method} of a blob with comp='{comp}'.")

    async def _container(self, request: Request, container: str) -> Response:
        comp = request.query_params.get("comp", "")
        match request.method, comp:
            case "GET", "list":
                check_access(self._auth, request, container, "l")
                # a page of 5000 takes its time, which other requests should not wait for
                listed = await asyncio.to_thread(
                    list_blobs, self._blobs, self._endpoint, container, request.query_params
                )
                return Response(listed, media_type="application/xml")
            case (("GET" | "HEAD"), ""):
                check_access(self._auth, request, container, "rl")
                return Response(headers=_marks(*self._blobs.container(container)))
            case "PUT", "":
                check_access(self._auth, request, "", "c")
                return self._create_container(container)
            case "DELETE", "":
                check_access(self._auth, request, "", "d")
                self._blobs.delete_container(container)
                return Response(status_code=202)
        raise BlobError("NotImplemented", f"The emulator has no {request.method} of a container with comp='{comp}'.")

    def _create_container(self, container: str) -> Response:
        if len(container) < _SHORTEST_NAME:
            raise BlobError("OutOfRangeInput", f"The container name '{container}' is too short: 3 to 63 characters.")
        try:
            made = self._blobs.create_container(container)
        except ValueError as error:
            raise BlobError("InvalidResourceName", str(error)) from error
        if not made:
            raise BlobError("ContainerAlreadyExists", f"The specified container '{container}' already exists.")
        return Response(status_code=201, headers=_marks(*self._blobs.container(container)))

    def _get(self, request: Request, container: str, name: str) -> Response:
        blob = self._blobs.find(container, name)
        self._check_conditions(request, blob)
        if request.headers.get("if-none-match") == blob.etag:
            return Response(status_code=304, headers=_marks(blob.etag, blob.modified))
        headers = _headers(blob)
        if request.method == "HEAD":
            return Response(headers={**headers, "Content-Length": str(blob.size)})
        asked = request.headers.get("x-ms-range") or request.headers.get("range")
        start, end = _span(asked, blob) if asked else (0, blob.size - 1)
        headers["Content-Length"] = str(end - start + 1)
        if asked:
            headers["Content-Range"] = f"bytes {start}-{end}/{blob.size}"
        # opened here, before anything else can replace the file
        content = _content(self._blobs.path(blob), start, end - start + 1)
        return StreamingResponse(content, 206 if asked else 200, headers)

    async def _put(self, request: Request, container: str, name: str, comp: str) -> Response:
        self._blobs.container(container)
        if comp == "block":
            return await self._stage(request, container, name)
        if comp == "metadata":
            self._check_conditions(request, self._blobs.find(container, name))
            blob = self._blobs.annotate(container, name, _metadata(request))
            return Response(status_code=200, headers=_marks(blob.etag, blob.modified))
        if "x-ms-copy-source" in request.headers:
            raise BlobError("NotImplemented", f"The emulator copies no blobs: download, and upload to '{name}'.")
        self._check_new(request, container, name)
        kind = request.headers.get("x-ms-blob-type", "" if not comp else "BlockBlob")
        if kind not in ("BlockBlob", "AppendBlob"):
            raise BlobError(
                "InvalidHeaderValue", f"x-ms-blob-type must be BlockBlob or AppendBlob in the emulator, not '{kind}'."
            )
        file = await self._assembled(request, container, name) if comp else await received(self._blobs, request)
        blob = await asyncio.to_thread(
            self._adopt, request, container, name, file, kind="AppendBlob" if kind == "AppendBlob" else "BlockBlob"
        )
        return Response(status_code=201, headers=_marks(blob.etag, blob.modified))

    def _adopt(self, request: Request, container: str, name: str, file: Path, *, kind: Kind) -> Blob:
        content_type = request.headers.get("x-ms-blob-content-type") or request.headers.get("content-type")
        try:
            with self._database.transaction():
                # others may have put it while this one was being received
                self._check_new(request, container, name)
                return self._blobs.adopt(
                    container, name, file, metadata=_metadata(request), content_type=content_type, kind=kind
                )
        finally:
            file.unlink(missing_ok=True)

    async def _stage(self, request: Request, container: str, name: str) -> Response:
        block = request.query_params.get("blockid", "")
        if not block:
            raise BlobError("InvalidQueryParameterValue", "A block needs a blockid.")
        file = await received(self._blobs, request, BLOCK_BYTES)
        old = self._staged.setdefault((container, name), {}).pop(block, None)
        if old is not None:
            old.unlink(missing_ok=True)
        self._staged[container, name][block] = file
        return Response(status_code=201)

    async def _assembled(self, request: Request, container: str, name: str) -> Path:
        try:
            wanted = [element.text or "" for element in ET.fromstring(await read(request, LIST_BYTES))]  # noqa: S314
        except ET.ParseError as error:
            raise BlobError("InvalidXmlDocument", f"The block list is not XML: {error}.") from error
        staged = self._staged.get((container, name), {})
        missing = [block for block in wanted if block not in staged]
        if missing:
            raise BlobError(
                "InvalidBlockList", f"The specified block list names blocks that are not there: {missing[0]}."
            )
        # taken before anything else can run: the blocks are this list's, and no other's
        self._staged.pop((container, name), None)
        file = self._blobs.scratch()
        await asyncio.to_thread(_join, [staged[block] for block in wanted], file)
        for part in staged.values():
            part.unlink(missing_ok=True)
        return file

    async def _append(self, request: Request, container: str, name: str) -> Response:
        data = await read(request, APPENDED_BYTES)
        # from here on nobody else comes in between
        blob = self._blobs.find(container, name)
        if blob.kind != "AppendBlob":
            raise BlobError("InvalidBlobType", f"The blob '{name}' is a {blob.kind}, to which nothing can be appended.")
        self._check_conditions(request, blob)
        position = request.headers.get("x-ms-blob-condition-appendpos")
        if position is not None and position != str(blob.size):
            raise BlobError("AppendPositionConditionNotMet", f"The blob ends at {blob.size}, not at {position}.")
        grown = self._blobs.append(container, name, data)
        headers = {
            **_marks(grown.etag, grown.modified),
            "x-ms-blob-append-offset": str(blob.size),
            "x-ms-blob-committed-block-count": str(grown.blocks),
        }
        return Response(status_code=201, headers=headers)

    def _check_new(self, request: Request, container: str, name: str) -> None:
        try:
            blob = self._blobs.find(container, name)
        except BlobNotFoundError:
            if request.headers.get("if-match"):
                raise BlobError("ConditionNotMet", "The condition of If-Match is not met: there is no blob.") from None
            return
        if request.headers.get("if-none-match") == "*":
            raise BlobError("BlobAlreadyExists", f"The specified blob '{name}' already exists.")
        self._check_conditions(request, blob)

    def _check_conditions(self, request: Request, blob: Blob) -> None:
        wanted = request.headers.get("if-match")
        if wanted not in (None, "*", blob.etag):
            raise BlobError("ConditionNotMet", f"The condition of If-Match is not met: blob '{blob.name}' has changed.")


def _span(asked: str, blob: Blob) -> tuple[int, int]:
    found = _RANGE.fullmatch(asked)
    if found is None:
        raise BlobError("InvalidHeaderValue", f"The range '{asked}' is not of the form bytes=0-99.")
    start, end = int(found[1]), int(found[2] or blob.size - 1)
    if start >= blob.size or end < start:
        raise BlobError(
            "InvalidRange",
            f"The range '{asked}' is beyond the {blob.size} bytes of the blob.",
            {"Content-Range": f"bytes */{blob.size}"},
        )
    return start, min(end, blob.size - 1)


def _content(file: Path, start: int, length: int) -> AsyncIterator[bytes]:
    stream = file.open("rb")
    stream.seek(start)

    async def chunks() -> AsyncIterator[bytes]:
        left = length
        with stream:
            while left > 0:
                chunk = await asyncio.to_thread(stream.read, min(left, _CHUNK))
                left -= len(chunk)
                yield chunk

    return chunks()


def _join(parts: list[Path], target: Path) -> None:
    with target.open("wb") as whole:
        for part in parts:
            with part.open("rb") as stream:
                shutil.copyfileobj(stream, whole)


def _metadata(request: Request) -> dict[str, str]:
    prefix = "x-ms-meta-"
    return {name.removeprefix(prefix): value for name, value in request.headers.items() if name.startswith(prefix)}


def _headers(blob: Blob) -> dict[str, str]:
    headers = {
        **_marks(blob.etag, blob.modified),
        "Content-Type": blob.content_type,
        "Accept-Ranges": "bytes",
        "x-ms-blob-type": blob.kind,
        "x-ms-creation-time": format_datetime(blob.modified, usegmt=True),
        "x-ms-lease-status": "unlocked",
        "x-ms-lease-state": "available",
        "x-ms-server-encrypted": "true",
        **{f"x-ms-meta-{name}": value for name, value in blob.metadata.items()},
    }
    if blob.kind == "AppendBlob":
        headers["x-ms-blob-committed-block-count"] = str(blob.blocks)
    return headers


def _marks(etag: str, modified: datetime) -> dict[str, str]:
    return {"ETag": etag, "Last-Modified": format_datetime(modified, usegmt=True)}
