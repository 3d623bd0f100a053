"""What an emulator costs, in a quick size; ``python -m tests.benchmarks.emulator`` measures the full one."""

from __future__ import annotations

import pytest

from tests.benchmarks.emulator import Figures, measured

JOBS, BLOBS, VERSIONS = 1_500, 10_000, 200


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Figures:
    return measured(tmp_path_factory.mktemp("full"), jobs=JOBS, blobs=BLOBS, versions=VERSIONS)


def test_it_is_small_when_nothing_is_asked(figures: Figures) -> None:
    assert figures.idle_megabytes < 150


def test_it_answers_many_gets(figures: Figures) -> None:
    assert min(figures.gets_per_second.values()) > 500


def test_a_page_costs_little_wherever_it_is(figures: Figures) -> None:
    costs = {name: of.cpu_seconds * figures.gets_per_second["http"] for name, of in figures.pages.items()}
    assert {name: gets for name, gets in costs.items() if gets > 150} == {}  # of one job; a page has up to a thousand


def test_lists_have_as_many_pages_as_they_should(figures: Figures) -> None:
    counts = {name: len(of.seconds) for name, of in figures.pages.items()}
    assert counts["jobs"] == JOBS // 100
    assert counts["blobs"] == BLOBS // 5000
    assert counts["folders, ten a page"] == 100
