"""Checks of models that serve: what is asked of answers, and in which of it an answer, or many, fall short."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.rest.answer_comparison import differences
from airflow_provider_azml.rest.excerpts import LONGEST, excerpt, quoted
from airflow_provider_azml.rest.profiles import percentile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

    from airflow_provider_azml.rest.flows import Json

MOST_BYTES = 10_000_000
"""How long an answer may be that is judged by more than its status."""
_MOST_READ = 4000
_MOST_TOLD = 5
_MOST_OF_AN_ANSWER = 3
_LONGEST_REASON, _LONGEST_WORD = 1000, 40
_DEFAULT_SECONDS = 60.0
WHOLE = "@"
"""The JMESPath expression of the whole answer."""
_REQUEST_TIMEOUT, _TOO_MANY, _SERVER = 408, 429, 500
_MODEL_STATUS, _MODEL_REASON = "ms-azureml-model-error-statuscode", "ms-azureml-model-error-reason"


@dataclass(frozen=True)
class Expectation:
    """What an answer has to say.

    Args:
        expression: JMESPath expression of a part of the answer.
        value: What that has to be, as JSON.
    """

    expression: str
    value: object = True


@dataclass(frozen=True)
class Comparison:
    """In what an answer has to be like that of the deployment that serves now.

    Args:
        expression: JMESPath expression of the part that is compared.
        tolerance: By how much numbers may differ.
        relative: By which part of the number that is given now they may differ; the wider limit holds.
    """

    expression: str = WHOLE
    tolerance: float = 0.0
    relative: float = 0.0


@dataclass(frozen=True)
class Check:
    """A request, how often it is sent, and what is asked of the answers.

    Args:
        name: What it is called.
        request: The payload.
        status: HTTP status of a good answer.
        response_schema: JSON Schema that the answer has to fit.
        expect: What the answer has to say.
        compare: In what it has to be like the answer that is given now.
        requests: How many requests are sent.
        concurrency: How many of them are under way at most.
        p50_seconds: How long half of the answers may take.
        p95_seconds: How long 95 of 100 answers may take.
        timeout_seconds: How long each answer may take.
        tries: How often a request is sent that meets a busy service or none.

    Example:
        >>> Check.of({"name": "iris", "request": {"data": [[5, 3, 1, 0]]}, "p95_seconds": 0.5}).requests
        1
    """

    name: str
    request: object = field(repr=False)
    status: int = 200
    response_schema: Json | bool | None = field(default=None, repr=False)
    expect: tuple[Expectation, ...] = ()
    compare: tuple[Comparison, ...] = ()
    requests: int = 1
    concurrency: int = 1
    p50_seconds: float | None = None
    p95_seconds: float | None = None
    timeout_seconds: float = _DEFAULT_SECONDS
    tries: int = 1

    @classmethod
    def of(cls, given: Json) -> Check:
        """A check from its JSON, as ``spec.checks`` makes it."""
        expect = tuple(Expectation(**one) for one in given.get("expect", ()))
        compare = tuple(Comparison(**one) for one in given.get("compare", ()))
        return cls(**{**given, "expect": expect, "compare": compare})

    @property
    def is_timed(self) -> bool:
        """Whether it matters how long answers take."""
        return self.p50_seconds is not None or self.p95_seconds is not None

    @cached_property
    def body(self) -> bytes:
        """The payload as it is sent."""
        return json.dumps(self.request, ensure_ascii=False).encode()

    def is_busy(self, status: int) -> bool:
        """Whether an answer says that the service is busy, and that is no answer to this check."""
        return status != self.status and (status in {_REQUEST_TIMEOUT, _TOO_MANY} or status >= _SERVER)


@dataclass(frozen=True)
class Answer:
    """What came back.

    Args:
        status: HTTP status.
        content: The body.
        seconds: How long it took.
        headers: The headers.
    """

    status: int
    content: bytes = field(repr=False)
    seconds: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def beginning(self) -> str:
        """The first of the body as text, whatever bytes it is."""
        return self.content[:_MOST_READ].decode("utf-8", "replace")

    @cached_property
    def value(self) -> object:
        """The body as JSON; where that is a text of JSON, as of a script that returns ``json.dumps()``, what it says.

        Raises:
            ValueError: It is no JSON.
        """
        value: object = json.loads(self.content)
        if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
            try:
                return json.loads(value)
            except ValueError:  # a text that happens to begin so
                return value
        return value


@dataclass(frozen=True)
class Sample:
    """What became of one request of a check.

    Args:
        seconds: How long its answer took; ``None`` where there was none.
        problems: What is wrong with it.
    """

    seconds: float | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """What came of checks.

    Args:
        problems: What is wrong, each with the name of its check.
        lines: What there is to tell in a log, of checks that passed too.
    """

    problems: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether all is well."""
        return not self.problems

    @property
    def reason(self) -> str:
        """What is wrong, in one text."""
        return quoted("; ".join(self.problems), _LONGEST_REASON)

    def __add__(self, other: Report) -> Report:
        return Report((*self.problems, *other.problems), (*self.lines, *other.lines))


