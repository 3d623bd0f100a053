"""The emulator as a process: quick to start, on loopback alone, clear about why it cannot, clean at its end."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import psutil
import pytest
import requests

from airflow_provider_azml.emulator.database import Database
from airflow_provider_azml.emulator.launcher import read_environment
from airflow_provider_azml.emulator.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMAND = [sys.executable, "-m", "airflow_provider_azml.emulator"]
IMPORTS = "import cryptography.x509, jsonschema, jwt, starlette.applications, time, uvicorn, yaml"
"""What any server of this kind begins with."""
READY_IN = 4
"""How many times the processor's time of these it may take to get ready: what else the machine does makes both more."""


class Process:
    """An emulator that a test has started."""

    def __init__(self, home: Path, *options: str) -> None:
        self.home = home
        (home / "env.sh").unlink(missing_ok=True)  # what is left of one that was killed
        begun = time.monotonic()
        self.process = subprocess.Popen(
            [*COMMAND, "--home", str(home), "--http-port", "0", "--https-port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        while not (home / "env.sh").exists():
            assert self.process.poll() is None, self.process.communicate()[0]
            assert time.monotonic() < begun + 120
            time.sleep(0.01)
        self.cpu_seconds = sum(psutil.Process(self.process.pid).cpu_times()[:2])
        self.environment = read_environment(home / "env.sh")

    def token(self) -> str:
        url = self.environment["AZURE_AUTHORITY_HOST"]
        response = requests.post(
            f"{url}/{self.environment['AZURE_TENANT_ID']}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": self.environment["AZURE_CLIENT_ID"],
                "client_secret": self.environment["AZURE_CLIENT_SECRET"],
                "scope": f"{url}/.default",
            },
            verify=self.environment["REQUESTS_CA_BUNDLE"],
            timeout=60,
        )
        return str(response.json()["access_token"])

    def get(self, path: str) -> requests.Response:
        return requests.get(
            self.environment["AZML_EMULATOR_URL"] + path,
            params={"api-version": "2024-04-01"},
            headers={"Authorization": f"Bearer {self.token()}"},
            timeout=60,
        )

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=60)
        return self.process.returncode


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[list[Process]]:
    started: list[Process] = []
    yield started
    for one in started:
        if one.process.poll() is None:
            one.stop(signal.SIGKILL)


def workspace_of(environment: dict[str, str]) -> str:
    return (
        f"/subscriptions/{environment['AZML_SUBSCRIPTION_ID']}/resourceGroups/{environment['AZML_RESOURCE_GROUP']}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{environment['AZML_WORKSPACE']}"
    )


def test_it_is_ready_soon_and_tells_only_its_owner(tmp_path: Path, processes: list[Process]) -> None:
    processes.append(Process(tmp_path / "home"))
    imported = subprocess.run(
        [sys.executable, "-c", f"{IMPORTS}; print(time.process_time())"], capture_output=True, text=True, check=True
    )
    assert processes[0].cpu_seconds < READY_IN * float(imported.stdout)
    for secret in ("env.sh", "secrets.json", "federated-token", "tls/server.key", "tls/token.key"):
        assert stat.S_IMODE((tmp_path / "home" / secret).stat().st_mode) == 0o600, secret
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
    assert set(processes[0].environment) == {
        "AIRFLOW_CONN_AZML_DEFAULT",
        "ARM_CLOUD_METADATA_URL",
        "AZML_EMULATOR_URL",
        "AZML_EMULATOR_TOKEN",
        "AZML_RESOURCE_GROUP",
        "AZML_SUBSCRIPTION_ID",
        "AZML_WORKSPACE",
        "AZUREML_CURRENT_CLOUD",
        "AZURE_AUTHORITY_HOST",
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_SECRET",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_TENANT_ID",
        "AZURE_TOKEN_CREDENTIALS",
        "REGISTRY_DISCOVERY_ENDPOINT_URL",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_FILE",
    }
    # azure-ai-ml asks for it all the time, and over https reads all authorities each time
    assert processes[0].environment["ARM_CLOUD_METADATA_URL"].startswith(processes[0].environment["AZML_EMULATOR_URL"])


def test_a_shell_can_source_what_it_writes(tmp_path: Path, processes: list[Process]) -> None:
    processes.append(Process(tmp_path / "home with 'quotes'"))
    shell = subprocess.run(
        ["sh", "-c", '. "$1" && env', "sh", str(processes[0].home / "env.sh")],
        capture_output=True,
        text=True,
        check=True,
    )
    seen = dict(line.partition("=")[::2] for line in shell.stdout.splitlines())
    assert {name: seen[name] for name in processes[0].environment} == processes[0].environment


