"""What operators share that deploy to an online endpoint: from the endpoint to the deployment, and to its traffic."""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.exceptions import ApiError, NotFound, RunFailed, SpecError, TrafficChanged, TrafficRefused
from airflow_provider_azml.operators.deployed import EndpointDeployingOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.operators.rollout_places import Rollout
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.rollout_acts import Act, Await, Deploy, Move, Watch
    from airflow_provider_azml.rest.rollouts import OnFailure, Shown
    from airflow_provider_azml.rest.waiting import Outcome, Ticket
    from airflow_provider_azml.spec.source import Source

_EXAMINED, _MADE, _GIVEN = "examined", "made", "given"
"""Keys of what is carried over deferrals: that nothing keeps the service from making the deployment, that this try has
sent it, and the share that this try has given it last."""


class DeployingOperator(EndpointDeployingOperator):
    """Base of operators that deploy to an online endpoint, and make the endpoint if there is none.

    Every step starts from what the service shows, so a retry goes on where an earlier try was stopped, at whatever
    moment that was. A subclass says what is deployed to which endpoint.

    Args:
        traffic: Percentage of the endpoint's traffic that the deployment gets once it is up; the others share the
            rest as before. ``None`` leaves the traffic alone.
    """

    kind = "online_deployment"
    spec_fields: ClassVar[Sequence[str]] = ()
    template_fields: Sequence[str] = (*EndpointDeployingOperator.template_fields, "traffic")
    defers_often = True

    step_seconds: float | str | None = 0
    """How long each step of the traffic is watched, in seconds."""

    checks: Sequence[Mapping[str, Any]] | str = ()
    """What the deployment has to answer, or the file that says it."""

    on_failure: OnFailure = "keep"
    """What becomes of a deployment that is no good."""

    remove_old: bool = False
    """Whether deployments that got traffic before are deleted at the end."""

    def __init__(self, *, traffic: int | str | None = 100, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.traffic = traffic

    @abstractmethod
    def sources(self, context: Context) -> tuple[Source, Source]:
        """The deployment and its endpoint, naming each other; the deployment's tags say whose it is."""

    def steps_of_traffic(self) -> tuple[int, ...]:
        """The percentages of traffic that the deployment gets, one after another; none leaves the traffic alone."""
        from airflow_provider_azml.operators.arguments import whole

        return () if self.traffic in (None, "", "None") else (whole("traffic", self.traffic, 0, 100),)

    def check_replaced(self, endpoint: str, deployment: Source) -> None:
        """Refuse to deploy to an endpoint that is there, where that is not wanted.

        Args:
            endpoint: Its name.
            deployment: What is to be deployed.
        """

    def completed(self, deployment: Source) -> Source:
        """What is about to be deployed, with what takes long to bring together."""
        return deployment

    def submit(self, context: Context) -> Ticket | Json:
        """Begin the rollout, or go on with that of an earlier try."""
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.spec import kinds

        rollout = self.rollout(context)
        self.checked(rollout.deployment)
        self._normal_checks(context)
        for told in kinds.check(rollout.endpoint, "online_endpoint", strict=self.strict):
            self.log.log(kinds.LEVELS[told.severity], "%s", told)
        self._show(context, "online_endpoint", rollout.endpoint_name)
        found = self.hook.run(flows.find(rollout.endpoint_id))
        if found and found["properties"].get("provisioningState") != "Failed":
            self.check_replaced(rollout.endpoint_name, rollout.deployment)
            self.log.info("Endpoint %s exists", rollout.endpoint_name)
        return self._go_on(context, rollout)

    def advance(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """Go on from how an act ended: with the next, which follows from what the service shows then."""
        from airflow_provider_azml.operators import rollout_failures
        from airflow_provider_azml.rest import traffic_changes
        from airflow_provider_azml.rest.arm_ids import parse
        from airflow_provider_azml.rest.awaited_endpoints import STEADY

        rollout = self.rollout(context)
        if outcome.goal == "traffic":
            try:
                traffic_changes.settled(outcome)
            except TrafficChanged as error:
                rollout_failures.tell_not_put_back(self, error)
                raise
        elif not outcome.succeeded and rollout_failures.FAILED in self.carried:
            self.log.warning("%s could not be deleted; delete it yourself", parse(outcome.arm_id).name)
            raise rollout_failures.end(self, rollout, self.hook.run(rollout.look()))
        elif not outcome.succeeded and outcome.arm_id != rollout.deployment_id:
            raise self._not_its_own(outcome, rollout)
        elif not outcome.succeeded:
            rollout_failures.keep(self, self._not_deployed(outcome, rollout.endpoint_name))
        return self._go_on(context, rollout, passed=outcome.goal == STEADY)

    def rollout(self, context: Context) -> Rollout:
        """What is deployed where, and how it comes to its traffic."""
        from airflow_provider_azml.operators.rollout_places import Rollout
        from airflow_provider_azml.rest.rollouts import Plan
        from airflow_provider_azml.spec.target import SUBMISSION

        deployment, endpoint = self.sources(context)
        plan = Plan(
            name=str(deployment.value["name"]),
            submission=str(deployment.value["tags"][SUBMISSION]),
            steps=self.steps_of_traffic(),
            step_seconds=float(self.step_seconds or 0),
            is_checked=bool(self.checks),
            remove_old=self.remove_old,
        )
        return Rollout(plan, deployment, endpoint, self.hook.workspace_id)

    # -- from one act to the next --------------------------------------------------------------------------------

    def _go_on(self, context: Context, rollout: Rollout, *, passed: bool = False) -> Ticket | Json:
        """Do what comes next, until that is to wait, or everything is done."""
        from airflow_provider_azml.operators import rollout_failures
        from airflow_provider_azml.rest.rollout_acts import Finish

        surprised = False
        while True:
            shown = self.hook.run(rollout.look())
            act = self._next_act(rollout, shown, passed=passed)
            if isinstance(act, Finish):
                return self.result(context, rollout.endpoint_id, rollout.deployment_id)
            try:
                pending = self._done(context, rollout, act, shown)
            except (TrafficChanged, TrafficRefused, NotFound) as error:
                if isinstance(error, TrafficChanged) and not surprised:
                    surprised = True  # the look may have shown what was before: another one decides
                    continue
                rollout_failures.tell_not_put_back(self, error)
                raise
            if pending:
                return pending
            passed = False

    def _next_act(self, rollout: Rollout, shown: Shown, *, passed: bool) -> Act:
        from airflow_provider_azml.operators.rollout_failures import FAILED
        from airflow_provider_azml.rest.rollouts import next_act, undo

        failed, given = self.carried.get(FAILED), self.carried.get(_GIVEN)
        if failed:
            return undo(rollout.plan, shown, failed["message"] or f"it is {failed['status']}", given=given)
        return next_act(rollout.plan, shown, passed=passed, given=given)

    def _done(self, context: Context, rollout: Rollout, act: Act, shown: Shown) -> Ticket | None:
        """Do an act; answer what to wait for, if there is anything."""
        from airflow_provider_azml.rest import rollout_acts

        match act:
            case rollout_acts.MakeEndpoint():
                return self._make_endpoint(context, rollout, shown)
            case rollout_acts.Deploy():
                return self._deploy(context, rollout, act, shown)
            case rollout_acts.Await():
                return self._await(rollout, act)
            case _:
                return self._rolled(context, rollout, act, shown)

    def _rolled(self, context: Context, rollout: Rollout, act: Act, shown: Shown) -> Ticket | None:
        """Do an act that a deployment which is up comes to its traffic by."""
        from airflow_provider_azml.operators import rollout_failures
        from airflow_provider_azml.rest import deletions, rollout_acts

        match act:
            case rollout_acts.NoteBefore():
                return self.hook.run(rollout.note_before(act.before))
            case rollout_acts.Watch():
                return self._watch(context, rollout, act, shown)
            case rollout_acts.Move():
                return self._move(rollout, act)
            case rollout_acts.Retire():
                self.log.info("Deleting deployment %s, which got traffic before", act.name)
                return self.hook.run(deletions.delete(rollout.deployment_id_of(act.name)))
            case rollout_acts.Disturbed():
                raise rollout.disturbed(act)
            case rollout_acts.GiveUp():
                return rollout_failures.give_up(self, rollout, act, shown)
        raise ValueError(f"{act!r} is no act of a rollout that goes on")

    def _make_endpoint(self, context: Context, rollout: Rollout, shown: Shown) -> Ticket:
        from airflow_provider_azml.operators import submission
        from airflow_provider_azml.spec.target import SUBMISSION

        self._examine(rollout, shown)
        if shown.traffic:  # one that has failed keeps what its deployments get
            return self.hook.run(rollout.repair_endpoint())
        mark = {"tags": {SUBMISSION: rollout.plan.submission}} if shown.endpoint is None else {}
        endpoint = rollout.endpoint.merged(mark)
        return self.hook.run(submission.submit(self.hook.target, "online_endpoint", endpoint, context))

    def _deploy(self, context: Context, rollout: Rollout, act: Deploy, shown: Shown) -> Ticket:
        from airflow_provider_azml.operators import rollout_failures, submission
        from airflow_provider_azml.rest.waiting import Ticket

        if self.carried.get(_MADE) and shown.deployment and not shown.is_ours:
            reason = "somebody else has put another in its place since it was made"
            raise RunFailed(kind="online deployment", name=rollout.plan.name, status="Replaced", message=reason)
        self._examine(rollout, shown)
        self.log.info("Deploying %s to endpoint %s", rollout.plan.name, rollout.endpoint_name)
        whole = self.completed(rollout.made_with(act))
        try:
            ticket = self.hook.run(submission.submit(self.hook.target, "online_deployment", whole, context))
        except (ApiError, SpecError) as refused:
            rollout_failures.clean_up(self, rollout, refused)
            raise
        if ticket.goal == "idle" and rollout.is_ours(ticket.body):  # the answer to a first PUT was lost
            ticket = Ticket(ticket.arm_id, None, ticket.body)
        self.carried[_MADE] = ticket.goal == "ended"
        return ticket

    def _examine(self, rollout: Rollout, shown: Shown) -> None:
        """Refuse what cannot be, before anything is sent.

        Raises:
            SpecError: The traffic, or what is to be deployed, cannot be.
        """
        from airflow_provider_azml.operators.arguments import refused
        from airflow_provider_azml.rest.rollouts import tag_of_before
        from airflow_provider_azml.spec import deployable
        from airflow_provider_azml.spec.kinds import LEVELS

        if self.carried.get(_EXAMINED):
            return
        try:
            tag_of_before(shown.traffic)
            for step in rollout.plan.steps_after(shown.traffic):
                rollout.plan.traffic_at(shown.traffic, step)
        except ValueError as error:
            raise refused("traffic", f"cannot be: {error}") from error
        found = self.hook.run(deployable.problems(rollout.deployment, self.hook.target))
        if any(problem.severity == "error" for problem in found):
            raise SpecError(found)
        for problem in found:
            self.log.log(LEVELS[problem.severity], "%s", problem)
        self.carried[_EXAMINED] = True

    def _await(self, rollout: Rollout, act: Await) -> Ticket | None:
        """Wait until nothing is being done to the endpoint or the deployment any more."""
        from airflow_provider_azml.operators.arguments import refused
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.waiting import Ticket

        arm_id = rollout.endpoint_id if act.what == "endpoint" else rollout.deployment_id
        found = self.hook.run(flows.find(arm_id))
        if found is None:
            return None
        ours = rollout.is_ours(found)
        if act.what == "endpoint" and act.gone and not ours:
            reason = f"is {rollout.endpoint_name!r}, which is being deleted; deploy once it is gone"
            raise refused("endpoint_name", reason)
        if act.gone:
            return Ticket(arm_id, goal="gone")
        return Ticket(arm_id, None, found, "ended" if ours and act.what == "deployment" else "idle")

    def _watch(self, context: Context, rollout: Rollout, act: Watch, shown: Shown) -> Ticket:
        """Have the deployment checked, for as long as its step lasts."""
        from airflow_provider_azml.rest import steadiness

        if act.seconds:
            self.log.info("Watching deployment %s for %g s", rollout.plan.name, act.seconds)
        elif shown.mark is None:
            self.log.info("Checking deployment %s before it gets traffic", rollout.plan.name)
        return steadiness.ticket(
            rollout.deployment_id,
            until=time.time() + act.seconds,
            checks=self._normal_checks(context),
            compared_with=rollout.former(shown),
            every_seconds=self.poll_seconds,
        )

    def _move(self, rollout: Rollout, act: Move) -> Ticket | None:
        from airflow_provider_azml.rest import rollouts, traffic_changes

        tags = {rollouts.ROLLOUT: act.mark}
        change = traffic_changes.change(rollout.endpoint_id, act.wanted, expected=act.shown, tags=tags)
        pending = self.hook.run(change)
        if pending is None or pending.goal == "traffic":
            self.carried[_GIVEN] = act.share
        return pending

    # -- what it ends with ---------------------------------------------------------------------------------------

    def _normal_checks(self, context: Context) -> Sequence[Json]:
        """The checks, in the form that can travel.

        Raises:
            SpecError: They are not valid.
        """
        from airflow_provider_azml.operators.rendering import normal_checks

        return normal_checks(self.checks, self.folder, self.get_template_env(), context)

    def _not_its_own(self, outcome: Outcome, rollout: Rollout) -> RunFailed:
        """The exception for an endpoint that could not be made, or an old deployment that could not be deleted.

        Neither tells anything of the new deployment, so that is left as it is.
        """
        from airflow_provider_azml.rest.arm_ids import parse

        if parse(outcome.arm_id).kind == "online_endpoint":
            return self._not_deployed(outcome, rollout.endpoint_name)
        return outcome.failure(
            studio_url=self.hook.studio_url("online_endpoint", rollout.endpoint_name),
            explanation="it got traffic before, and could not be deleted; the new deployment serves. Try again, or "
            "delete it yourself",
        )

    def result_besides(self, endpoint: Json, deployment: Json) -> Json:
        """Who gets which part of the traffic, and who got it before."""
        from airflow_provider_azml.rest.rollouts import before_of

        return {"traffic": endpoint["properties"].get("traffic") or {}, "traffic_before": before_of(deployment)}
