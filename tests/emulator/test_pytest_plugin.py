"""The fixtures that users of this package get, in a pytest run of its own for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "emulator-home"


def test_the_emulator_is_up_for_the_run_and_gone_after_it(pytester: pytest.Pytester, home: Path) -> None:
    pytester.makepyfile(
        """
        import ssl, urllib.request

        def test_it_serves(azml_emulator):
            trusted = ssl.create_default_context(cafile=azml_emulator.environment["REQUESTS_CA_BUNDLE"])
            place = f"{azml_emulator.https_url}/metadata/endpoints?api-version=2019-05-01"
            with urllib.request.urlopen(place, context=trusted) as answer:
                assert answer.status == 200
            assert azml_emulator.url.startswith("http://127.0.0.1:")
            assert azml_emulator.log.exists()
            assert azml_emulator.workspace
            with open("place", "w") as told:
                told.write(azml_emulator.url)

        def test_it_is_the_same_one(azml_emulator):
            assert azml_emulator.url == open("place").read()

        def test_it_leaves_the_environment_alone(azml_emulator, monkeypatch):
            import os
            assert "AIRFLOW_CONN_AZML_DEFAULT" not in os.environ
        """
    )
    result = pytester.runpytest_subprocess("--azml-emulator-home", str(home))
    result.assert_outcomes(passed=3)
    assert (home / "emulator.log").exists()
    port = int((pytester.path / "place").read_text().rstrip("/").rpartition(":")[2])
    assert not listening(port)


def test_a_connection_works_and_its_workspace_exists(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        f"""
        import os
        os.environ["AIRFLOW_HOME"] = {str(pytester.path / "airflow")!r}
        """
    )
    pytester.makepyfile(
        """
        import os
        from airflow_provider_azml.hooks.azml import AzmlHook

        def test_hook(azml_connection):
            works, said = AzmlHook(azml_connection).test_connection()
            assert works, said
            assert AzmlHook(azml_connection).get("workspace", os.environ["AZML_WORKSPACE"])["name"] == "laptop"

        def test_it_is_made_anew_if_a_test_deletes_it(azml_connection):
            assert AzmlHook(azml_connection).list("compute") == []

        def test_the_environment_is_for_one_test():
            assert "AIRFLOW_CONN_AZML_DEFAULT" not in os.environ
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=3)


def test_an_emulator_that_does_not_start_says_why(pytester: pytest.Pytester, home: Path) -> None:
    home.mkdir()
    (home / "emulator.db").write_bytes(b"no database, but as long as the head of one would be" * 10)
    pytester.makepyfile("def test_it(azml_emulator): ...")
    result = pytester.runpytest_subprocess("--azml-emulator-home", str(home))
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the emulator ended with exit code*", f"*{home / 'emulator.log'}*"])


def test_it_is_listed_among_fixtures_and_options(pytester: pytest.Pytester) -> None:
    pytester.runpytest_subprocess("--help").stdout.fnmatch_lines(["*--azml-emulator-home=DIR*"])
    pytester.runpytest_subprocess("--fixtures").stdout.fnmatch_lines(["azml_connection*", "azml_emulator*"])


def listening(port: int) -> bool:
    import socket

    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
