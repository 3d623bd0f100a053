"""Rollouts: from what the service shows to the next act, whatever happens in between."""

from __future__ import annotations

import dataclasses
import random
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_azml.rest import rollouts
from airflow_provider_azml.rest.rollout_acts import (
    Act,
    Await,
    Deploy,
    Disturbed,
    Finish,
    GiveUp,
    MakeEndpoint,
    Move,
    NoteBefore,
    Retire,
    Watch,
)
from airflow_provider_azml.rest.rollouts import Mark, Plan, Shown, derived_name, next_act, undo
from airflow_provider_azml.rest.traffic import TRAFFIC_BEFORE, as_text

SUBMISSION = "0c2f6a5d8e91"
CANARY = Plan("green", SUBMISSION, (10, 50, 100), step_seconds=300, is_checked=True, remove_old=True)
BLUE_GREEN = Plan("green", SUBMISSION, (100,), step_seconds=60)
DIRECT = Plan("green", SUBMISSION, (100,))
UP = Shown("Succeeded", {"blue": 100}, None, "Succeeded", is_ours=True, before={"blue": 100}, there=["blue", "green"])


def at(share: int, traffic: dict[str, int], **more: Any) -> Shown:
    return dataclasses.replace(UP, traffic=traffic, mark=Mark(share), **more)


GONE = GiveUp("somebody else has deleted or replaced it, after it was given traffic")
HALF = at(50, {"blue": 50, "green": 50})
WHOLE = at(100, {"green": 100})


