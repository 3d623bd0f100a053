"""The text of AML files, rendered by a DAG's own templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    import jinja2
    from airflow.sdk import Context


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


def _texts(parts: Generator[str, None, None]) -> Iterator[str]:
    """The parts of a template as text; where native objects are rendered, one may be found undefined only here."""
    for part in parts:
        try:
            yield str(part)
        except Exception as error:  # noqa: BLE001 (raised again where the template asks for it)
            parts.throw(error)
