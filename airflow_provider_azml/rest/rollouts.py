"""Rollouts: how a deployment comes to its traffic. From what the service shows to the next act, and nothing else.

Nothing is remembered but on the service. The deployment's tags say whose it is and how the traffic was shared before
it was made. A tag of the endpoint says how far the rollout has come, or why it was undone; the PUT that changes the
traffic writes it too, so both are always of one moment: whoever goes on knows what the traffic has to be, and any other
traffic is somebody else's doing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.rest.resources import NOT_PROVISIONED, RESOURCES
from airflow_provider_azml.rest.rollout_acts import (
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
from airflow_provider_azml.rest.traffic import TRAFFIC_BEFORE, as_text, from_text, same, shares, spelled, split

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.rollout_acts import Act

REPLACED = "airflow.replaced"
"""Tag of a deployment that took the place of one of the same name, so that it cannot be undone."""
ROLLOUT = "airflow.rollout"
"""Tag of an endpoint: how far the newest rollout has come, or why it was undone."""
UNDONE = "failed:"
"""What stands in that tag instead of a share, before the reason."""
LONGEST_TAG = 256
"""How many characters the value of a tag has at most.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations
"""
_ALL = 100
_LONGEST_NAME = 32
_HASH_LENGTH = 8
_BUSY = RESOURCES["online_deployment"].active

Strategy = Literal["direct", "blue_green", "canary"]
STRATEGIES: tuple[Strategy, ...] = ("direct", "blue_green", "canary")
OnFailure = Literal["delete", "keep"]
ON_FAILURE: tuple[OnFailure, ...] = ("delete", "keep")


def derived_name(base: str, submission: str) -> str:
    """The name of a submission's deployment: the same over its retries, another one after a clear.

    Args:
        base: What it is called after: a name that was given, or the model's.
        submission: The submission's hash.

    Returns:
        A legal name: 3 to 32 small letters, digits and single ``-``, a letter first.

    Example:
        >>> derived_name("iris_classifier", "0c2f6a5d8e91")
        'iris-classifier-0c2f6a5d'
    """
    legal = re.sub(r"[^a-z0-9]+", "-", base.lower()).strip("-")
    legal = legal if legal[:1].isalpha() else f"d-{legal}".rstrip("-")
    mark = submission[:_HASH_LENGTH]
    return f"{legal[: _LONGEST_NAME - len(mark) - 1].rstrip('-')}-{mark}"


@dataclass(frozen=True)
class Plan:
    """How a deployment is to be rolled out.

    Args:
        name: Its name.
        submission: The hash of the submission that it belongs to.
        steps: Percentages of traffic that it gets, one after another; none leaves the traffic alone.
        step_seconds: How long each step is watched, in seconds.
        is_checked: Whether there are checks.
        remove_old: Whether deployments that got traffic before are deleted at the end.
    """

    name: str
    submission: str
    steps: tuple[int, ...]
    step_seconds: float = 0
    is_checked: bool = False
    remove_old: bool = False

    def steps_after(self, before: Mapping[str, int]) -> tuple[int, ...]:
        """The steps, given the traffic before: where nobody else serves, all of it is the only share there is."""
        rise = self.steps[-1:] == (_ALL,)
        return (_ALL,) if rise and not _of_others(before, self.name) else self.steps

    def traffic_at(self, before: Mapping[str, int], share: int) -> dict[str, int]:
        """The traffic when the deployment has its share; deployments that get none are left out.

        Raises:
            ValueError: Nobody else is there to take the rest.
        """
        return _present(split(before, self.name, share))

    def mark(self, share: int) -> str:
        """The endpoint's tag once the deployment has a share."""
        return f"{self.submission} {self.name} {share}"

    def failed_mark(self, reason: str) -> str:
        """The endpoint's tag once the traffic was put back."""
        one_line = " ".join(reason.split())
        return f"{self.submission} {self.name} {UNDONE} {one_line}"[:LONGEST_TAG]