def report(check: Check, samples: Sequence[Sample], others: Sequence[str] = (), *, compared: bool) -> Report:
    """What came of the requests of one check.

    Args:
        check: The check.
        samples: What became of its requests.
        others: What is wrong besides.
        compared: Whether there was a deployment to compare with.
    """
    taken = [sample.seconds for sample in samples if sample.seconds is not None]
    counts = Counter(problem for sample in samples for problem in sample.problems)
    of = f"of {len(samples)} answers"
    told = [f"{count} {of}: {problem}" if samples[1:] else problem for problem, count in counts.most_common(_MOST_TOLD)]
    if left := len(counts) - len(told):
        told.append(f"and {left} other problems")
    told += [*_slow(check, taken), *others]
    name = f"check {check.name!r}"
    spent = f", p50 {percentile(taken, 50):.3f} s, p95 {percentile(taken, 95):.3f} s" if taken else ""
    line = f"{name}: {_counted(len(samples), 'request')}{spent}: {'failed' if told else 'passed'}"
    if check.compare and not compared:
        line += "; compared with nothing, since nothing else serves"
    return Report(tuple(f"{name}: {problem}" for problem in told), (line,))


def _slow(check: Check, taken: Sequence[float]) -> Iterator[str]:
    for share, limit in ((50, check.p50_seconds), (95, check.p95_seconds)):
        if limit is not None and taken and (found := percentile(taken, share)) > limit:
            yield f"p{share} of {_counted(len(taken), 'answer')} is {found:.3f} s, more than {limit:g} s"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def wrong(check: Check, answer: Answer, now: Answer | None, secret: str = "") -> tuple[str, ...]:
    """What is wrong with an answer.

    Args:
        check: What is asked of it.
        answer: The answer.
        now: What the deployment answers that serves now, where that is to be compared.
        secret: What is never to be shown, whatever the answer says.

    Returns:
        A short text for each thing that is wrong; none shows more than an excerpt of the answer.
    """
    if secret:  # before anything is cut off, so that no part of it is left over
        answer = replace(answer, content=answer.content.replace(secret.encode(), b"***"))
    try:
        problems = tuple(_wrong(check, answer, now))
    except RecursionError:
        problems = ("the answer, or its schema, is nested too deeply to be judged",)
    return tuple(problem.replace(secret, "***") for problem in problems) if secret else problems


def _wrong(check: Check, answer: Answer, now: Answer | None) -> Iterator[str]:
    if answer.status != check.status:
        yield f"answered {_told(answer)} instead of {check.status}: {quoted(answer.beginning) or 'without a word'}"
        return
    if answer.seconds > check.timeout_seconds:
        yield f"answered after more than the {check.timeout_seconds:g} s of timeout_seconds"
    if not (check.expect or check.compare or check.response_schema is not None):
        return
    if len(answer.content) > MOST_BYTES:
        yield f"the answer is longer than {MOST_BYTES // 1_000_000} MB, too long to be judged"
        return
    try:
        value = answer.value
    except ValueError:
        yield f"the answer is no JSON: {quoted(answer.beginning) or 'it is empty'}"
        return
    if check.response_schema is not None:
        yield from _unfit(check.response_schema, value)
    for expectation in check.expect:
        yield from _unmet(expectation, value)
    if now is not None:
        yield from _departures(check.compare, value, now)


