"""Operators that decide by a metric whether a new model goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_azml.hooks.airflow_versions import AirflowSkipException, BranchMixIn
from airflow_provider_azml.links import AzmlStudioLink
from airflow_provider_azml.operators.base import AzmlOperator

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane
    from airflow_provider_azml.rest.model_figures import Candidate, Figure
    from airflow_provider_azml.rest.verdicts import Bar


class AzmlQualityGateOperator(AzmlOperator, BranchMixIn):
    """Lets a run go on where a new model is as good as the one in production, and skips what follows where it is not.

    The figures of both, the challenger and the champion, are in the task's log and in its result. A version of a model
    has the figure that it carries as a tag or property of the metric's name, or else that of the job which has made it.
    Of a sweep or an AutoML job it is that of the best trial. Nothing is waited for.

    A gate that is not passed succeeds, and what is right below it is skipped. One that is mapped, or in a mapped task
    group, is skipped itself, so that what follows goes by its trigger rules; it cannot branch.

    Args:
        metric: Name of the metric, as the training logs it.
        challenger: The new model: what the task has returned that trains or registers it, the name of a job, or
            ``azureml:<model>:<version>``.
        endpoint_name: The online endpoint whose model is the champion: that of the deployment with most traffic.
        champion: The champion itself instead, named as the challenger is.
        greater_is_better: Whether more of the metric is better; ``False`` for losses and errors.
        min_improvement: By how much the challenger has to be better, at least. At 0 one that is as good passes;
            below 0 one that is worse by no more than that.
        min_value: What the challenger must not be below, whatever the champion has.
        max_value: What it must not be above.
        when_no_champion: ``pass`` or ``skip``, where the endpoint is not there or serves nothing, or there is no such
            job or version.
        if_passed: Ids of tasks and task groups right below that run if the gate is passed; by default all others than
            `otherwise`.
        otherwise: Ids of those that run if it is not, instead of nothing.
        ignore_downstream_trigger_rules: Skip all that follows, however far below and whatever its trigger rule is. By
            default what is right below is skipped, and the rest goes by its trigger rules.

    Returns:
        ``{"passed", "metric", "challenger", "champion", "improvement", "reason"}``. ``challenger`` and ``champion`` are
        ``{"kind", "name", "version", "id", "value", "told_by"}`` (``version`` of models), the champion of an endpoint
        with ``deployment`` and ``traffic`` too; ``None`` where there is none.

    Raises:
        NotFound: The challenger is not there or has no such metric, or the champion has none.
        SpecError: An argument cannot be used; it is named.

    Example:
        >>> gate = AzmlQualityGateOperator(
        ...     task_id="gate", metric="accuracy", challenger=train.output, endpoint_name="iris", min_value=0.9
        ... )
        >>> train >> gate >> register >> deploy

    Source: https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/dags.html#branching
    """

    inherits_from_skipmixin = True
    template_fields: Sequence[str] = (
        *AzmlOperator.template_fields,
        "metric",
        "challenger",
        "endpoint_name",
        "champion",
        "greater_is_better",
        "min_improvement",
        "min_value",
        "max_value",
        "when_no_champion",
    )
    operator_extra_links = (AzmlStudioLink(),)

    def __init__(
        self,
        *,
        metric: str,
        challenger: str | Mapping[str, Any],
        endpoint_name: str | None = None,
        champion: str | Mapping[str, Any] | None = None,
        greater_is_better: bool | str = True,
        min_improvement: float | str = 0,
        min_value: float | str | None = None,
        max_value: float | str | None = None,
        when_no_champion: Literal["pass", "skip"] = "pass",
        if_passed: str | Sequence[str] = (),
        otherwise: str | Sequence[str] = (),
        ignore_downstream_trigger_rules: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.metric = metric
        self.challenger = challenger
        self.endpoint_name = endpoint_name
        self.champion = champion
        self.greater_is_better = greater_is_better
        self.min_improvement = min_improvement
        self.min_value = min_value
        self.max_value = max_value
        self.when_no_champion = when_no_champion
        self.if_passed = if_passed
        self.otherwise = otherwise
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules

    # -- what is asked for ---------------------------------------------------------------------------------------

    def check_arguments(self) -> None:
        """Check what is compared, and where the run goes on.

        Raises:
            SpecError: An argument cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import refused

        super().check_arguments()
        if not self.metric:
            raise refused("metric", "is empty; name one that the training logs")
        self._bar()
        if self.endpoint_name and self.champion:
            raise refused("champion", "is given besides endpoint_name; give one of them")
        passed, other = set(_ids(self.if_passed)), set(_ids(self.otherwise))
        if passed & other:
            raise refused("otherwise", f"has {', '.join(sorted(passed & other))}, which if_passed has too")
        below = self._below()
        for argument, ids in (("if_passed", passed), ("otherwise", other)):
            if ids - below:
                named, known = ", ".join(sorted(ids - below)), ", ".join(sorted(below)) or "nothing"
                raise refused(argument, f"has {named}, which is not right below this task; below it is {known}")

    def _below(self) -> set[str]:
        """Ids of the tasks right below, and of the groups that begin with some of them."""
        tasks, dag = set(self.downstream_task_ids), self.get_dag()
        groups = dag.task_group_dict.items() if dag else ()
        return tasks | {name for name, group in groups if name and {root.task_id for root in group.roots} & tasks}

    def _bar(self) -> Bar:
        from airflow_provider_azml.operators.arguments import number, one_of, optional_number, yes_or_no
        from airflow_provider_azml.rest.verdicts import Bar

        return Bar(
            self.metric,
            greater_is_better=yes_or_no("greater_is_better", self.greater_is_better),
            min_improvement=number("min_improvement", self.min_improvement),
            min_value=optional_number("min_value", self.min_value),
            max_value=optional_number("max_value", self.max_value),
            without_champion=one_of("when_no_champion", self.when_no_champion, ("pass", "skip")) == "pass",
        )

    # -- the decision --------------------------------------------------------------------------------------------

    def submit(self, context: Context) -> Json:
        """Compare the figures; there is nothing to wait for."""
        from airflow_provider_azml.operators.arguments import refused
        from airflow_provider_azml.rest.history import DataPlane
        from airflow_provider_azml.rest.verdicts import verdict

        if self._branches and _is_mapped(context):
            # since 3.2 Airflow runs both branches there: https://github.com/apache/airflow/issues/67265
            raise refused("if_passed" if _ids(self.if_passed) else "otherwise", "has no effect on what is mapped")
        plane = DataPlane(self.hook.workspace_id)
        challenger, champion, place = self.hook.run(self._figures(plane))
        self._show(context, challenger.candidate.kind, challenger.candidate.name, challenger.candidate.version)
        self._tell("Challenger", challenger, {})
        if champion:
            self._tell("Champion", champion, place)
        else:
            self.log.info("Champion: there is none")
        made = verdict(float(challenger.value), float(champion.value) if champion else None, self._bar())
        self.log.info("%s: %s", "Passed" if made.passed else "Not passed", made.reason)
        return {
            "passed": made.passed,
            "metric": self.metric,
            "challenger": _told(challenger),
            "champion": {**_told(champion), **place} if champion else None,
            "improvement": made.improvement,
            "reason": made.reason,
        }

    def _figures(self, plane: DataPlane) -> Flow[tuple[Figure, Figure | None, Json]]:
        """The figures of both, and where the champion is deployed."""
        from airflow_provider_azml.rest import model_figures

        challenger = yield from model_figures.figure(plane, self._named("challenger", self.challenger), self.metric)
        if self.endpoint_name:
            endpoint_id = self.hook.workspace_id.child("online_endpoint", self.endpoint_name)
            serving = yield from model_figures.serving(endpoint_id)
            if serving is None:
                return challenger, None, {}
            champion = yield from model_figures.figure(plane, serving.candidate, self.metric)
            return challenger, champion, {"deployment": serving.deployment, "traffic": serving.share}
        if self.champion in (None, "", "None"):
            return challenger, None, {}
        named = self._named("champion", self.champion)
        if not (yield from model_figures.is_there(plane, named)):
            return challenger, None, {}
        return challenger, (yield from model_figures.figure(plane, named, self.metric)), {}

    def _named(self, argument: str, given: object) -> Candidate:
        from airflow_provider_azml.operators.arguments import refused
        from airflow_provider_azml.rest.model_figures import candidate

        try:
            return candidate(given)
        except ValueError as error:
            raise refused(argument, str(error)) from error

    def _tell(self, who: str, found: Figure, place: Json) -> None:
        where = "deployment {deployment}, {traffic} % of the traffic; ".format(**place) if place else ""
        told = f"{found.candidate} ({where}by {found.told_by})"
        self.log.info("%s: %s %s, %s", who, self.metric, _shown(found.value), told)

    # -- what follows --------------------------------------------------------------------------------------------

    def finish(self, context: Context, result: object) -> None:
        """Skip what does not follow; Airflow ends the task when it does, so its result is told before."""
        assert isinstance(result, dict)
        passed, branches = bool(result["passed"]), self._branches
        if passed and not branches:
            return
        ti = context["ti"]
        ti.xcom_push(key="return_value", value=result)
        if self.multiple_outputs:
            for key, value in result.items():
                ti.xcom_push(key=key, value=value)
        if branches:
            self.do_branch(context, self._chosen(passed=passed))
        elif _is_mapped(context):  # what is mapped below it is expanded later, and may not be found to be skipped
            raise AirflowSkipException(result["reason"])
        else:
            far = self.ignore_downstream_trigger_rules
            below = self.get_flat_relatives(upstream=False) if far else self.get_direct_relatives(upstream=False)
            self.skip(ti, [task for task in below if not task.is_teardown])

    @property
    def _branches(self) -> bool:
        return bool(_ids(self.if_passed) or _ids(self.otherwise))

    def _chosen(self, *, passed: bool) -> list[str]:
        """Ids of the tasks and groups that follow."""
        if not passed:
            return _ids(self.otherwise)
        dag = self.get_dag()
        groups = dag.task_group_dict if dag else {}
        left_out: set[str] = set()
        for one in _ids(self.otherwise):
            left_out.update([root.task_id for root in groups[one].roots] if one in groups else [one])
        return _ids(self.if_passed) or sorted(self.downstream_task_ids - left_out)


def _is_mapped(context: Context) -> bool:
    index = context["ti"].map_index
    return index is not None and index >= 0


def _ids(given: str | Iterable[str]) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"


def _told(found: Figure) -> Json:
    version = {"version": found.candidate.version} if found.candidate.version else {}
    return {
        "kind": found.candidate.kind,
        "name": found.candidate.name,
        **version,
        "id": found.arm_id,
        "value": found.value,
        "told_by": found.told_by,
    }
