"""What holds for every benchmark: emulators do nothing that is not measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True, scope="module")
def unrecorded() -> Iterator[None]:
    """Let emulators not write down what they answer, as those of other tests do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AZML_EMULATOR_RECORD", raising=False)
        yield
