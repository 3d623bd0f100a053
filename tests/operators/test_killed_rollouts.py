"""Rollouts whose task is killed between any two requests, whose answers are lost, and in which others interfere."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.operators import AzmlDeployModelOperator
from tests.operators.endpoint_service import DEPLOYMENTS, ENDPOINT, EndpointService
from tests.operators.task_process import LONGEST_SECONDS, TaskProcess
from tests.rest.scripted_service import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHECKS = [{"name": "doubles", "request": {"data": 2}, "expect": {"answer": 4}}]
SPEC = {"model": "azureml:iris:1", "instance_type": "Standard_DS3_v2", "instance_count": 1}
CANARY: dict[str, Any] = {"strategy": "canary", "steps": (10, 100), "step_seconds": 0.05, "remove_old": True}


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EndpointService]:
    scripted = EndpointService(tmp_path).begin({"blue": 100})
    monkeypatch.setenv("AIRFLOW_CONN_AZML_DEFAULT", scripted.connection)
    yield scripted
    scripted.close()


class Try:
    """One try of a rollout, in a process of its own."""

    def __init__(self, folder: Path, try_number: int = 1, **arguments: Any) -> None:
        with DAG("rollouts", schedule=None):
            task = AzmlDeployModelOperator(
                task_id="it",
                spec=SPEC,
                endpoint_name="iris",
                checks=CHECKS,
                poll_seconds=0.02,
                deferrable=False,
                **{**CANARY, **arguments},
            )
        self.process = TaskProcess(task, folder, try_number=try_number, max_tries=5)

    @property
    def pid(self) -> int | None:
        return self.process._process.pid

    def killed(self) -> None:
        """Wait for its death."""
        self.process._process.join(LONGEST_SECONDS)
        assert not self.process.is_alive, self.process.log
        self.process.close()

    def ended(self) -> str:
        """Wait for its end, and answer the state that it told."""
        end = self.process.end()
        return str(end.get("state") or {"SucceedTask": "success", "RetryTask": "up_for_retry"}.get(end["type"]))


def is_rolled_out(service: EndpointService) -> None:
    (new,) = service.deployments
    assert service.deployments == {new: "Succeeded"}
    assert service.traffic == {new: 100}
    assert new.startswith("iris-")
    assert set(service.made) == {new}
    assert service.wrong == []


def is_put_back(service: EndpointService) -> None:
    assert service.deployments == {"blue": "Succeeded"}
    assert service.traffic == {"blue": 100}
    assert len(set(service.made)) == 1
    assert service.wrong == []


def requests_of_a_whole(service: EndpointService, folder: Path, state: str, **arguments: Any) -> int:
    assert Try(folder, **arguments).ended() == state
    asked, service.asked_for = service.asked_for, 0
    return asked


def killed_at(service: EndpointService, folder: Path, number: int, when: str, **arguments: Any) -> str:
    """Let a try be killed by a request, and answer how the next one ends."""
    service.asked_for = 0
    with service.lock:  # nothing is asked before it is said who is killed
        first = Try(folder, **arguments)
        service.kills = lambda reached, moment: first.pid if (reached, moment) == (number, when) else None
    first.killed()
    service.kills = lambda _number, _when: None
    return Try(folder, 2, **arguments).ended()


def answers_wrongly_with_traffic(service: EndpointService) -> None:
    service.answers = lambda name: {"answer": 3 if name != "blue" and service.traffic.get(name) else 4}


# of some 70 requests; all of them were tried, before and after they took effect
@pytest.mark.parametrize(("seed", "goes_wrong"), [(1, False), (2, False), (4, True)])
def test_a_canary_that_is_killed_goes_on(service: EndpointService, tmp_path: Path, seed: int, goes_wrong: bool) -> None:
    if goes_wrong:
        answers_wrongly_with_traffic(service)
    chance = random.Random(seed)
    number, when = chance.randint(1, 60), chance.choice(["before", "after"])
    assert killed_at(service, tmp_path, number, when) == ("failed" if goes_wrong else "success"), (number, when)
    is_put_back(service) if goes_wrong else is_rolled_out(service)


def test_a_rollout_whose_answers_are_all_lost_is_done_once(service: EndpointService, tmp_path: Path) -> None:
    """The deployment, both changes of the traffic, the deletion: each is done, and nobody hears of it."""
    service.lost = {1, 3, 5, 7}
    assert Try(tmp_path).ended() == "success"
    is_rolled_out(service)


def test_traffic_of_others_before_the_first_step_is_what_is_gone_back_to(
    service: EndpointService, tmp_path: Path
) -> None:
    def split_while_it_is_made() -> None:
        if "Creating" in service.deployments.values():
            service.bodies[f"{DEPLOYMENTS}/red"] = {**service.bodies[f"{DEPLOYMENTS}/blue"], "name": "red"}
            service.bodies[ENDPOINT]["properties"]["traffic"] = {"blue": 60, "red": 40}

    service.meanwhile = split_while_it_is_made
    answers_wrongly_with_traffic(service)
    assert Try(tmp_path, steps=(50, 100)).ended() == "failed"
    assert service.traffic == {"blue": 60, "red": 40}
    assert service.wrong == []


@pytest.mark.parametrize("theirs", [{"blue": 100}, {"blue": 50, "red": 50}])
def test_traffic_that_somebody_changes_between_two_steps_is_left_alone(
    service: EndpointService, tmp_path: Path, theirs: dict[str, int]
) -> None:
    """The first is what it was before: somebody has rolled back by hand."""
    changed: list[bool] = []

    def interfere() -> None:
        (new, *_) = [*(set(service.deployments) - {"blue", "red"}), ""]
        if not changed and service.traffic.get(new) == 10 and ENDPOINT not in service.busy and service.watched:
            changed.append(True)
            service.bodies[f"{DEPLOYMENTS}/red"] = {**service.bodies[f"{DEPLOYMENTS}/blue"], "name": "red"}
            service.bodies[ENDPOINT]["properties"]["traffic"] = theirs

    service.watched = False

    def answer(name: str) -> object:
        service.watched = bool(service.traffic.get(name))
        return {"answer": 4}

    service.answers, service.meanwhile = answer, interfere
    trying = Try(tmp_path, step_seconds=0.5)
    assert trying.ended() == "failed"
    assert "Somebody else has changed the traffic" in trying.process.log
    assert service.traffic == theirs
    assert len(service.deployments) == 3
    assert service.wrong == []


def test_what_served_before_is_gone_so_the_new_one_goes_on_serving(service: EndpointService, tmp_path: Path) -> None:
    def lose_the_old_one(name: str) -> object:
        if service.traffic.get(name) != 100:
            return {"answer": 4}
        service.bodies.pop(f"{DEPLOYMENTS}/blue", None)
        return Answer(500, {"detail": "broken"})

    service.answers = lose_the_old_one
    trying = Try(tmp_path, remove_old=False)
    assert trying.ended() == "failed"
    (new,) = service.deployments
    assert service.traffic == {new: 100}
    assert "could not be taken away from it" in trying.process.log


def test_an_old_deployment_that_cannot_be_deleted_says_nothing_of_the_new_one(
    service: EndpointService, tmp_path: Path
) -> None:
    service.stays = {"blue"}
    first = Try(tmp_path)
    assert first.ended() == "up_for_retry"
    assert "could not be deleted; the new deployment serves" in first.process.log
    (new,) = set(service.deployments) - {"blue"}
    assert service.traffic == {new: 100}
    service.stays = set()
    assert Try(tmp_path, 2).ended() == "success"
    is_rolled_out(service)
