"""Jinja templates in AML files, without the Airflow that would fill them in.

What ``--var`` gives is filled in. What it does not is left open: the template's place in the file is taken by a marked
name, so that the rest of the file can be checked, and whatever is said about a marked value is not believed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import TemplateRuntimeError
    from jinja2.sandbox import SandboxedEnvironment

    from airflow_provider_azml.rest.flows import Json

_BEGIN, _END = "\ue000", "\ue001"  # private to their user: no file has a meaning for them, and YAML takes them
_QUOTED = tuple(ascii(mark)[1:-1] for mark in (_BEGIN, _END))  # as repr() shows them
_MARKED = re.compile(rf"(?:{_BEGIN}|\{_QUOTED[0]})(.*?)(?:{_END}|\{_QUOTED[1]})")
_AIRFLOW_FILTERS = ("ds", "ds_nodash", "ts", "ts_nodash", "ts_nodash_with_tz")
"""Filters that Airflow adds to Jinja. Source: ``airflow.sdk.definitions._internal.templater.FILTERS`` of Airflow 3."""


@dataclass(frozen=True)
class Templates:
    """Renders the texts of files.

    Args:
        variables: What is known of the context.
        left_open: The names that were asked for and not known, in the order of asking.
    """

    variables: Json
    left_open: dict[str, None] = field(default_factory=dict)

    def render(self, text: str) -> str:
        """The text with its templates filled in or marked."""
        return self._environment.from_string(text).render(self.variables)

    @cached_property
    def _environment(self) -> SandboxedEnvironment:
        # nobody needs them whose files have no templates
        from jinja2 import Undefined, UndefinedError  # noqa: PLC0415
        from jinja2.exceptions import SecurityError  # noqa: PLC0415
        from jinja2.sandbox import SandboxedEnvironment  # noqa: PLC0415
        from jinja2.utils import missing  # noqa: PLC0415

        left_open = self.left_open

        class Unknown(Undefined):
            """A value that nobody gave; what is done with it is unknown as well."""

            def __init__(
                self,
                hint: str | None = None,
                obj: Any = missing,
                name: str | None = None,
                exc: type[TemplateRuntimeError] = UndefinedError,
            ) -> None:
                if issubclass(exc, SecurityError):  # it is known well enough, and not to be touched
                    raise exc(hint)
                super().__init__(hint, obj, name, exc)

            def __str__(self) -> str:
                name = str(self._undefined_name)
                left_open[name] = None
                return f"{_BEGIN}{name}{_END}"

            def __getattr__(self, name: str) -> Any:
                if name.startswith("__"):
                    raise AttributeError(name)
                return Unknown(name=f"{self._undefined_name}.{name}")

            def __getitem__(self, key: object) -> Unknown:  # type: ignore[override]
                return Unknown(name=f"{self._undefined_name}[{key!r}]")

            def __call__(self, *_: object, **__: object) -> Unknown:  # type: ignore[override]
                return Unknown(name=f"{self._undefined_name}(...)")

            def _itself(self, _: object) -> Unknown:
                return self

            __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _itself  # type: ignore[assignment]
            __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _itself  # type: ignore[assignment]

        # sandboxed, as in Airflow: checking somebody's file must not run their code
        made = SandboxedEnvironment(undefined=Unknown, keep_trailing_newline=True, autoescape=False)
        made.filters.update(dict.fromkeys(_AIRFLOW_FILTERS, str))
        return made


def is_open(text: str) -> bool:
    """Whether a text holds, or quotes, a template that was left open."""
    return _MARKED.search(text) is not None


def shown(text: str) -> str:
    """The text with open templates as their author wrote them."""
    return _MARKED.sub(r"{{ \1 }}", text)