@pytest.mark.parametrize(
    ("plan", "shown", "passed", "act"),
    [
        (CANARY, Shown(), False, MakeEndpoint()),
        (CANARY, Shown("Failed"), False, MakeEndpoint()),
        (CANARY, Shown("Creating"), False, Await("endpoint")),
        (CANARY, Shown("Updating", {"blue": 100}), False, Await("endpoint")),
        (CANARY, Shown("Deleting"), False, Await("endpoint", gone=True)),
        (CANARY, Shown("Succeeded", {"blue": 100}), False, Deploy({"blue": 100})),
        (CANARY, Shown("Succeeded", deployment="Creating", is_ours=True), False, Await("deployment")),
        (CANARY, Shown("Succeeded", deployment="Creating"), False, Await("deployment")),
        (CANARY, Shown("Succeeded", deployment="Deleting", is_ours=True), False, Await("deployment", gone=True)),
        (DIRECT, Shown("Succeeded", {"green": 100}, deployment="Succeeded"), False, Deploy({"green": 100}, True)),
        (DIRECT, Shown("Succeeded", deployment="Failed", is_ours=True), False, Deploy({})),
        (DIRECT, Shown("Succeeded", deployment="Failed", is_ours=True, replaced=True), False, Deploy({}, True)),
        (CANARY, UP, False, Watch()),
        (CANARY, UP, True, Move(10, {"blue": 90, "green": 10}, {"blue": 100}, CANARY.mark(10))),
        (BLUE_GREEN, UP, False, Move(100, {"green": 100}, {"blue": 100}, CANARY.mark(100))),
        (CANARY, HALF, False, Watch(300)),
        (CANARY, HALF, True, Move(100, {"green": 100}, {"blue": 50, "green": 50}, CANARY.mark(100))),
        (CANARY, WHOLE, False, Watch(300)),
        (CANARY, WHOLE, True, Retire("blue")),
        (BLUE_GREEN, WHOLE, True, Finish()),
        (DIRECT, WHOLE, False, Finish()),
        # the first one of its endpoint has nobody to share with
        (CANARY, dataclasses.replace(UP, traffic={}, before={}), True, Move(100, {"green": 100}, {}, CANARY.mark(100))),
        # a step that is no step any more, in a file that was edited between two tries
        (
            CANARY,
            at(20, {"blue": 80, "green": 20}),
            True,
            Move(50, {"blue": 50, "green": 50}, {"blue": 80, "green": 20}, CANARY.mark(50)),
        ),
        # an earlier try has begun to remove what was before: it had watched to the end
        (CANARY, at(100, {"green": 100}, before={"blue": 60, "red": 40}, there=["green", "red"]), False, Retire("red")),
        (CANARY, at(100, {"green": 100}, there=["green"]), False, Finish()),
        # the service may write names in small letters where it tells the traffic
        (CANARY, at(100, {"green": 100}, there=["Blue", "green"]), False, Watch(300)),
        (CANARY, at(100, {"green": 100}, there=["Blue", "green"]), True, Retire("blue")),
        # somebody else's changes
        (CANARY, dataclasses.replace(UP, traffic={"red": 100}), True, NoteBefore({"red": 100})),
        (
            CANARY,
            dataclasses.replace(UP, traffic={"blue": 70, "green": 30}),
            True,
            Disturbed({"blue": 100}, {"blue": 70, "green": 30}),
        ),
        (CANARY, at(50, {"blue": 100}), True, Disturbed({"blue": 50, "green": 50}, {"blue": 100})),
        (
            CANARY,
            at(50, {"blue": 90, "green": 10}),
            True,
            Disturbed({"blue": 50, "green": 50}, {"blue": 90, "green": 10}),
        ),
        (CANARY, at(50, {"blue": 100}, deployment=None, is_ours=False), False, GONE),
        # it went wrong
        (CANARY, dataclasses.replace(UP, mark=Mark(reason="too slow")), False, GiveUp("too slow")),
        (CANARY, Shown("Succeeded", {"blue": 100}, Mark(reason="too slow")), False, GiveUp("too slow")),
        (
            CANARY,
            dataclasses.replace(HALF, deployment="Failed"),
            False,
            Move(0, {"blue": 100}, HALF.traffic, CANARY.failed_mark("it is Failed, after it was given traffic")),
        ),
        # traffic that is left alone
        (Plan("green", SUBMISSION, ()), UP, False, Finish()),
        (Plan("green", SUBMISSION, (), is_checked=True), UP, False, Watch()),
        (Plan("green", SUBMISSION, (), is_checked=True), UP, True, Finish()),
        (Plan("green", SUBMISSION, (0,)), UP, False, Finish()),
        # in the place of one that is in service
        (
            DIRECT,
            dataclasses.replace(UP, traffic={"green": 100}, before={"green": 100}, replaced=True),
            False,
            Finish(),
        ),
        # there the traffic stays as it is, and that is watched as any step is
        (
            dataclasses.replace(DIRECT, step_seconds=60, is_checked=True),
            dataclasses.replace(UP, traffic={"green": 100}, before={"green": 100}, replaced=True),
            False,
            Watch(60),
        ),
        (
            dataclasses.replace(DIRECT, step_seconds=60),
            dataclasses.replace(UP, traffic={"green": 100}, before={"green": 100}, replaced=True),
            True,
            Finish(),
        ),
    ],
)
def test_the_next_act_follows_from_what_is_shown(plan: Plan, shown: Shown, passed: bool, act: Act) -> None:
    assert next_act(plan, shown, passed=passed) == act


def test_a_rollout_whose_mark_another_has_taken_is_disturbed() -> None:
    shown = dataclasses.replace(UP, traffic={"red": 100})
    assert next_act(CANARY, shown, passed=True, given=10) == Disturbed({"blue": 90, "green": 10}, {"red": 100})


def test_a_tag_that_somebody_has_left_out_is_written_again_where_the_traffic_is_right() -> None:
    """As who applies the endpoint's file anew, with the traffic that it shows and with tags of their own."""
    ten = {"blue": 90, "green": 10}
    shown = dataclasses.replace(UP, traffic=ten)
    assert next_act(CANARY, shown, passed=True, given=10) == Move(10, ten, ten, CANARY.mark(10))
    back = Move(0, {"blue": 100}, ten, CANARY.failed_mark("wrong"))
    assert undo(CANARY, shown, "wrong", given=10) == back


