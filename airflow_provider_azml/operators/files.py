"""What operators that take an AML file share: the file, what is merged over it, and its way to the service and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.exceptions import Problem, RunFailed, SpecError
from airflow_provider_azml.links import AzmlStudioLink
from airflow_provider_azml.operators.base import LOG_LINES, AzmlOperator
from airflow_provider_azml.operators.masking import secrets_in
from airflow_provider_azml.operators.rendering import renderer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import jinja2
    from airflow.sdk import Context

    from airflow_provider_azml.links import AzmlLink
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.waiting import Outcome, Ticket
    from airflow_provider_azml.spec.source import Source

_OBSTACLES = ("idle", "deleted")


def is_free(outcome: Outcome) -> bool:
    """Whether what kept the service from taking something is done, or gone, so that it can be sent again."""
    return outcome.goal == "idle" or (outcome.goal == "deleted" and outcome.succeeded)


class AzmlSpecOperator(AzmlOperator):
    """Base of operators that take an AML file, or what could stand in one.

    A subclass names the kind of the file, and the keys that its keyword arguments stand for. Retries neither submit a
    job nor make a version of an asset for a second time.

    Args:
        file: AML file, relative to the folder of the DAG file; templates in its text, and in that of AML files that it
            pulls in, are rendered.
        spec: The same content as a mapping.
        base_path: Folder that relative paths in `spec` start from, relative to that of the DAG file; it by default.
        follow_symlinks: Upload what links inside local folders lead to, even outside of them.
    """

    kind: str | None = None
    """What the file describes, a key of ``spec.table.KINDS``."""

    strict: bool = True
    """Whether what azure-ai-ml sends and the service refuses is an error, instead of a warning in the task's log."""

    wait: bool = True
    """Whether to wait until the service has made it; for a job, until it has ended."""

    spec_fields: ClassVar[Sequence[str]] = ()
    """Names of the keyword arguments that are keys of the AML file. A subclass adds to those of its base, and they are
    templated."""

    attributes: ClassVar[Mapping[str, str]] = {}
    """Keyword argument -> attribute that holds it, where the name is taken by Airflow."""

    template_fields: Sequence[str] = (*AzmlOperator.template_fields, "file", "spec", "base_path")
    operator_extra_links: tuple[AzmlLink, ...] = (AzmlStudioLink(),)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = vars(cls).get("spec_fields", ())
        inherited = next(vars(base)["spec_fields"] for base in cls.__mro__[1:] if "spec_fields" in vars(base))
        cls.spec_fields = (*inherited, *own)
        cls.template_fields = (*cls.template_fields, *(cls.attributes.get(name, name) for name in own))

    def __init__(
        self,
        *,
        file: str | None = None,
        spec: Mapping[str, Any] | None = None,
        base_path: str | None = None,
        follow_symlinks: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.file = file
        self.spec = spec
        self.base_path = base_path
        self.follow_symlinks = follow_symlinks

    def keep(self, given: Mapping[str, object]) -> None:
        """Keep the keyword arguments that are keys of the AML file, each as the attribute of its name."""
        for name in self.spec_fields:
            if name in given:
                setattr(self, self.attributes.get(name, name), given[name])

    def check_arguments(self) -> None:
        """Check the arguments that say how to wait, and what may be sent, once templates are rendered.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import yes_or_no

        super().check_arguments()
        self.wait = yes_or_no("wait", self.wait)
        self.strict = yes_or_no("strict", self.strict)
        self.follow_symlinks = yes_or_no("follow_symlinks", self.follow_symlinks)

    # -- to the service and back ---------------------------------------------------------------------------------

    def submit(self, context: Context) -> Ticket | Json:
        """Create or update what the file describes, unless an earlier try has."""
        source = self.source(context)
        kind = self.checked(source)
        return self._begun(context, self.hook.run(self.submission(kind, source, context)))

    def submission(self, kind: str, source: Source, context: Context) -> Flow[Ticket]:
        """What creates or updates it, once."""
        from airflow_provider_azml.operators import submission

        return submission.submit(self.hook.target, kind, source, context)

    def advance(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """Turn what was made into the task's result, or into an error that says why it was not."""
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.arm_ids import parse
        from airflow_provider_azml.rest.waiting import Ticket

        if is_free(outcome):
            return self.submit(context)
        made = parse(outcome.arm_id)
        if made.kind == "template_deployment" and outcome.succeeded:  # the workspace is what was asked for
            arm_id = self.workspace_of(self.source(context))
            return Ticket(arm_id, None, self.hook.run(flows.get(arm_id)))
        studio_url = self._show_made(context, outcome.arm_id)
        if not outcome.succeeded:
            raise self._failure(outcome, studio_url)
        return self.hook.run(self.result_of(context, outcome, studio_url))

    def result_of(self, context: Context, outcome: Outcome, studio_url: str) -> Flow[Json]:
        """The task's result, where what was made is as it should be."""
        from airflow_provider_azml.rest import results

        return results.told(outcome.arm_id, outcome.body, studio_url)

    def checked(self, source: Source) -> str:
        """The kind of a source without problems; warnings and notes go to the task's log.

        Raises:
            SpecError: It has problems, or it is of no known kind.
        """
        from airflow_provider_azml.spec import kinds
        from airflow_provider_azml.spec.table import KINDS

        if self.kind is not None and self.kind not in KINDS:
            reason = f"kind={self.kind!r} is no kind of AML file; it is one of {', '.join(KINDS)}"
            raise SpecError([source.problem((), reason)])
        kind = self.kind or kinds.kind_of(source)
        for told in kinds.check(source, kind, strict=self.strict):
            self.log.log(kinds.LEVELS[told.severity], "%s", told)
        return kind

    def workspace_of(self, source: Source) -> str:
        """ARM id of the workspace that a source describes."""
        return self.hook.workspace_id.sibling("workspace", str(source.value["name"]))

    def _begun(self, context: Context, ticket: Ticket) -> Ticket | Json:
        from airflow_provider_azml.rest import results
        from airflow_provider_azml.rest.waiting import ended, status_of

        if ticket.goal in _OBSTACLES:
            return ticket
        status = status_of(ticket.arm_id, ticket.body)
        if not (self.wait and status) or ended(ticket):  # else the first look of the wait tells
            self.log.info("%s is %s", _called(ticket.arm_id), status or "accepted")
        studio_url = self._show_made(context, ticket.arm_id)
        return ticket if self.wait else results.result(ticket.arm_id, ticket.body, studio_url)

    def _show_made(self, context: Context, arm_id: str) -> str:
        from airflow_provider_azml.rest.arm_ids import parse

        made = parse(arm_id)
        if made.row.parent == "workspace" or made.kind == "workspace":
            return self._show(context, made.kind, made.name, made.version)
        return self._show(context, made.row.parent, made.names[1] if made.names[1:] else "")

    def _failure(self, outcome: Outcome, studio_url: str) -> RunFailed:
        from dataclasses import replace

        from airflow_provider_azml.rest import failures
        from airflow_provider_azml.rest.arm_ids import parse

        made = parse(outcome.arm_id)
        if made.kind == "online_deployment":
            return self._not_deployed(outcome, made.names[1])
        if made.kind != "job":
            return outcome.failure(studio_url=studio_url)
        why = self.hook.run(failures.failure(self.hook.workspace_id, made.name, lines=LOG_LINES))
        told = replace(outcome, code=outcome.code or why.code, message=outcome.message or why.message)
        return told.failure(
            studio_url=studio_url, log_tail=why.log_tail, log_of=why.log_of, error_class=why.error_class
        )

    # -- the file ------------------------------------------------------------------------------------------------

    def source(self, context: Context) -> Source:
        """The file or mapping, with the keyword arguments merged over it.

        Raises:
            SpecError: It cannot be read, or both are given.
        """
        from airflow_provider_azml.spec.source import for_service

        held = {name: getattr(self, self.attributes.get(name, name)) for name in self.spec_fields}
        return for_service(self.content(context), {name: value for name, value in held.items() if value is not None})

    def content(self, context: Context) -> Source:
        """The file or mapping by itself.

        Raises:
            SpecError: It cannot be read, or both are given.
        """
        from airflow_provider_azml.spec.source import MAPPING, from_mapping

        if self.file is not None and self.spec is not None:
            raise SpecError([Problem(MAPPING, 0, 0, "", "file and spec are both given; give one of them")])
        if self.file is not None:
            return self.read(context, self.file)
        return from_mapping(
            self.spec or {},
            base_path=self.folder / (self.base_path or ""),
            render=renderer(self.get_template_env(), context),
            follow_symlinks=self.follow_symlinks,
        )

    def read(self, context: Context, file: str) -> Source:
        """An AML file, its text rendered by Jinja."""
        from airflow_provider_azml.spec.source import read

        render = renderer(self.get_template_env(), context)
        return read(self.folder / file, render=render, follow_symlinks=self.follow_symlinks)

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: jinja2.Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render as Airflow does, and have it mask secrets wherever it shows the result."""
        from airflow.sdk.log import mask_secret

        rendered = super().render_template(content, context, jinja_env, seen_oids)
        are_credentials = content is not None and content is getattr(self, "credentials", None)
        for secret in secrets_in(rendered, inside=are_credentials):
            mask_secret(secret)
        return rendered


def _called(arm_id: str) -> str:
    """What a resource is called, with its version if it has one."""
    from airflow_provider_azml.rest.arm_ids import parse

    made = parse(arm_id)
    return f"{made.name}:{made.version}" if made.version else made.name