@dataclass(frozen=True)
class Mark:
    """What the endpoint's tag says of a rollout.

    Args:
        share: The deployment's percentage; ``None`` once the rollout was undone.
        reason: Why it was undone.
    """

    share: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Shown:
    """What the service shows.

    Args:
        endpoint: Provisioning state of the endpoint; ``None`` when there is none.
        traffic: Its traffic, without deployments that get none.
        mark: What its tag says of this rollout; ``None`` when it says nothing.
        deployment: Provisioning state of the deployment; ``None`` when there is none.
        is_ours: Whether this submission made it.
        before: The traffic before it was made, as its tag says.
        replaced: Whether it took the place of one of the same name.
        there: Names of the deployments that got traffic before and are still there.
    """

    endpoint: str | None = None
    traffic: Mapping[str, int] = field(default_factory=dict)
    mark: Mark | None = None
    deployment: str | None = None
    is_ours: bool = False
    before: Mapping[str, int] = field(default_factory=dict)
    replaced: bool = False
    there: Sequence[str] = ()


def next_act(plan: Plan, shown: Shown, *, passed: bool = False, given: int | None = None) -> Act:
    """What is to be done next.

    Args:
        plan: How the deployment is to be rolled out.
        shown: What the service shows.
        passed: Whether the wait that has just ended found the deployment good, where it is.
        given: The share that this try has given the deployment last; ``None`` when it has given it none.
    """
    if shown.endpoint in (None, *NOT_PROVISIONED):
        return MakeEndpoint()
    if shown.endpoint in _BUSY:
        return Await("endpoint", gone=shown.endpoint == "Deleting")
    if shown.mark and shown.mark.share is None:
        return GiveUp(shown.mark.reason)
    if shown.deployment in _BUSY:
        return Await("deployment", gone=shown.deployment == "Deleting")
    if shown.is_ours and shown.deployment == "Succeeded":
        return _next_of_one_that_is_up(plan, shown, passed=passed, given=given)
    return _not_up(plan, shown)


def _next_of_one_that_is_up(plan: Plan, shown: Shown, *, passed: bool, given: int | None) -> Act:
    if shown.mark:
        return _next_step(plan, shown, passed=passed)
    if given is None:
        return _first_step(plan, shown, passed=passed)
    expected = plan.traffic_at(shown.before, given)
    if same(shown.traffic, expected):  # whoever has put the endpoint anew with its traffic left the tag out
        return _move(plan, shown, given)
    return Disturbed(expected, shown.traffic)


def undo(plan: Plan, shown: Shown, reason: str, *, given: int | None = None) -> Move | GiveUp | Disturbed:
    """What is to be done once the deployment was found bad: put its traffic back, if the rollout gave it any.

    Args:
        plan: How the deployment was to be rolled out.
        shown: What the service shows.
        reason: What is bad about it.
        given: As above; it counts where somebody has left out the endpoint's tag.
    """
    share = shown.mark.share if shown.mark else given
    if share is None:
        return GiveUp(reason)
    expected = plan.traffic_at(shown.before, share)
    if not same(shown.traffic, expected):
        return Disturbed(expected, shown.traffic)
    return Move(shown.before.get(plan.name, 0), shown.before, shown.traffic, plan.failed_mark(reason))


def _not_up(plan: Plan, shown: Shown) -> Act:
    """The deployment is not there, has failed, or is another submission's."""
    if shown.mark is None:
        return Deploy(shown.traffic, shown.replaced if shown.is_ours else shown.deployment is not None)
    if shown.is_ours:
        return undo(plan, shown, f"it is {shown.deployment}, after it was given traffic")
    # what deletes or replaces it has taken its traffic away before, and its tags tell no more what that was
    return GiveUp("somebody else has deleted or replaced it, after it was given traffic")


