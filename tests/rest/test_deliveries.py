"""Many payloads sent to one scoring URI: in order, some at a time, again only where that does no harm."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import ApiError, AuthError, NotFound, Throttled
from airflow_provider_azml.rest import scoring
from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.credentials import TokenCache
from airflow_provider_azml.rest.score_step import Score
from tests.rest.conftest import CountingCredential
from tests.rest.scoring_service import ENDPOINT, ScoringService
from tests.rest.scripted_service import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from airflow_provider_azml.rest.flows import Flow

FAILED = Answer(424, b"Traceback", {"ms-azureml-model-error-reason": "model_error"})
BUSY = Answer(429, b"", {"ms-azureml-model-error-reason": "too_many_pending_request"})


@dataclass(frozen=True)
class Numbers:
    numbers: tuple[int, ...]

    @property
    def body(self) -> bytes:
        return json.dumps(self.numbers).encode()

    def halves(self) -> tuple[Numbers, Numbers] | None:
        middle = len(self.numbers) // 2
        return (Numbers(self.numbers[:middle]), Numbers(self.numbers[middle:])) if middle else None


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ScoringService]:
    scripted = ScoringService(tmp_path)
    scripted.script = doubled
    yield scripted
    scripted.close()


def doubled(body: bytes) -> Answer:
    return Answer(body=[2 * number for number in json.loads(body)])


def sent(
    service: ScoringService, batches: Iterable[tuple[int, ...]], glance: Any = lambda: None, **how: Any
) -> list[tuple[tuple[int, ...], Any]]:
    """What came of batches: the numbers of the answer, or the status of the error."""
    came: list[tuple[tuple[int, ...], Any]] = []

    def answered(batch: Numbers, answer: bytes | ApiError) -> None:
        came.append((batch.numbers, answer.status if isinstance(answer, ApiError) else json.loads(answer)))

    def sending() -> Flow[None]:
        yield Score(lambda: scoring.door(ENDPOINT, "blue"), map(Numbers, batches), answered, glance, **how)

    with Client(service.cloud, TokenCache(CountingCredential()), ca_bundle=service.ca_bundle) as client:
        client.run(sending())
    return came


def after(count: int, first: Answer | None) -> Any:
    """A script that answers otherwise until it has been asked some times."""
    asked: list[bytes] = []

    def script(body: bytes) -> Answer | None:
        asked.append(body)
        return first if len(asked) <= count else doubled(body)

    return script


def test_answers_come_in_order_over_connections_that_stay_open(service: ScoringService) -> None:
    beside = threading.Event()

    def script(body: bytes) -> Answer:
        (number,) = json.loads(body)
        if number:
            beside.set()
        assert beside.wait(60)  # the first is under way until another is
        time.sleep(0.03 if number % 7 == 0 else 0.001)
        return doubled(body)

    service.script = script
    came = sent(service, [(number,) for number in range(60)], concurrency=5)
    assert came == [((number,), [2 * number]) for number in range(60)]
    assert 2 <= service.most_under_way <= 5
    assert len(service.connections) <= 5
    assert {asked.headers["azureml-model-deployment"] for asked in service.payloads} == {"blue"}
    assert {asked.headers["Content-Type"] for asked in service.payloads} == {"application/json"}
    assert service.payloads[0].headers["User-Agent"].startswith("airflow-provider-azml/")
    assert service.count("listKeys") == 1


def test_one_that_takes_long_does_not_let_answers_pile_up(service: ScoringService) -> None:
    released = threading.Event()
    taken: list[int] = []
    taken_meanwhile: list[int] = []

    def release() -> None:
        taken_meanwhile.append(len(taken))
        released.set()

    def script(body: bytes) -> Answer:
        if json.loads(body) == [0]:
            released.wait(120)
        if json.loads(body) == [63]:
            threading.Timer(0.2, release).start()
        return doubled(body)

    def batches() -> Iterator[tuple[int, ...]]:
        for number in range(100):
            taken.append(number)
            yield (number,)

    service.script = script
    came = sent(service, batches(), concurrency=2)
    assert [numbers for numbers, _ in came] == [(number,) for number in range(100)]
    assert taken_meanwhile == [64]


def test_what_was_not_taken_is_sent_until_it_is(service: ScoringService) -> None:
    service.script = after(6, BUSY)
    assert sent(service, [(1,), (2,)], concurrency=2) == [((1,), [2]), ((2,), [4])]
    assert len(service.payloads) == 8


def test_the_service_says_how_long_it_is_to_be_left_alone(service: ScoringService) -> None:
    service.script = after(1, Answer(503, b"", {"Retry-After": "1"}))
    begun = time.monotonic()
    assert sent(service, [(1,)]) == [((1,), [2])]
    assert time.monotonic() - begun >= 1


def test_a_service_that_takes_nothing_is_given_up(service: ScoringService) -> None:
    service.script = lambda _: BUSY
    with pytest.raises(Throttled):
        sent(service, [(1,), (2,)], concurrency=2, tolerate_errors_seconds=0.3)


@pytest.mark.parametrize("answer", [FAILED, Answer(408, b"upstream request timeout"), Answer(500), None], ids=str)
def test_what_may_have_been_scored_is_not_sent_again(service: ScoringService, answer: Answer | None) -> None:
    service.script = after(1, answer)
    came = sent(service, [(1, 2), (3, 4)])
    assert came == [((1, 2), answer and answer.status), ((3, 4), [6, 8])]
    assert len(service.payloads) == 2


@pytest.mark.parametrize("answer", [Answer(408, b"upstream request timeout"), None], ids=str)
def test_unless_that_does_no_harm(service: ScoringService, answer: Answer | None) -> None:
    service.script = after(2, answer)
    assert sent(service, [(1, 2)], idempotent=True) == [((1, 2), [2, 4])]


def test_the_record_that_a_script_fails_for_is_found(service: ScoringService) -> None:
    service.script = lambda body: FAILED if 5 in json.loads(body) else doubled(body)
    came = sent(service, [tuple(range(8)), (8, 9)], idempotent=True)
    assert came == [
        ((0, 1, 2, 3), [0, 2, 4, 6]),
        ((4,), [8]),
        ((5,), 424),
        ((6, 7), [12, 14]),
        ((8, 9), [16, 18]),
    ]


def test_a_payload_that_is_too_large_is_parted(service: ScoringService) -> None:
    service.script = lambda body: Answer(413) if len(json.loads(body)) > 2 else doubled(body)
    assert sent(service, [(1, 2, 3, 4)]) == [((1, 2), [2, 4]), ((3, 4), [6, 8])]


def test_an_answer_that_takes_too_long_is_an_error_of_its_batch(service: ScoringService) -> None:
    released = threading.Event()

    def script(body: bytes) -> Answer:
        if json.loads(body) == [1]:
            released.wait(60)
        return doubled(body)

    service.script = script
    came = sent(service, [(1,), (2,)], timeout_seconds=2)
    released.set()
    assert came == [((1,), None), ((2,), [4])]


def test_a_key_that_is_made_anew_meanwhile_is_fetched_again(service: ScoringService) -> None:
    def script(body: bytes) -> Answer:
        if json.loads(body) == [10]:
            service.secret = "key-2"
        return doubled(body)

    service.script = script
    came = sent(service, [(number,) for number in range(40)], concurrency=4)
    assert came == [((number,), [2 * number]) for number in range(40)]
    assert service.count("listKeys") == 2


def test_a_key_that_never_opens_is_no_affair_of_minutes(service: ScoringService) -> None:
    service.told_secret = "old"
    with pytest.raises(AuthError, match="key_auth_access_denied"):
        sent(service, [(1,), (2,)], concurrency=2)


def test_a_token_is_fetched_again_before_it_runs_out(service: ScoringService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_azml.rest.deliveries._LEAST_SECONDS", 0.0)
    service.auth_mode, service.renew_at = "AMLToken", int(time.time()) - 1
    assert sent(service, [(1,), (2,), (3,)]) == [((1,), [2]), ((2,), [4]), ((3,), [6])]
    assert service.count("token") >= 3


def test_an_endpoint_that_takes_tokens_of_the_identity_gets_one(service: ScoringService) -> None:
    service.auth_mode, service.secret = "AADToken", "token-2"  # the first is Resource Manager's
    assert sent(service, [(1,)]) == [((1,), [2])]


def test_an_endpoint_that_is_gone_is_an_error_of_all(service: ScoringService) -> None:
    service.script = lambda body: Answer(404, b"No valid deployments to route to") if b"3" in body else doubled(body)
    with pytest.raises(NotFound, match="No valid deployments"):
        sent(service, [(number,) for number in range(10)])
    assert len(service.payloads) == 4


def test_a_host_that_is_not_to_be_trusted_is_an_error_of_all(service: ScoringService, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    stranger = ScoringService(other)
    service.scoring_uri = stranger.scoring_uri
    try:
        with pytest.raises(ApiError, match="certificate"):
            sent(service, [(1,)])
    finally:
        stranger.close()
    assert stranger.payloads == []


def test_whoever_waits_may_end_it(service: ScoringService) -> None:
    class Enough(BaseException):
        pass

    def look() -> None:
        raise Enough

    def script(body: bytes) -> Answer:
        time.sleep(0.05)
        return doubled(body)

    service.script = script
    with pytest.raises(Enough):
        sent(service, [(number,) for number in range(10_000)], look)
    assert len(service.payloads) < 200
    assert "azml-event-loop" not in {thread.name for thread in threading.enumerate()}


def test_what_goes_wrong_with_an_answer_ends_it(service: ScoringService) -> None:
    def sending() -> Flow[None]:
        def answered(batch: Numbers, answer: object) -> None:
            raise ZeroDivisionError

        batches = (Numbers((number,)) for number in range(1000))
        yield Score(lambda: scoring.door(ENDPOINT), batches, answered, lambda: None, concurrency=3)

    with Client(service.cloud, TokenCache(CountingCredential()), ca_bundle=service.ca_bundle) as client:  # noqa: SIM117
        with pytest.raises(ZeroDivisionError):
            client.run(sending())
    assert len(service.payloads) < 100
