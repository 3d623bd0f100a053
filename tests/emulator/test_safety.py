"""Who may use an emulator, how large what is sent may be, and that no name leads out of its home."""

from __future__ import annotations

import base64
import json
import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_azml.emulator.auth import Auth
from airflow_provider_azml.emulator.database import Database
from airflow_provider_azml.emulator.identity import secrets_of
from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from airflow_provider_azml.emulator.storage.blobs import Blobs
from tests.emulator.arm_requests import fresh, refused
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

STORAGE = "stor.blob.core.windows.net"


@pytest.fixture(scope="module")
def workspace(azml_emulator: RunningEmulator) -> Workspace:
    return Workspace(azml_emulator).ensure()


def asked(emulator: RunningEmulator, path: str, method: str = "GET", **headers: str) -> requests.Response:
    return requests.request(method, emulator.url + path, headers=headers, timeout=60)


# -- who may ask --------------------------------------------------------------------------------------------------


def signer(emulator: RunningEmulator) -> Auth:
    return Auth(emulator.home, secrets_of(emulator.home), emulator.https_url)


def forged(workspace: Workspace, how: str) -> str:
    emulator = workspace.emulator
    key = (emulator.home / "tls" / "token.key").read_bytes()
    claims = jwt.decode(signer(emulator).issue(emulator.https_url), options={"verify_signature": False})
    if how == "no signature":
        return jwt.encode(claims, None, algorithm="none")
    if how == "another key":
        return jwt.encode(claims, rsa.generate_private_key(65537, 2048), algorithm="RS256")
    if how == "the public key as a shared one":
        head, body = (
            base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
            for part in ({"alg": "HS256", "typ": "JWT"}, claims)
        )
        return f"{head}.{body}.{base64.urlsafe_b64encode(b'x' * 32).rstrip(b'=').decode()}"
    changes = {
        "expired": {"exp": int(time.time()) - 1},
        "not yet": {"nbf": int(time.time()) + 600},
        "another audience": {"aud": "https://graph.microsoft.com"},
        "another tenant": {"tid": "00000000-0000-0000-0000-000000000000"},
    }
    return jwt.encode(claims | changes[how], key, algorithm="RS256")


PLACES = (
    "/subscriptions",
    "/tenants",
    "/emulator/faults",
    "/emulator/clock",
    "/emulator/requests",
    "{w}/jobs",
    "/history/v1.0{w}/runs/x",
    "/mlflow/v2.0{w}/api/2.0/mlflow/experiments/search",
    "/data/v1.0{w}/dataversion/batchGetResolvedUris",
    "/modelregistry/v1.0{w}/models/batchGetResolvedUris",
    f"/{STORAGE}/box/blob",
    f"/{STORAGE}/box?restype=container&comp=list",
)


@pytest.mark.parametrize("place", PLACES)
def test_nothing_opens_without_a_token(workspace: Workspace, place: str) -> None:
    path = place.format(w=workspace.id)
    for method in ("GET", "PUT", "POST", "PATCH", "DELETE", "HEAD"):
        assert asked(workspace.emulator, path, method).status_code in (401, 403, 405, 501), method
    answers = {asked(workspace.emulator, path, method).status_code for method in ("GET", "POST", "PUT")}
    assert answers & {401, 403}


@pytest.mark.parametrize(
    "how",
    [
        "no signature",
        "another key",
        "the public key as a shared one",
        "expired",
        "not yet",
        "another audience",
        "another tenant",
    ],
)
@pytest.mark.parametrize("place", [PLACES[3], PLACES[5], PLACES[6], PLACES[-1]])
def test_a_token_that_the_emulator_did_not_issue_for_this_opens_nothing(
    workspace: Workspace, place: str, how: str
) -> None:
    token = forged(workspace, how)
    answer = asked(workspace.emulator, place.format(w=workspace.id), Authorization=f"Bearer {token}")
    assert answer.status_code in (401, 403)


