"""``python -m tests.rollouts --kills 30``: kill canary deployments at random moments, and see how they end."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import tests.conftest  # noqa: F401 (gives Airflow a home of its own, before it is imported)
from airflow_provider_azml.emulator.pytest_plugin import running_emulator


def main() -> int:
    """Run, print how they ended, and return 1 if anything is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.rollouts", description=__doc__)
    parser.add_argument("--kills", type=int, default=30, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the moments")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="canaries-"))
    with running_emulator(folder / "emulator", "--create-workspace") as emulator:
        os.environ.update(emulator.environment)
        wrong = _run(given.kills, given.seed, folder)
    if wrong:
        sys.stdout.write("\n".join([f"logs are in {folder}", *wrong, ""]))
        return 1
    shutil.rmtree(folder)
    shutil.rmtree(os.environ["AIRFLOW_HOME"], ignore_errors=True)
    return 0


def _run(kills: int, seed: int, folder: Path) -> list[str]:
    from airflow_provider_azml.hooks.azml import AzmlHook
    from tests.rollouts.canaries import Story, live
    from tests.rollouts.versions import endpoint_with_an_old_version, folder_of_versions

    chance, hook = random.Random(seed), AzmlHook()
    files = folder_of_versions(folder)
    endpoint = endpoint_with_an_old_version(hook, files)
    undisturbed = {each: live(hook, endpoint, files, Story(int(each), each, 1e9)) for each in (False, True)}
    wrong = [f"undisturbed: {life.wrong}\n{life.log}" for life in undisturbed.values() if life.wrong]
    where: Counter[str] = Counter()
    for number in range(2, kills + 2):
        deferrable = number % 2 == 1
        moment = chance.uniform(0, undisturbed[deferrable].seconds)
        life = live(hook, endpoint, files, Story(number, deferrable, moment))
        where[f"{'deferred' if deferrable else 'blocking'}: {life.where}"] += 1
        if life.wrong:
            wrong.append(f"canary-{number}, killed after {moment:.2f} s: {life.wrong}\n{life.log}")
    hook.close()
    told = ", ".join(f"{count} {what}" for what, count in sorted(where.items()))
    sys.stdout.write(f"{kills} canaries, killed was: {told}; {len(wrong)} did not end as they should; seed {seed}\n")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