@pytest.mark.parametrize(
    ("shown", "act"),
    [
        (UP, GiveUp("wrong")),
        (HALF, Move(0, {"blue": 100}, {"blue": 50, "green": 50}, f"{SUBMISSION} green failed: wrong")),
        (dataclasses.replace(HALF, traffic={"red": 100}), Disturbed({"blue": 50, "green": 50}, {"red": 100})),
    ],
)
def test_what_was_found_bad_gives_its_traffic_back(shown: Shown, act: Act) -> None:
    assert undo(CANARY, shown, "wrong") == act


def test_a_long_reason_fits_into_a_tag_and_is_read_back_from_it() -> None:
    tag = CANARY.failed_mark("it\nanswers " + "3" * 500)
    assert len(tag) == rollouts.LONGEST_TAG
    mark = rollouts.read_mark(CANARY, tag)
    assert mark
    assert mark.share is None
    assert mark.reason.startswith("it answers 333")
    assert rollouts.read_mark(CANARY, CANARY.mark(50)) == Mark(50)
    assert rollouts.read_mark(dataclasses.replace(CANARY, submission="another"), tag) is None
    assert rollouts.read_mark(CANARY, "") is None


def test_traffic_that_no_tag_holds_is_refused() -> None:
    many = {f"a-deployment-with-a-very-long-name{number}": 10 for number in range(10)}
    with pytest.raises(ValueError, match="fit into no tag"):
        rollouts.tag_of_before(many)


@given(st.text(max_size=60), st.text("0123456789abcdef", min_size=12, max_size=12))
def test_a_derived_name_is_legal(base: str, submission: str) -> None:
    name = derived_name(base, submission)
    assert re.fullmatch(r"[a-z](?!.*--)[a-z0-9-]{1,30}[a-z0-9]", name)
    assert name.endswith(submission[:8])


def test_the_service_may_write_names_in_small_letters() -> None:
    plan = dataclasses.replace(DIRECT, name="Green")
    tags = {TRAFFIC_BEFORE: "blue=100", "of": "a"}
    endpoint = {
        "tags": {rollouts.ROLLOUT: plan.mark(10)},
        "properties": {"traffic": {"green": 10, "blue": 90, "red": 0}},
    }
    deployment = {"tags": tags, "properties": {"provisioningState": "Updating"}}
    assert rollouts.shown(plan, endpoint, deployment, ours=True, there=["blue"]) == Shown(
        "Succeeded", {"Green": 10, "blue": 90}, Mark(10), "Updating", True, {"blue": 100}, False, ["blue"]
    )


class Service:
    """An endpoint with its deployments, as simple as can be: acts are done at once, or half, or not at all."""

    def __init__(self, before: dict[str, int], chance: random.Random) -> None:
        self.chance = chance
        self.endpoint: dict[str, Any] | None = None
        self.deployments: dict[str, dict[str, Any]] = {
            name: {"tags": {}, "properties": {"provisioningState": "Succeeded"}} for name in before
        }
        if before:
            self.endpoint = {"tags": {}, "properties": {"provisioningState": "Succeeded", "traffic": before}}
        self.made = 0

    def shown(self, plan: Plan) -> Shown:
        deployment = self.deployments.get(plan.name)
        ours = bool(deployment and deployment["tags"].get("of") == plan.submission)
        return rollouts.shown(plan, self.endpoint, deployment, ours=ours, there=list(self.deployments))

    @property
    def traffic(self) -> dict[str, int]:
        return self.endpoint["properties"]["traffic"] if self.endpoint else {}

    def move(self, act: Move) -> None:
        assert self.traffic == act.shown
        assert sum(act.wanted.values()) in (0, 100)
        for name in act.wanted:
            assert self.deployments[name]["properties"]["provisioningState"] == "Succeeded"
        assert self.endpoint
        self.endpoint["properties"]["traffic"] = dict(act.wanted)
        self.endpoint["tags"][rollouts.ROLLOUT] = act.mark

    def do(self, plan: Plan, act: Act) -> None:
        """Do an act; a deployment comes up in its own time."""
        if isinstance(act, MakeEndpoint):
            self.endpoint = {"tags": {}, "properties": {"provisioningState": "Succeeded", "traffic": {}}}
        elif isinstance(act, Deploy):
            self.made += 1
            tags = {"of": plan.submission, TRAFFIC_BEFORE: as_text(act.before)}
            self.deployments[plan.name] = {"tags": tags, "properties": {"provisioningState": "Creating"}}
        elif isinstance(act, Await):
            self.deployments[plan.name]["properties"]["provisioningState"] = "Succeeded"
        elif isinstance(act, NoteBefore):
            self.deployments[plan.name]["tags"][TRAFFIC_BEFORE] = as_text(act.before)
        elif isinstance(act, Move):
            self.move(act)
        elif isinstance(act, Retire):
            assert not self.traffic.get(act.name)
            del self.deployments[act.name]