def test_a_signature_opens_its_container_for_what_it_permits_and_no_longer(workspace: Workspace) -> None:
    emulator = workspace.emulator
    auth = signer(emulator)
    boxes = [fresh("box"), fresh("box")]
    everywhere = auth.sas("", permissions="c")
    for box in boxes:
        url = f"/{STORAGE}/{box}?restype=container&{everywhere}"
        assert asked(emulator, url, "PUT").status_code == 201
    kind = {"x-ms-blob-type": "BlockBlob"}
    writes, reads = (auth.sas(boxes[0], permissions=letters) for letters in ("cw", "r"))
    assert asked(emulator, f"/{STORAGE}/{boxes[0]}/a?{writes}", "PUT", **kind).status_code == 201
    assert asked(emulator, f"/{STORAGE}/{boxes[0]}/a?{reads}").status_code == 200
    late = auth.sas(boxes[0], seconds=-5)
    wider = reads.replace("sp=r", "sp=rwdl")
    longer = late.replace("se=20", "se=21")
    for method, box, query in (
        ("PUT", boxes[0], reads),
        ("DELETE", boxes[0], reads),
        ("GET", boxes[0], writes),
        ("GET", boxes[1], reads),
        ("PUT", boxes[1], writes),
        ("GET", boxes[0], late),
        ("GET", boxes[0], longer),
        ("PUT", boxes[0], wider),
        ("GET", boxes[0], wider),
    ):
        answer = asked(emulator, f"/{STORAGE}/{box}/a?{query}", method, **kind)
        assert answer.status_code == 403, (method, box == boxes[0], query)


# -- from where -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/emulator/requests", "/metadata/endpoints?api-version=2019-05-01", "/subscriptions"])
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Host": "attacker.example"}, "ForeignHost"),
        ({"Host": "localhost.attacker.example:8080"}, "ForeignHost"),
        ({"Host": "192.168.0.7:8080"}, "ForeignHost"),
        ({"Host": ""}, "ForeignHost"),
        ({"Origin": "https://attacker.example"}, "ForeignOrigin"),
        ({"Origin": "http://localhost:1"}, "ForeignOrigin"),
        ({"Origin": "null"}, "ForeignOrigin"),
    ],
)
def test_no_web_page_uses_it(azml_emulator: RunningEmulator, path: str, headers: dict[str, str], code: str) -> None:
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        answer = asked(azml_emulator, path, method, **headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, code)
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_its_own_pages_and_a_forwarded_port_do(azml_emulator: RunningEmulator) -> None:
    path = "/emulator/requests"
    assert asked(azml_emulator, path, **azml_emulator.headers, Origin=azml_emulator.url).ok
    assert asked(azml_emulator, path, **azml_emulator.headers, Host="localhost:9999").ok


# -- how much -------------------------------------------------------------------------------------------------------


def test_a_body_has_four_megabytes_at_most(workspace: Workspace) -> None:
    path = str(workspace.id.child("environment", fresh("env"), "1"))
    body = {"properties": {"image": "i", "description": ""}}
    body["properties"]["description"] = "x" * ((4 << 20) - len(json.dumps(body)))
    assert workspace.call("PUT", path, json=body).status_code == 201
    body["properties"]["description"] += "x"
    assert refused(workspace, "PUT", path, body) == (413, "RequestContentTooLarge")
    assert refused(workspace, "PUT", path, data=parts(json.dumps(body).encode())) == (413, "RequestContentTooLarge")


def parts(data: bytes) -> Iterator[bytes]:
    """A body whose length is not announced."""
    for start in range(0, len(data), 1 << 20):
        yield data[start : start + (1 << 20)]


def test_urls_and_headers_have_bounds(azml_emulator: RunningEmulator) -> None:
    assert asked(azml_emulator, "/emulator/requests?x=" + "x" * (16 << 10)).status_code == 414
    assert asked(azml_emulator, "/emulator/requests", **{"x-much": "x" * (64 << 10)}).status_code == 431


# -- what names do ----------------------------------------------------------------------------------------------------

