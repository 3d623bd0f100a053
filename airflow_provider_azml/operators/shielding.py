"""AML's own ``${{ }}`` and ``$[[ ]]`` in templated fields, which are none of Airflow's business."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context


class ShieldedOperator(BaseOperator):
    """Base of operators whose templated fields may hold expressions of AML."""

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: jinja2.Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render as Airflow does, leaving AML's own ``${{ }}`` and ``$[[ ]]`` alone, and the end of the last line."""
        if not isinstance(content, str):
            return super().render_template(content, context, jinja_env, seen_oids)
        jinja_env = jinja_env or self.get_template_env()
        # Jinja drops it, unless it is told otherwise; in a file of AML it is a part of the command
        ended = content.endswith("\n") and not jinja_env.keep_trailing_newline
        if "${{" in content:
            from airflow_provider_azml.spec.templating import shield

            content = shield(content)
        rendered = super().render_template(content, context, jinja_env, seen_oids)
        return f"{rendered}\n" if ended and isinstance(rendered, str) else rendered
