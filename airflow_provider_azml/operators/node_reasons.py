"""Why a node ran, or that it did not have to: a line in the log of its task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import AzmlError

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_provider_azml.hooks.azml import AzmlHook
    from airflow_provider_azml.rest.flows import Json


def tell_reason(hook: AzmlHook, log: Logger, result: Json, earlier: Json | None, *, forced: bool) -> None:
    """Tell why a node ran, or which job's results stand for its own; whatever goes wrong keeps nothing from going on.

    Args:
        hook: Asks the service.
        log: The task's log.
        result: The task's result.
        earlier: The result that the task had the time before, see
            :func:`~airflow_provider_azml.operators.earlier_runs.previous_result`.
        forced: Whether the run asks for it to run in any case.

    Example:
        >>> tell_reason(hook, self.log, result, previous_result(context["ti"]), forced=False)
        ran because input lr changed from 0.1 to 0.2
    """
    if result.get("reused_from"):
        log.info("reused from job %s", result["reused_from"])
    elif forced:
        log.info("ran because force_rerun asks for it")
    elif earlier is None:
        log.info("ran because it is the first run: the task has no earlier result to compare it with")
    elif earlier["name"] != result["name"]:
        log.info("%s", _compared(hook, result, str(earlier["name"])))


def _compared(hook: AzmlHook, result: Json, earlier: str) -> str:
    from airflow_provider_azml.rest.node_changes import why_it_ran

    node = str(result["node"]).rpartition(".")[2]
    try:
        reasons = hook.run(why_it_ran(hook.workspace_id, str(result["name"]), earlier, node))
    except AzmlError as error:
        return f"ran; the service does not tell how it differs from job {earlier}: {error}"
    if reasons:
        return f"ran because {', and '.join(reasons)} (compared with job {earlier})"
    return f"ran, although nothing that is sent for it has changed since job {earlier}; Azure ML does not say why"
