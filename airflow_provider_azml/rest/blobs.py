"""Files into blob storage, by azure-storage-blob: what the blocking driver does for an ``Upload`` step."""

from __future__ import annotations

from http import HTTPStatus
from typing import IO, TYPE_CHECKING, cast

from airflow_provider_azml.exceptions import ApiError, AuthError, NotFound, SpecError, Throttled
from airflow_provider_azml.rest.http_log import HTTP_LOG
from airflow_provider_azml.rest.progress import Progress, amount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
    from azure.core.exceptions import AzureError
    from azure.core.pipeline.transport import RequestsTransport
    from azure.storage.blob import BlobClient, ContainerClient

    from airflow_provider_azml.rest.credentials import TokenCache
    from airflow_provider_azml.rest.flows import Upload
    from airflow_provider_azml.rest.local_files import LocalFile, Reading
    from airflow_provider_azml.rest.workers import Group, Workers

AT_ONCE = 8 << 20
"""A file of up to this many bytes is sent in one request, and held in memory meanwhile; a larger one in blocks."""

_BLOCK = 4 << 20
_MOST_BLOCKS = 50_000
_CONNECTIONS = 8
_MOST_AT_ONCE = 2 * _CONNECTIONS + 1
"""The threads of a submission, the one that drives it, and those that send the blocks of a large file."""
_TRIES = 3
_SHOWN = 5
_ERRORS: dict[int | None, type[ApiError]] = {401: AuthError, 403: AuthError, 404: NotFound, 429: Throttled}
_HINTS = {
    HTTPStatus.FORBIDDEN: "Its SAS may have run out or lack a right, or its network may not let this machine in; what "
    "has been uploaded stays, so try again.",
}
_UNREACHED = "Check that the workspace's storage account can be reached from here."


