"""What operators that archive assets share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.operators.base import AzmlOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json


class AzmlArchiveAssetOperator(AzmlOperator):
    """Base of operators that hide an asset, or a version of it, from listings.

    Args:
        name: Name of the asset.
        version: The version; without one, the asset with all its versions.
        restore: Show it again instead.
    """

    kind: ClassVar[str]
    """Kind of the asset, a key of the resource table."""

    template_fields: Sequence[str] = (*AzmlOperator.template_fields, "name", "version")

    def __init__(self, *, name: str, version: str | None = None, restore: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.version = version
        self.restore = restore

    def submit(self, context: Context) -> Json:
        """Archive it, unless it is; there is nothing to wait for."""
        from airflow_provider_azml.rest.changes import switch

        version = None if self.version is None else str(self.version)
        arm_id = self.hook.workspace_id.child(self.kind, self.name, *filter(None, [version]))
        self.hook.run(switch(arm_id, "isArchived", on=not self.restore))
        return {"name": self.name, "version": version, "id": arm_id, "is_archived": not self.restore}
