"""What many mapped tasks do at once to one asset."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from airflow_provider_azml.hooks.azml import AzmlHook


def test_versions_that_are_made_at_once_do_not_take_each_others_numbers(azml_connection, tmp_path):
    name = f"crowded-{time.time_ns()}"
    for each in range(8):
        (tmp_path / f"{each}.txt").write_text(f"weights {each}")

    def register(each: int) -> str:
        hook = AzmlHook(azml_connection)
        try:
            return hook.apply({"name": name, "path": str(tmp_path / f"{each}.txt")}, kind="model")["name"]
        finally:
            hook.close()

    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(register, range(8)))
    assert sorted(versions) == [str(version) for version in range(1, 9)]
