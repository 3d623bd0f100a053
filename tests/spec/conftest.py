from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.spec.stand_in import StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    service = StandIn(tmp_path_factory.mktemp("stand-in"))
    yield service
    service.close()


@pytest.fixture
def service(stand_in: StandIn) -> StandIn:
    stand_in.forget()
    return stand_in