shares_of_others = st.sampled_from([{}, {"blue": 100}, {"blue": 60, "red": 40}, {"blue": 1, "red": 99}])
all_steps = st.lists(st.integers(1, 99), max_size=4, unique=True).map(lambda steps: (*sorted(steps), 100))


@settings(max_examples=300, deadline=None)
@given(
    before=shares_of_others,
    steps=all_steps,
    remove_old=st.booleans(),
    checked=st.booleans(),
    seconds=st.sampled_from([0.0, 5.0]),
    fails_at=st.none() | st.integers(0, 5),
    seed=st.integers(),
)
def test_however_often_it_is_killed_it_ends_where_it_has_to(  # noqa: PLR0917 (Hypothesis gives them by name)
    before: dict[str, int],
    steps: tuple[int, ...],
    remove_old: bool,
    checked: bool,
    seconds: float,
    fails_at: int | None,
    seed: int,
) -> None:
    """Tries are killed between any two requests; checks fail at any place."""
    chance = random.Random(seed)
    plan = Plan("green", SUBMISSION, steps, seconds, checked, remove_old)
    service = Service(dict(before), chance)
    watched, failed, passed, last = 0, False, False, None
    for _ in range(400):
        if chance.random() < 0.3:  # another try, which knows nothing
            passed, last = False, None
        shown = service.shown(plan)
        act = next_act(plan, shown, passed=passed, given=last)
        passed = False
        assert not isinstance(act, Disturbed)
        if isinstance(act, Watch):
            failed = fails_at is not None and watched >= fails_at
            watched += 1
            passed = not failed
            if failed:
                act = undo(plan, shown, "wrong")
        if isinstance(act, Finish | GiveUp):
            break
        service.do(plan, act)
        last = act.share if isinstance(act, Move) else last
    else:
        raise AssertionError("it never ends")
    assert service.made == 1
    if failed:
        assert service.traffic == before
        assert set(service.deployments) == {*before, "green"}
    else:
        assert service.traffic == {"green": 100}
        assert set(service.deployments) == ({"green"} if remove_old else {*before, "green"})


@settings(max_examples=200, deadline=None)
@given(before=shares_of_others, steps=all_steps, seed=st.integers())
def test_somebody_elses_traffic_is_never_overwritten_once_a_step_was_taken(
    before: dict[str, int], steps: tuple[int, ...], seed: int
) -> None:
    chance = random.Random(seed)
    plan = Plan("green", SUBMISSION, steps, 5.0)
    service = Service({**before}, chance)
    service.deployments["other"] = {"tags": {}, "properties": {"provisioningState": "Succeeded"}}
    theirs = None
    for _ in range(100):
        shown = service.shown(plan)
        if theirs is None and shown.mark and chance.random() < 0.5:
            theirs = chance.choice([{"other": 100}, dict(before), {"other": 50, "green": 50}])
            assert service.endpoint
            ours = plan.traffic_at(shown.before, shown.mark.share or 0)
            service.endpoint["properties"]["traffic"] = dict(theirs)
            theirs = None if theirs == ours else theirs
            shown = service.shown(plan)
        act = next_act(plan, shown, passed=True)
        if isinstance(act, Finish | Disturbed):
            break
        service.do(plan, act)
    assert isinstance(act, Disturbed) == (theirs is not None)
    assert service.traffic == ({"green": 100} if theirs is None else theirs)
