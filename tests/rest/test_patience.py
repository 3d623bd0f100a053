from __future__ import annotations

import pytest

from airflow_provider_azml.exceptions import ApiError, AuthError, NotFound, Throttled
from airflow_provider_azml.rest.patience import Patience


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def error(kind: type[ApiError] = ApiError, status: int | None = 503, code: str = "Why", **fields: float) -> ApiError:
    return kind(method="GET", url="https://service/job", status=status, code=code, message="because", **fields)


def borne_seconds(clock: Clock, patience: Patience, what: ApiError) -> float:
    """How long an error is borne that comes again whenever one looks."""
    began = clock.now

    def bear() -> None:
        for _ in range(1000):
            clock.now += patience.bear(what)

    with pytest.raises(ApiError) as raised:
        bear()
    assert raised.value is what
    return clock.now - began


@pytest.mark.parametrize("status", [None, 408, 425, 429, 500, 502, 503, 504])
def test_what_passes_is_borne_for_as_long_as_was_said(clock, status):
    assert borne_seconds(clock, Patience(600, now=clock), error(status=status)) == 600


@pytest.mark.parametrize(
    "refusal",
    [error(AuthError, 401), error(AuthError, 403), error(NotFound, 404), error(AuthError, None, "AADSTS7000215")],
    ids=["401", "403", "404", "no token"],
)
def test_a_refusal_is_borne_for_a_minute(clock, refusal):
    assert borne_seconds(clock, Patience(600, now=clock), refusal) == 60


def test_nothing_is_borne_for_longer_than_was_said(clock):
    assert borne_seconds(clock, Patience(5, now=clock), error(NotFound, 404)) == 5


@pytest.mark.parametrize(
    "passing",
    [
        error(AuthError, 401, "ExpiredAuthenticationToken"),
        error(AuthError, None, "AADSTS90033"),
        error(AuthError, None, "CredentialUnavailableError"),
        error(ApiError, 200, "NoJsonObject"),
    ],
    ids=["expired token", "busy token service", "no token service", "page of a proxy"],
)
def test_trouble_of_others_is_no_refusal(clock, passing):
    assert borne_seconds(clock, Patience(600, now=clock), passing) == 600


@pytest.mark.parametrize("final", [error(status=400), error(status=409), error(status=None, code="UntrustedHost")])
def test_what_does_not_pass_is_not_borne(clock, final):
    with pytest.raises(ApiError):
        Patience(600, now=clock).bear(final)


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_whoever_bears_nothing_has_every_error_at_once(clock, seconds):
    with pytest.raises(ApiError):
        Patience(seconds, now=clock).bear(error())


def test_pauses_grow_to_what_was_said(clock):
    patience = Patience(600, longest_pause_seconds=20, now=clock)
    assert [patience.bear(error()) for _ in range(8)] == [1, 2, 4, 8, 16, 20, 20, 20]


def test_the_service_may_ask_for_a_longer_pause_but_not_beyond_the_end(clock):
    patience = Patience(100, now=clock)
    assert patience.bear(error(Throttled, 429, retry_after=30)) == 30
    assert patience.bear(error(Throttled, 429, retry_after=3600)) == 100


def test_an_answer_in_between_makes_it_begin_anew(clock):
    patience = Patience(10, now=clock)
    patience.bear(error())
    clock.now += 9
    patience.relieved()
    clock.now += 9
    assert patience.bear(error()) == 1


def test_a_refusal_after_other_trouble_has_a_time_of_its_own(clock):
    patience = Patience(600, now=clock)
    patience.bear(error())
    clock.now += 500
    assert borne_seconds(clock, patience, error(NotFound, 404)) == 60
    patience.relieved()
    clock.now += 500
    patience.bear(error(NotFound, 404))
    clock.now += 59
    patience.bear(error())
    clock.now += 59
    assert patience.bear(error(NotFound, 404)) > 0