def _told(answer: Answer) -> str:
    """The status, and what the model itself answered where the front door stands between.

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints#http-status-codes
    (424: "if your model container returns a non-200 response"; the two headers tell which).
    """
    headers = {name.lower(): quoted(value, _LONGEST_WORD) for name, value in answer.headers.items()}
    status, reason = headers.get(_MODEL_STATUS), headers.get(_MODEL_REASON)
    told = ", ".join(word for word in (f"the model {status}" if status else "", reason) if word)
    return f"{answer.status} ({told})" if told else str(answer.status)


def _unfit(schema: Json | bool, value: object) -> Iterator[str]:
    from referencing.exceptions import Unresolvable  # noqa: PLC0415 (as below)

    given: Any = value  # JSON, as it came
    errors = validator(json.dumps(schema)).iter_errors(given)
    try:
        for error in islice(errors, _MOST_OF_AN_ANSWER):
            place = "" if error.json_path == "$" else f" at {quoted(error.json_path.removeprefix('$'))}"
            yield f"the answer does not fit response_schema{place}: {_misfit(error)}"
    # a reference that leads nowhere, a pattern that is none, a number that cannot be reckoned with
    except (Unresolvable, re.error, ValueError, ArithmeticError) as error:
        yield f"response_schema cannot be applied: {quoted(str(error))}"


def _misfit(error: ValidationError) -> str:
    if len(error.message) <= LONGEST:
        return quoted(error.message)
    return f"{excerpt(error.instance, LONGEST // 2)} breaks {error.validator} {excerpt(error.validator_value)}"


def prepare() -> None:
    """Import what answers are judged with, ahead of the first of them."""
    validator("true")
    found(WHOLE, None)


@lru_cache(maxsize=64)
def validator(schema: str) -> Validator:
    """What holds values against a JSON Schema; nothing outside of it is looked up.

    Args:
        schema: The schema, as JSON; without ``$schema`` it is of draft 2020-12.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for
    from referencing.jsonschema import EMPTY_REGISTRY  # noqa: PLC0415 (of jsonschema, and as heavy)

    loaded = json.loads(schema)
    return validator_for(loaded, default=Draft202012Validator)(loaded, registry=EMPTY_REGISTRY)


def found(expression: str, value: object) -> object:
    """The part of a JSON value that a JMESPath expression leads to.

    Raises:
        ValueError: It cannot be evaluated with this value.
    """
    import jmespath

    try:
        return jmespath.search(expression, value)
    except (ValueError, TypeError, ArithmeticError) as error:  # its own errors, and those of text held against numbers
        raise ValueError(quoted(str(error))) from error


def _unmet(expectation: Expectation, value: object) -> Iterator[str]:
    try:
        part = found(expectation.expression, value)
    except ValueError as error:
        yield f"expect {expectation.expression!r}: {error}"
        return
    if next(differences(part, expectation.value), None) is not None:
        yield f"expect {expectation.expression!r}: is {excerpt(part)}, not {excerpt(expectation.value)}"


def _departures(comparisons: Sequence[Comparison], value: object, now: Answer) -> Iterator[str]:
    before = now.value  # is JSON, or there would be nothing to compare with
    for comparison in comparisons:
        try:
            one, other = (found(comparison.expression, of) for of in (value, before))
        except ValueError as error:
            yield f"compared with what serves now, in {comparison.expression!r}: {error}"
            continue
        departures = differences(one, other, tolerance=comparison.tolerance, relative=comparison.relative)
        for departure in islice(departures, _MOST_OF_AN_ANSWER):
            of = "" if comparison.expression == WHOLE else f", in {comparison.expression!r}"
            yield f"compared with what serves now{of}: {departure}"
