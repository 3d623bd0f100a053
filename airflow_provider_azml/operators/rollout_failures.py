"""What becomes of a deployment that is no good: what is taken back and deleted, and how its task ends."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError, RunFailed, SpecError
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException
from airflow_provider_azml.operators.base import REFUSED
from airflow_provider_azml.rest import deletions
from airflow_provider_azml.rest.arm_ids import parse
from airflow_provider_azml.rest.awaited_endpoints import CHECK_FAILED, UNHEALTHY
from airflow_provider_azml.rest.traffic import told

if TYPE_CHECKING:
    from airflow_provider_azml.operators.deploying import DeployingOperator
    from airflow_provider_azml.operators.rollout_places import Rollout
    from airflow_provider_azml.rest.rollout_acts import GiveUp
    from airflow_provider_azml.rest.rollouts import Shown
    from airflow_provider_azml.rest.waiting import Ticket

FAILED = "failed"
"""Key of what is carried over deferrals: how the deployment has failed, the fields of ``RunFailed``."""


def keep(operator: DeployingOperator, failure: RunFailed) -> None:
    """Keep how the deployment has failed until what it has left is seen to."""
    # what the triggerer has told of it is gone from the log by then: Airflow writes that part anew at each wait
    reason = (failure.message or failure.status).partition("\n")[0]  # a service quotes logs behind it
    operator.log.warning("%s %s is no good: %s", failure.kind.capitalize(), failure.name, reason)
    operator.carried[FAILED] = {**vars(failure), "log_tail": list(failure.log_tail)}


def give_up(operator: DeployingOperator, rollout: Rollout, act: GiveUp, shown: Shown) -> Ticket:
    """Delete what was made, if that is wanted, and fail once it is gone.

    Raises:
        RunFailed: Another try may do better.
        AirflowFailException: It had traffic, so another try would expose callers again.
    """
    if FAILED not in operator.carried:  # an earlier try has found it bad
        kind, name = "online deployment", rollout.plan.name
        found = RunFailed(kind=kind, name=name, status=UNHEALTHY, code=CHECK_FAILED, message=act.reason)
        keep(operator, found)
    try:
        doomed = operator.hook.run(rollout.left_behind(shown)) if operator.on_failure == "delete" else None
        if doomed:
            operator.log.info("Deleting %s, which is no good", parse(doomed).name)
            return operator.hook.run(deletions.delete(doomed))
        if shown.is_ours and shown.mark:
            operator.hook.run(rollout.note_failure(act.reason))
    except ApiError as error:
        operator.log.warning("What deployment %s has left could not be seen to: %s", rollout.plan.name, error)
    raise end(operator, rollout, shown)


def end(operator: DeployingOperator, rollout: Rollout, shown: Shown) -> Exception:
    """The exception that the task ends with."""
    failure = RunFailed(**operator.carried[FAILED])
    in_place = shown.replaced and shown.traffic.get(rollout.plan.name, 0) and failure.code == CHECK_FAILED
    if shown.mark is None and not in_place:
        return failure
    kept = "" if shown.deployment is None else f" Deployment {rollout.plan.name!r} was kept."
    if in_place:
        kept = " It has taken the place of the one that was there, so there is nothing to go back to."
    reason, *rest = str(failure).split("\n")
    # before the log's end, which mails and lists of errors cut
    text = "\n".join([reason, f"The endpoint's traffic is: {told(shown.traffic)}.{kept}", *rest])
    permanent = AirflowFailException(text)
    permanent.__cause__ = failure
    return permanent


def tell_not_put_back(operator: DeployingOperator, error: ApiError) -> None:
    """End the task with both, where a bad deployment has traffic that cannot be taken away from it.

    Raises:
        AirflowFailException: It is so.
    """
    if FAILED in operator.carried:
        failure = RunFailed(**operator.carried[FAILED])
        text = f"{failure}\nIts traffic could not be taken away from it: {error}"
        raise AirflowFailException(text) from failure


def clean_up(operator: DeployingOperator, rollout: Rollout, refused: ApiError | SpecError) -> None:
    """Delete the endpoint that was made for a deployment which the service will not make."""
    may_pass = isinstance(refused, ApiError) and refused.status not in REFUSED | {HTTPStatus.NOT_FOUND}
    if operator.on_failure != "delete" or may_pass:
        return
    try:
        doomed = operator.hook.run(rollout.left_behind(operator.hook.run(rollout.look())))
        if doomed == rollout.endpoint_id:
            operator.log.info("Deleting endpoint %s, which was made for it", rollout.endpoint_name)
            operator.hook.run(deletions.delete(doomed))
    except ApiError as error:
        operator.log.warning("Endpoint %s could not be deleted: %s", rollout.endpoint_name, error)
