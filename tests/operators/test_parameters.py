"""Keyword arguments of the operators are keys of AML files, described and templated."""

from __future__ import annotations

import inspect
import re
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.log import redact

from airflow_provider_azml import operators
from airflow_provider_azml.operators.files import AzmlSpecOperator
from airflow_provider_azml.spec import batch_invocations, schema_files
from airflow_provider_azml.spec.table import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEPEST = 8
TYPED = [
    operator
    for operator in (getattr(operators, name) for name in operators.__all__)
    if issubclass(operator, AzmlSpecOperator)
]
ALL = [getattr(operators, name) for name in operators.__all__]


def own_parameters(operator: type[Any]) -> dict[str, inspect.Parameter]:
    """Keyword arguments of an operator that its base does not have."""
    found = inspect.signature(vars(operator).get("__init__", operator.__init__)).parameters
    return {name: it for name, it in found.items() if it.kind is it.KEYWORD_ONLY}


def keys_of(kind: str, job_type: str | None) -> set[str]:
    """The keys of a kind of file, whatever its type."""
    rows = [KINDS[kind][job_type]] if job_type else KINDS[kind].values()
    return {key for row in rows for key in _keys(schema_files.whole(row.schema))}


def _keys(schema: dict[str, Any]) -> set[str]:
    alternatives = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    alternatives += [schema[word] for word in ("then", "else") if word in schema]
    return set(schema.get("properties", ())).union(*map(_keys, alternatives))


def secrets_of(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of keys that a schema calls secrets, but for those deep inside of pipelines."""
    if schema.get("x-secret") and "string" in schema.get("type", ()):
        yield path
    for word in ("anyOf", "oneOf", "allOf"):
        for branch in schema.get(word, ()):
            yield from secrets_of(branch.get("then", branch), path)
    if len(path) < DEEPEST:
        for key, member in schema.get("properties", {}).items():
            yield from secrets_of(member, (*path, key))
        for word in ("items", "additionalProperties"):
            if isinstance(schema.get(word), dict):
                yield from secrets_of(schema[word], (*path, "its_name"))


SECRETS = {
    path
    for kind, rows in KINDS.items()
    for name, row in rows.items()
    if (kind, name) not in {("job", "pipeline"), ("component", "pipeline")}
    for path in secrets_of(schema_files.whole(row.schema))
}


def test_there_are_secrets_in_files() -> None:
    assert {("credentials", "account_key"), ("api_key",), ("ssh_settings", "admin_password")} <= SECRETS


@pytest.mark.parametrize("path", sorted(SECRETS), ids=".".join)
def test_what_the_schemas_call_a_secret_is_masked_wherever_airflow_shows_it(path: tuple[str, ...]) -> None:
    secret = uuid.uuid4().hex  # of no words that another test had masked
    value: Any = secret
    for key in reversed(path):
        value = {key: value}
    assert redact(secret) == secret
    operators.AzmlApplyOperator(task_id="it").render_template(value, {})
    assert redact(secret) == "***"


@pytest.mark.parametrize("operator", TYPED, ids=lambda it: it.__name__)
def test_arguments_that_are_keys_of_the_file_are_kept_and_templated(operator: type[AzmlSpecOperator]) -> None:
    made = [inspect.signature(vars(base)["__init__"]) for base in operator.__mro__ if "__init__" in vars(base)]
    given = [one for signature in made for one in signature.parameters.values() if one.kind is one.KEYWORD_ONLY]
    needed = {one.name: "it" for one in given if one.default is one.empty and one.name != "task_id"}
    task = operator(task_id="it", **needed, **{name: f"<{name}>" for name in operator.spec_fields})
    for name in operator.spec_fields:
        attribute = operator.attributes.get(name, name)
        assert getattr(task, attribute) == f"<{name}>"
        assert attribute in operator.template_fields
    assert len(set(operator.template_fields)) == len(operator.template_fields)


@pytest.mark.parametrize("operator", TYPED, ids=lambda it: it.__name__)
def test_arguments_are_keys_of_the_kind_of_file(operator: type[AzmlSpecOperator]) -> None:
    inherited = getattr(operator.__mro__[1], "spec_fields", ())  # AutoML jobs have no inputs, other jobs do
    if operator.kind:
        own = set(operator.spec_fields) - set(inherited)
        invocation = operator is operators.AzmlInvokeBatchEndpointOperator  # makes a job, of no file of a job
        keys = _keys(schema_files.whole(batch_invocations.SCHEMA)) if invocation else None
        assert own <= (keys or keys_of(operator.kind, getattr(operator, "job_type", None)))


@pytest.mark.parametrize("operator", ALL, ids=lambda it: it.__name__)
def test_every_argument_is_described(operator: type[Any]) -> None:
    documented = set(re.findall(r"^        (\w+): ", operator.__doc__, re.MULTILINE))
    assert set(own_parameters(operator)) <= documented, operator
    assert "Example:" in operator.__doc__


def test_an_operator_of_ones_own_may_have_any_argument() -> None:
    class Own(operators.AzmlSubmitCommandJobOperator):
        def __init__(self, *, colour: str | None = None, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.colour = colour

    assert Own(task_id="it", colour="red").spec_fields == operators.AzmlSubmitCommandJobOperator.spec_fields


def test_a_native_object_stays_one_whatever_ends_its_template() -> None:
    from airflow.sdk import DAG

    from airflow_provider_azml.operators import AzmlSubmitJobOperator

    with DAG("native", schedule=None, render_template_as_native_obj=True):
        task = AzmlSubmitJobOperator(task_id="it")
    assert task.render_template("{{ [1, 2] }}\n", {}) == [1, 2]  # type: ignore[arg-type]