CLIMBS = ["../../../outside", "..", ".", "a/../../../../outside", "..%2f..%2foutside", "é/ü/..", "a/./b"]
ODD = ["/etc/passwd", "//x", "%00", "a\x00b", "~/outside", "C:\\outside", "\\..\\outside", "x" * 3000, "\u2028", " "]
PIECES = ["..", ".", "", "a", "\x01", "ä", "%2e%2e", "\\"]
NASTY = st.one_of(
    st.sampled_from([*CLIMBS, *ODD]),
    st.text(min_size=1, max_size=60),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=9).map("/".join),
)


@pytest.fixture(scope="module")
def hunted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace of an emulator whose home is deep in a folder that nothing else writes to."""
    home = tmp_path_factory.mktemp("hunted") / "a" / "b" / "home"
    with running_emulator(home, "--simulate", "0", "--create-workspace") as emulator:
        yield Workspace(emulator).ensure()


def outside(home: Path) -> set[str]:
    top = home.parents[1]
    return {str(path) for path in top.rglob("*") if home not in (path, *path.parents) and path not in home.parents}


def raw(emulator: RunningEmulator, method: str, path: str, token: str, body: bytes = b"") -> int:
    """Send a path as it is: clients tidy up what is in one."""
    host, _, port = emulator.url.removeprefix("http://").partition(":")
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
        f"x-ms-blob-type: BlockBlob\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(head.encode() + body)
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    return int(answer.split(b" ", 2)[1])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NASTY, quoted=st.booleans())
def test_no_name_leads_out_of_the_home(hunted: Workspace, name: str, quoted: bool) -> None:
    emulator = hunted.emulator
    auth = signer(emulator)
    spelling = quote(name.encode("utf-8", "replace").decode(), safe="" if quoted else "/.")
    for audience, path, body in (
        ("https://storage.azure.com", f"/{STORAGE}/azureml/{spelling}", b"x"),
        ("https://storage.azure.com", f"/{STORAGE}/{spelling}?restype=container", b""),
        (emulator.https_url, f"{hunted.id}/jobs/{spelling}?api-version=2024-04-01", COMMAND),
        (emulator.https_url, f"{hunted.id}/models/{spelling}/versions/1?api-version=2024-04-01", MODEL),
        (emulator.https_url, f"{hunted.id}/codes/{spelling}/versions/1?api-version=2024-04-01", CODE),
        (emulator.https_url, f"{hunted.id}/datastores/{spelling}?api-version=2024-04-01", STORE),
    ):
        token = auth.issue(audience)
        for method in ("PUT", "GET"):
            assert raw(emulator, method, path, token, body if method == "PUT" else b"") < 500, (method, path)
    assert outside(emulator.home) == set()


COMMAND = json.dumps({
    "properties": {"jobType": "Command", "command": "true", "environmentId": "azureml://x"}
}).encode()  # fmt: skip
MODEL = json.dumps({"properties": {"modelUri": "azureml://datastores/workspaceblobstore/paths/../../x"}}).encode()
CODE = json.dumps({"properties": {"codeUri": "https://localhost/x/../.."}}).encode()
STORE = json.dumps({
    "properties": {
        "datastoreType": "AzureBlob",
        "accountName": "x",
        "containerName": "../..",
        "credentials": {"credentialsType": "None"},
    }
}).encode()


@pytest.mark.parametrize("name", ["../../outside", "a/../../../outside", "/outside", "a\x00b", "x" * 300])
def test_files_of_code_stay_in_the_job_s_folder(tmp_path: Path, name: str) -> None:
    database = Database(tmp_path / "db")
    blobs = Blobs(database, tmp_path / "blobs", "https://localhost:1", lambda _: "sig=x")
    blobs.create_container("code")
    blobs.write("code", f"src/{name}", b"x")
    with pytest.raises((ValueError, OSError)):
        blobs.fetch("code", "src", tmp_path / "deep" / "er" / "target")
    assert not [path for path in tmp_path.rglob("*outside*") if "blobs" not in path.parts]
    database.close()