def send_files(
    step: Upload, workers: Workers, group: Group, *, ca_bundle: str | None = None, tokens: TokenCache | None = None
) -> None:
    """Upload the files of a step, then put the step's metadata on the blob that is to have it.

    A blob that is there already with as many bytes is left as it is: names carry the hash of the content, so it is the
    same content, of somebody who was quicker or of an upload that broke off. One with another number is written again,
    and any where the step says so.

    Args:
        step: What to upload, and where to.
        workers: The threads that send files beside each other.
        group: What the upload is a part of.
        ca_bundle: PEM file of the certificate authorities to trust.
        tokens: Where tokens come from; without them the URL opens the container.

    Raises:
        ApiError: The storage refused files, or could not be reached.
        SpecError: Files could not be read, or were written in the meantime.
    """
    from azure.core.exceptions import AzureError

    failures: list[tuple[LocalFile, AzureError | SpecError]] = []
    files = sorted(
        step.files, key=lambda pair: -pair[0].size
    )  # the largest first, so that none is left over at the end
    sizes = [file.size for file, _ in files]
    blocks = max(1, _CONNECTIONS // max(1, sum(size > AT_ONCE for size in sizes)))
    with (
        _container(step, max(sizes, default=0), ca_bundle, tokens) as container,
        Progress(step.title, len(sizes), sum(sizes), step.container_url.partition("?")[0]) as progress,
    ):

        def send(pair: tuple[LocalFile, str], beside: Group) -> None:
            file, name = pair
            try:
                _send_file(container.get_blob_client(name), file, beside, progress, blocks, replaces=step.replaces)
            except (AzureError, SpecError) as error:
                failures.append((file, error))
                beside.stop()

        unforeseen = workers.each(send, files, group).errors
        if unforeseen:
            raise unforeseen[0]
        if failures:
            raise _error(container, failures, len(files)) from failures[0][1]
        if step.metadata and step.files:
            _mark(container, step)


def _send_file(
    blob: BlobClient, file: LocalFile, group: Group, progress: Progress, blocks: int, *, replaces: bool
) -> None:
    """Upload one file, some blocks of it at a time, unless the blob is there; write one again that is not the file."""
    from azure.core.exceptions import HttpResponseError, ResourceExistsError

    if file.size > AT_ONCE and not replaces and _size(blob) == file.size:
        progress.sent(file.size)
        progress.finished(found=True)
        return
    for attempt in range(_TRIES):
        try:
            with file.opened() as content:
                blob.upload_blob(
                    cast("IO[bytes]", _Sent(content, group, progress)),  # of a stream, only read() is used
                    length=file.size,
                    overwrite=replaces or attempt > 0,
                    max_concurrency=blocks,
                )
        except ResourceExistsError:
            found = True
        except HttpResponseError as error:
            if code_of(error) != "InvalidBlockList":  # somebody else has put the blob together, or thrown blocks away
                raise
            found = True
        else:
            found = False
            if file.size <= AT_ONCE:  # such a request is taken whole or not at all
                progress.finished()
                return
        if _size(blob) == file.size:
            progress.finished(found=found)
            return
    raise HttpResponseError(f"{_TRIES} times the blob had another size than the file; is something else writing to it?")


class _Sent:
    """A file's content on its way: counted, and ended when the upload is to stop."""

    def __init__(self, content: Reading, group: Group, progress: Progress) -> None:
        self._content = content
        self._group = group
        self._progress = progress

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        self._group.check()
        content = self._content.read(size)
        self._progress.sent(len(content))
        return content


class StorageCredential:
    """The token cache under the method names by which azure-storage-blob knows a credential."""

    def __init__(self, tokens: TokenCache) -> None:
        self._tokens = tokens

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """A token."""
        return self._tokens.get_token_info(*scopes, options=options)

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        """The same in the older form."""
        from azure.core.credentials import AccessToken

        info = self._tokens.get_token_info(*scopes)
        return AccessToken(info.token, info.expires_on)


def _container(step: Upload, largest: int, ca_bundle: str | None, tokens: TokenCache | None) -> ContainerClient:
    from azure.storage.blob import ContainerClient

    return ContainerClient.from_container_url(
        step.container_url,
        credential=StorageCredential(tokens) if tokens else None,
        transport=transport(ca_bundle),
        logger=HTTP_LOG,
        max_single_put_size=AT_ONCE,
        max_block_size=max(_BLOCK, -(-largest // _MOST_BLOCKS)),
    )


def transport(ca_bundle: str | None) -> RequestsTransport:
    """A transport that keeps as many connections as are used at once; azure-core's keeps ten and warns of each more."""
    from azure.core.pipeline.transport import RequestsTransport
    from requests import Session
    from requests.adapters import HTTPAdapter
    from urllib3 import Retry  # noqa: PLC0415 (comes with requests)

    session = Session()
    # retries are azure-core's; what urllib3 says after its own would show the URL, and the SAS in it
    none = Retry(total=False, redirect=False, raise_on_status=False)
    session.mount("https://", HTTPAdapter(pool_maxsize=_MOST_AT_ONCE, max_retries=none))
    return RequestsTransport(session=session, connection_verify=ca_bundle or True)


def _size(blob: BlobClient) -> int | None:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        size: int = blob.get_blob_properties().size
    except ResourceNotFoundError:
        return None
    return size


def _mark(container: ContainerClient, step: Upload) -> None:
    from azure.core.exceptions import AzureError

    try:
        container.get_blob_client(step.marked or step.files[0][1]).set_blob_metadata(dict(step.metadata))
    except AzureError as error:
        raise api_error(container, error, said(error)) from error


def _error(
    container: ContainerClient, failures: Sequence[tuple[LocalFile, AzureError | SpecError]], count: int
) -> ApiError | SpecError:
    """One exception for all files that failed before the rest was called off."""
    unreadable = [problem for _, error in failures if isinstance(error, SpecError) for problem in error.problems]
    if unreadable:
        return SpecError(unreadable)
    refused = [(file, error) for file, error in failures if not isinstance(error, SpecError)]
    each = [f"{file.name} ({amount(file.size)}): {said(error)}" for file, error in refused]
    more = f"; and {len(each) - _SHOWN} more" if len(each) > _SHOWN else ""
    what = f"of {count} files, {len(each)} could not be uploaded before the rest was called off: " if count > 1 else ""
    return api_error(container, refused[0][1], f"{what}{'; '.join(each[:_SHOWN])}{more}")


def api_error(container: ContainerClient, error: AzureError, message: str, *, method: str = "PUT") -> ApiError:
    """The exception for what the storage refused, or did not answer."""
    status: int | None = getattr(error, "status_code", None)
    return _ERRORS.get(status, ApiError)(
        method=method,
        url=container.primary_endpoint.partition("?")[0],
        status=status,
        code=code_of(error),
        message=message,
        hint=_HINTS.get(HTTPStatus(status)) if status in _HINTS else None if status else _UNREACHED,
    )


def code_of(error: AzureError) -> str:
    """The storage's error code."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or type(error).__name__)


def said(error: AzureError) -> str:
    """What an error of the storage says, in its first line."""
    return str(error.message).partition("\n")[0].strip()