def test_it_says_that_it_runs_code(tmp_path: Path, processes: list[Process]) -> None:
    processes.append(Process(tmp_path / "home"))
    processes[0].process.terminate()
    said = processes[0].process.communicate(timeout=60)[0].splitlines()
    assert said[0].startswith("Azure ML emulator ready at https://localhost:")
    assert "It runs the code of jobs and deployments as you, and with all that you may do." in said


def test_nothing_but_loopback_reaches_it(tmp_path: Path, processes: list[Process]) -> None:
    processes.append(Process(tmp_path / "home"))
    port = int(processes[0].environment["AZML_EMULATOR_URL"].rpartition(":")[2])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        outward = probe.getsockname()[0]
    if outward.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((outward, port), timeout=2).close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_and_takes_its_env_file_along(tmp_path: Path, processes: list[Process], number: int) -> None:
    processes.append(Process(tmp_path / "home"))
    assert processes[0].stop(number) == 0
    assert not (tmp_path / "home" / "env.sh").exists()


@pytest.mark.parametrize("option", ["--http-port", "--https-port"])
def test_a_taken_port_is_named(tmp_path: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = {"--http-port": "0", "--https-port": "0", option: str(port)}
        words = [word for pair in ports.items() for word in pair]
        ended = subprocess.run(
            [*COMMAND, "--home", str(tmp_path), *words], capture_output=True, text=True, timeout=120, check=False
        )
    assert ended.returncode == 1
    assert ended.stderr == (
        f"azml emulator: Port {port} cannot be had (Address already in use): stop what listens on it, "
        f"or choose another with {option} (0 picks a free one).\n"
    )


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--home", "{file}/home"], 1, "{file}/home cannot be made (Not a directory): choose another --home.\n"),
        (["--home", "{file}"], 1, "{file} cannot be made (File exists): choose another --home.\n"),
        (["--http-port", "first"], 2, "error: argument --http-port: first is not a port (0 to 65535)\n"),
        (["--https-port", "65536"], 2, "error: argument --https-port: 65536 is not a port (0 to 65535)\n"),
    ],
)
def test_a_bad_option_is_named(options: list[str], code: int, said: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    words = [word.format(file=file) for word in options]
    ended = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == code
    assert ended.stderr.endswith(f"azml emulator: {said.format(file=file)}")
    assert "Traceback" not in ended.stderr


def test_a_home_is_one_emulator_s(tmp_path: Path, processes: list[Process]) -> None:
    processes.append(Process(tmp_path))
    ended = subprocess.run(
        [*COMMAND, "--home", str(tmp_path), "--http-port", "0", "--https-port", "0"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1
    assert f"in use by another emulator (process {processes[0].process.pid})" in ended.stderr
    assert (tmp_path / "env.sh").exists()


def test_what_it_keeps_is_there_again_after_it_was_killed(tmp_path: Path, processes: list[Process]) -> None:
    processes.append(Process(tmp_path, "--create-workspace"))
    first = processes[0].environment
    before = processes[0].get(workspace_of(first)).json()
    assert before["properties"]["mlFlowTrackingUri"].startswith(first["AZML_EMULATOR_URL"])
    processes[0].stop(signal.SIGKILL)
    processes.append(Process(tmp_path))
    second = processes[1].environment
    after = processes[1].get(workspace_of(second)).json()
    assert after["properties"]["workspaceId"] == before["properties"]["workspaceId"]
    assert after["properties"]["mlFlowTrackingUri"].startswith(second["AZML_EMULATOR_URL"])
    assert after["properties"]["discoveryUrl"].startswith(second["AZURE_AUTHORITY_HOST"])
    assert second["AZURE_CLIENT_SECRET"] == first["AZURE_CLIENT_SECRET"]
    datastore = processes[1].get(f"{workspace_of(second)}/datastores/workspaceblobstore").json()
    port = second["AZURE_AUTHORITY_HOST"].rpartition(":")[2]
    assert datastore["properties"]["accountName"] == f"localhost:{port}/stor"


def test_a_default_workspace_that_was_half_made_is_made_whole(tmp_path: Path, processes: list[Process]) -> None:
    processes.append(Process(tmp_path, "--create-workspace"))
    path = workspace_of(processes[0].environment)
    before = processes[0].get(path).json()
    processes[0].stop(signal.SIGKILL)
    with closing(Database(tmp_path / "emulator.db")) as database:
        store = Store(database)
        store.delete(f"{path}/datastores/workspaceblobstore")
        store.update(path, lambda document: document["properties"].update(provisioningState="Creating"))
    processes.append(Process(tmp_path, "--create-workspace"))
    after = processes[1].get(path).json()
    assert after["properties"]["provisioningState"] == "Succeeded"
    assert after["properties"]["workspaceId"] == before["properties"]["workspaceId"]
    assert processes[1].get(f"{path}/datastores/workspaceblobstore").ok


def test_it_imports_no_airflow() -> None:
    script = "import sys, airflow_provider_azml.emulator.server; sys.exit('airflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, env={**os.environ}).returncode == 0
