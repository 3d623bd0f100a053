"""Tasks that are left out of a run, and what they take from earlier runs of their DAG."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG, BaseOperator, Param

from airflow_provider_azml.operators.earlier_runs import _date_of, left_out, previous_result
from tests.airflow.running import Finished, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Context

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.timezone.utc)


class Step(BaseOperator):
    """A task that is left out where the run says so, and else tells what it made."""

    def execute(self, context: Context) -> Any:
        params = context["params"]
        if params["fate"] != "run":
            # dag.test() would clear all other runs for one without a logical date
            dates = {"logical_date": None} if params["undated"] else {}
            seen = {**context, "dag_run": context["dag_run"].model_copy(update=dates)}
            return left_out(seen, params["fate"], self.log)
        before = previous_result(context["ti"])
        return {"name": params["job"], "outputs": {"o": f"{params['job']}/o"}, "before": before and before["name"]}


class MappedStep(Step):
    """The same, of which there are many."""

    def __init__(self, *, job: str, **base: Any) -> None:
        super().__init__(**base)
        self.job = job

    def execute(self, context: Context) -> Any:
        context["params"] = {**context["params"], "job": self.job}
        return super().execute(context)


class Last(BaseOperator):
    def execute(self, context: Context) -> None:
        if context["params"]["fails"]:
            raise ValueError("as it was asked to")


@pytest.fixture
def go(request: pytest.FixtureRequest) -> Callable[..., Finished]:
    """Run a DAG of the test's own with a step that is left out or not; each run a day after the one before."""
    name = "".join(letter if letter.isalnum() else "_" for letter in request.node.name)
    days = iter(range(100))

    def running(**given: Any) -> Finished:
        date = NOW + dt.timedelta(days=next(days))
        params = {"fate": Param("run"), "job": Param(None), "fails": Param(False), "undated": Param(False)}
        with DAG(name, schedule=None, params=params) as dag:  # a run changes the params of its DAG
            Step(task_id="step") >> Last(task_id="last")
        return run(dag, run_after=date, logical_date=date, run_conf=given)

    return running


def undate(finished: Finished) -> None:
    """Take the logical date from a run, as runs have none that assets or the API trigger."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import update

    with create_session() as session:
        session.execute(update(DagRun).where(DagRun.id == finished.dag_run.id).values(logical_date=None))


@pytest.mark.parametrize("undated", [False, True])
def test_outputs_come_from_the_last_good_run(go, undated):
    first = go(job="first")
    go(job="failed", fails=True)
    finished = go(fate="reuse", undated=undated)
    assert finished.state == "success"
    told = finished.value("step")
    assert (told["name"], told["outputs"]) == ("first", {"o": "first/o"})
    assert told["from_run"] == first.dag_run.run_id
    again = go(fate="reuse")
    assert again.value("step") == told


def test_runs_without_a_logical_date_count_by_when_they_might_start(go):
    for job, expected in (("first", "first"), ("second", "second")):
        made = go(job=job)
        undate(made)
        assert go(fate="reuse").value("step")["name"] == expected
    go(job="third")
    assert go(fate="reuse").value("step")["name"] == "third"


@pytest.mark.parametrize(
    ("run_id", "expected"),
    [
        ("manual__2026-11-21T09:00:00+00:00_x7Kq2Lmb", dt.datetime(2026, 11, 21, 9, tzinfo=dt.timezone.utc)),
        ("scheduled__2026-11-21T09:00:00.000025+00:00", dt.datetime(2026, 11, 21, 9, 0, 0, 25, dt.timezone.utc)),
        ("nightly__2026-13-21T09:00:00+00:00", None),
        ("my run", None),
    ],
)
def test_ids_of_airflow_hold_a_date(run_id, expected):
    assert _date_of(run_id) == expected


def test_runs_with_ids_of_their_own_are_found_by_their_logical_dates(go, monkeypatch):
    from airflow.models.dagrun import DagRun

    ids = iter(["first-of-its-kind", "second", "third", "fourth"])
    monkeypatch.setattr(DagRun, "generate_run_id", staticmethod(lambda **_: next(ids)))
    go(job="first")
    go(job="failed", fails=True)
    go(fate="skip")
    assert go(fate="reuse").value("step")["from_run"] == "first-of-its-kind"


def test_without_a_good_run_it_fails_and_says_so(go):
    go(job="failed", fails=True)
    finished = go(fate="reuse")
    assert finished.states == {"step": "failed", "last": "upstream_failed"}
    (error,) = finished.errors["step"]
    assert "no earlier run of DAG test_without_a_good_run" in str(error)


def test_each_of_mapped_tasks_takes_its_own(request):
    for day, given in enumerate(({}, {"fate": "reuse"})):
        date = NOW + dt.timedelta(days=day)
        params = {"fate": Param("run"), "undated": Param(False)}
        with DAG(request.node.name, schedule=None, params=params) as dag:
            MappedStep.partial(task_id="step").expand(job=["a", "b"])
        finished = run(dag, run_after=date, logical_date=date, run_conf=given)
    instance = finished.dag_run.get_task_instance("step", map_index=0)
    told = [instance.xcom_pull(task_ids="step", map_indexes=index) for index in (0, 1)]
    assert [(each["name"], each["from_run"] != finished.dag_run.run_id) for each in told] == [("a", True), ("b", True)]


def test_what_nothing_is_taken_from_needs_no_good_run(go):
    finished = go(fate="pass")
    assert (finished.state, finished.value("step")["outputs"]) == ("success", {})
    assert go(fate="reuse").states["step"] == "failed"
    go(job="made")
    assert go(fate="pass").value("step")["name"] == "made"


def test_what_nothing_comes_after_is_skipped(go):
    go(job="made")
    assert go(fate="skip").states == {"step": "skipped", "last": "skipped"}
    assert go(fate="reuse").value("step")["name"] == "made"


def test_the_result_before_is_of_any_run(go):
    assert go(job="first").value("step")["before"] is None
    go(job="failed", fails=True)
    assert go(job="third").value("step")["before"] == "failed"
