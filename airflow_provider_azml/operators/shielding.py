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
        """Render as Airflow does, leaving AML's own ``${{ }}`` and ``$[[ ]]`` alone."""
        if isinstance(content, str) and "${{" in content:
            from airflow_provider_azml.spec.templating import shield

            content = shield(content)
        return super().render_template(content, context, jinja_env, seen_oids)