def _first_step(plan: Plan, shown: Shown, *, passed: bool) -> Act:
    """The deployment is there, and the rollout has not changed the traffic."""
    if not plan.steps:
        return Finish() if passed or not plan.is_checked else Watch()
    if shown.traffic.get(plan.name, 0) and plan.name not in shown.before:
        return Disturbed(shown.before, shown.traffic)
    if not same(shown.traffic, shown.before):
        return NoteBefore(shown.traffic)
    share = plan.steps_after(shown.before)[0]
    stays = same(plan.traffic_at(shown.before, share), shown.traffic)
    seconds = plan.step_seconds if stays else 0
    if (plan.is_checked or seconds) and not passed:
        return Watch(seconds)
    return Finish() if stays else _move(plan, shown, share)


def _next_step(plan: Plan, shown: Shown, *, passed: bool) -> Act:
    """The deployment has the share that the endpoint's tag says, or somebody else has changed it."""
    share = shown.mark.share if shown.mark and shown.mark.share is not None else 0
    expected = plan.traffic_at(shown.before, share)
    if not same(shown.traffic, expected):
        return Disturbed(expected, shown.traffic)
    further = [step for step in plan.steps_after(shown.before) if step > share]
    old = sorted(_of_others(shown.before, plan.name))
    there = {name.lower() for name in shown.there}
    kept = [name for name in old if name.lower() in there]
    is_over = plan.remove_old and not further and kept != old  # an earlier try has begun to remove what was before
    if plan.step_seconds and not passed and not is_over:
        return Watch(plan.step_seconds)
    if further:
        return _move(plan, shown, further[0])
    idle = [name for name in kept if not shown.traffic.get(name)]
    return Retire(idle[0]) if plan.remove_old and idle else Finish()


def _move(plan: Plan, shown: Shown, share: int) -> Move:
    return Move(share, plan.traffic_at(shown.before, share), shown.traffic, plan.mark(share))


# -- what the service shows ----------------------------------------------------------------------------------------


def shown(
    plan: Plan, endpoint: Json | None, deployment: Json | None, *, ours: bool, there: Sequence[str] = ()
) -> Shown:
    """What the service's answers show of a rollout.

    Args:
        plan: How the deployment is to be rolled out.
        endpoint: The endpoint, as a GET shows it.
        deployment: The deployment likewise.
        ours: Whether its tags say that this submission made it.
        there: Names of the endpoint's deployments.
    """
    tags = (deployment or {}).get("tags") or {}
    before = before_of(deployment) if deployment and ours else {}
    return Shown(
        endpoint=_state(endpoint),
        traffic=spelled(shares(endpoint) if endpoint else {}, plan.name),
        mark=read_mark(plan, str(((endpoint or {}).get("tags") or {}).get(ROLLOUT) or "")),
        deployment=_state(deployment),
        is_ours=ours,
        before=spelled(before, plan.name),
        replaced=REPLACED in tags,
        there=there,
    )


def read_mark(plan: Plan, tag: str) -> Mark | None:
    """What an endpoint's tag says of a rollout; ``None`` when it is about another."""
    submission, _, rest = tag.partition(" ")
    name, _, state = rest.partition(" ")
    if (submission, name) != (plan.submission, plan.name):
        return None
    return Mark(reason=state.removeprefix(UNDONE).strip()) if state.startswith(UNDONE) else Mark(share=int(state))


def before_of(deployment: Json) -> dict[str, int]:
    """The traffic before a deployment was made, as its tag says."""
    return from_text(str((deployment.get("tags") or {}).get(TRAFFIC_BEFORE) or ""))


def tag_of_before(traffic: Mapping[str, int]) -> str:
    """The traffic before a deployment was made, as the value of its tag.

    Raises:
        ValueError: So many deployments share it that no tag can hold them.
    """
    value = as_text(traffic)
    if len(value) > LONGEST_TAG:
        raise ValueError(f"{len(traffic)} deployments share the traffic, and their names fit into no tag")
    return value


def _state(body: Json | None) -> str | None:
    return None if body is None else str(body["properties"].get("provisioningState") or "Succeeded")


def _present(traffic: Mapping[str, int]) -> dict[str, int]:
    return {name: share for name, share in traffic.items() if share}


def _of_others(traffic: Mapping[str, int], name: str) -> dict[str, int]:
    return {other: share for other, share in _present(traffic).items() if other != name}
