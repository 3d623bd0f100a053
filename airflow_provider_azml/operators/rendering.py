"""The text of AML files, rendered by a DAG's own templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    import jinja2
    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json


def renderer(environment: jinja2.Environment, context: Context) -> Callable[[str], str]:
    """What renders text to text, also in a DAG that renders its templates as native objects."""

    def render(text: str) -> str:
        template = environment.from_string(text)
        values = template.new_context(dict(context))
        try:
            return "".join(_texts(cast("Generator[str, None, None]", template.root_render_func(values))))
        except Exception:  # noqa: BLE001 (raised again, with the lines of the template in place of those of its code)
            environment.handle_exception()

    return render


def normal_checks(
    given: Sequence[Mapping[str, Any]] | str, folder: Path, environment: jinja2.Environment, context: Context
) -> Sequence[Json]:
    """Checks of what serves, in the form that can travel; nothing where none are given.

    Args:
        given: The checks, or the name of the file that holds them.
        folder: What relative paths start from.
        environment: What renders the text of the file.
        context: The context of the task.

    Raises:
        SpecError: They are not valid.
    """
    from airflow_provider_azml.spec.checks import checked

    return checked(given, folder, render=renderer(environment, context)) if given else ()


def _texts(parts: Generator[str, None, None]) -> Iterator[str]:
    """The parts of a template as text; where native objects are rendered, one may be found undefined only here."""
    for part in parts:
        try:
            yield str(part)
        except Exception as error:  # noqa: BLE001 (raised again where the template asks for it)
            parts.throw(error)
