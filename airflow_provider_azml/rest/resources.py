"""THE table of Azure Resource Manager resources that this package speaks of.

A row says where a resource lives, under which api-version, where its status stands and which words end it. Hook,
operators, triggers, links and the emulator read it; tests hold it against the generated client of azure-ai-ml.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Header = Literal["Azure-AsyncOperation", "Location"]

PROVISIONED = frozenset({"Succeeded"})
NOT_PROVISIONED = frozenset({"Failed", "Canceled"})
PROVISIONING = frozenset({"Creating", "Updating", "Deleting"})
ASYNC: Header = "Azure-AsyncOperation"
LOCATION: Header = "Location"


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One row: a kind of resource.

    Args:
        kind: What the AML CLI calls it, with underscores.
        segment: Its path segment, in the service's spelling.
        api_version: The version that this package sends.
        parent: Kind of the resource that it lives under.
        versioned: Whether it lives at ``{segment}/{name}/versions/{version}``.
        provider: Resource provider namespace, where the path needs one.
        status: Keys that lead to its status in a GET body; empty when it has none.
        good: Words that end it well.
        bad: Words that end it badly.
        active: Words in between; a word in none of the three is waited on, with a warning.
        actions: Name of an action -> its path segment, in the service's casing.
        delete_params: Parameters without which a DELETE is refused.
        long_running: Verb or action -> the header by which the service says where to poll.
    """

    kind: str
    segment: str
    api_version: str
    parent: str = "workspace"
    versioned: bool = False
    provider: str | None = None
    status: tuple[str, ...] = ("properties", "provisioningState")
    good: frozenset[str] = PROVISIONED
    bad: frozenset[str] = NOT_PROVISIONED
    active: frozenset[str] = PROVISIONING
    actions: Mapping[str, str] = field(default_factory=dict)
    delete_params: Mapping[str, str] = field(default_factory=dict)
    long_running: Mapping[str, Header] = field(default_factory=dict)

    @property
    def terminal(self) -> frozenset[str]:
        """The words after which nothing more happens by itself."""
        return self.good | self.bad


JOB_ACTIVE = frozenset({
    "NotStarted",
    "Starting",
    "Provisioning",
    "Preparing",
    "Queued",
    "Running",
    "Finalizing",
    "CancelRequested",
    "Paused",
    "Unknown",
})

ROWS = (
    Resource(
        kind="resource_group",
        segment="resourceGroups",
        parent="subscription",
        api_version="2020-06-01",
        long_running={"DELETE": LOCATION},
    ),
    Resource(
        kind="template_deployment",
        segment="deployments",
        provider="Microsoft.Resources",
        parent="resource_group",
        api_version="2020-06-01",
        bad=NOT_PROVISIONED | {"Deleted"},
        active=PROVISIONING | {"NotSpecified", "Accepted", "Ready", "Running", "Created"},
        long_running={"PUT": ASYNC, "DELETE": LOCATION},
    ),
    Resource(
        kind="private_endpoint",
        segment="privateEndpoints",
        provider="Microsoft.Network",
        parent="resource_group",
        api_version="2023-11-01",
        bad=frozenset({"Failed"}),
        active=frozenset({"Updating", "Deleting"}),
        long_running={"PUT": ASYNC, "DELETE": ASYNC},
    ),
    Resource(
        kind="workspace",
        segment="workspaces",
        provider="Microsoft.MachineLearningServices",
        parent="resource_group",
        api_version="2024-10-01-preview",
        active=PROVISIONING | {"Unknown"},
        actions={
            "list_keys": "listKeys",
            "resync_keys": "resyncKeys",
            "diagnose": "diagnose",
            "list_storage_account_keys": "listStorageAccountKeys",
            "list_notebook_keys": "listNotebookKeys",
            "list_notebook_access_token": "listNotebookAccessToken",
            "prepare_notebook": "prepareNotebook",
            "provision_managed_network": "provisionManagedNetwork",
        },
        long_running={
            "PUT": LOCATION,
            "PATCH": LOCATION,
            "DELETE": LOCATION,
            "resync_keys": LOCATION,
            "diagnose": LOCATION,
            "prepare_notebook": LOCATION,
            "provision_managed_network": LOCATION,
        },
    ),
    Resource(
        kind="compute",
        segment="computes",
        api_version="2023-08-01-preview",
        delete_params={"underlyingResourceAction": "Delete"},
        active=PROVISIONING | {"Unknown"},
        actions={
            "start": "start",
            "stop": "stop",
            "restart": "restart",
            "list_nodes": "listNodes",
            "list_keys": "listKeys",
        },
        long_running={
            "PUT": ASYNC,
            "PATCH": ASYNC,
            "DELETE": ASYNC,
            "start": LOCATION,
            "stop": LOCATION,
            "restart": LOCATION,
        },
    ),
    Resource(
        kind="datastore",
        segment="datastores",
        api_version="2024-10-01-preview",
        status=(),
        actions={"list_secrets": "listSecrets"},
    ),
    Resource(
        kind="connection",
        segment="connections",
        api_version="2024-04-01-preview",
        status=(),
        actions={"list_secrets": "listsecrets"},
    ),
    Resource(
        kind="code",
        segment="codes",
        versioned=True,
        api_version="2023-04-01",
        actions={"start_pending_upload": "startPendingUpload", "publish": "publish"},
        long_running={"publish": LOCATION},
    ),
    Resource(
        kind="data",
        segment="data",
        versioned=True,
        api_version="2023-04-01-preview",
        status=(),
        actions={"publish": "publish"},
        long_running={"publish": LOCATION},
    ),
    *(
        Resource(
            kind=kind,
            segment=segment,
            versioned=True,
            api_version=version,
            actions={"publish": "publish"},
            long_running={"publish": LOCATION},
        )
        for kind, segment, version in (
            ("environment", "environments", "2023-04-01-preview"),
            ("model", "models", "2023-08-01-preview"),
            ("component", "components", "2024-01-01-preview"),
        )
    ),
    Resource(
        kind="job",
        segment="jobs",
        api_version="2025-01-01-preview",
        status=("properties", "status"),
        good=frozenset({"Completed"}),
        bad=frozenset({"Failed", "Canceled", "NotResponding"}),
        active=JOB_ACTIVE,
        actions={"cancel": "cancel"},
        long_running={"cancel": LOCATION, "DELETE": LOCATION},
    ),
    Resource(
        kind="schedule",
        segment="schedules",
        api_version="2023-06-01-preview",
        long_running={"PUT": ASYNC, "DELETE": LOCATION},
    ),
    Resource(
        kind="online_endpoint",
        segment="onlineEndpoints",
        api_version="2022-02-01-preview",
        actions={"list_keys": "listKeys", "get_token": "token", "regenerate_keys": "regenerateKeys"},
        long_running={"PUT": ASYNC, "PATCH": LOCATION, "DELETE": LOCATION, "regenerate_keys": LOCATION},
    ),
    Resource(
        kind="online_deployment",
        segment="deployments",
        parent="online_endpoint",
        api_version="2023-04-01-preview",
        active=PROVISIONING | {"Scaling"},
        actions={"get_logs": "getLogs"},
        long_running={"PUT": ASYNC, "PATCH": LOCATION, "DELETE": LOCATION},
    ),
    Resource(
        kind="batch_endpoint",
        segment="batchEndpoints",
        api_version="2023-10-01",
        actions={"list_keys": "listkeys"},
        long_running={"PUT": ASYNC, "PATCH": LOCATION, "DELETE": LOCATION},
    ),
    Resource(
        kind="batch_deployment",
        segment="deployments",
        parent="batch_endpoint",
        api_version="2024-01-01-preview",
        active=PROVISIONING | {"Scaling"},
        long_running={"PUT": ASYNC, "PATCH": LOCATION, "DELETE": LOCATION},
    ),
    Resource(
        kind="serverless_endpoint",
        segment="serverlessEndpoints",
        api_version="2024-01-01-preview",
        actions={"list_keys": "listKeys", "regenerate_keys": "regenerateKeys"},
        long_running={"PUT": ASYNC, "PATCH": LOCATION, "DELETE": LOCATION, "regenerate_keys": LOCATION},
    ),
    Resource(
        kind="marketplace_subscription",
        segment="marketplaceSubscriptions",
        api_version="2024-01-01-preview",
        long_running={"PUT": ASYNC, "DELETE": LOCATION},
    ),
    Resource(
        kind="feature_set",
        segment="featuresets",
        versioned=True,
        api_version="2023-10-01",
        actions={"backfill": "backfill"},
        long_running={"PUT": ASYNC, "DELETE": LOCATION, "backfill": LOCATION},
    ),
    Resource(
        kind="feature_store_entity",
        segment="featurestoreEntities",
        versioned=True,
        api_version="2023-10-01",
        long_running={"PUT": ASYNC, "DELETE": LOCATION},
    ),
    Resource(
        kind="outbound_rule",
        segment="outboundRules",
        api_version="2024-10-01-preview",
        status=("properties", "status"),
        good=frozenset({"Active", "Inactive"}),
        bad=frozenset({"Failed"}),
        active=frozenset({"Provisioning", "Deleting"}),
        long_running={"PUT": LOCATION, "DELETE": LOCATION},
    ),
    Resource(
        kind="private_endpoint_connection",
        segment="privateEndpointConnections",
        api_version="2024-04-01",
        bad=frozenset({"Failed"}),
        active=frozenset({"Creating", "Deleting"}),
    ),
    Resource(
        kind="registry",
        segment="registries",
        provider="Microsoft.MachineLearningServices",
        parent="resource_group",
        api_version="2022-10-01-preview",
        status=(),
        actions={"remove_regions": "removeRegions"},
        long_running={"PUT": ASYNC, "DELETE": LOCATION, "remove_regions": LOCATION},
    ),
    *(
        Resource(
            kind=f"registry_{kind}",
            segment=segment,
            parent="registry",
            versioned=True,
            api_version="2021-10-01-dataplanepreview",
            status=() if kind == "data" else ("properties", "provisioningState"),
            actions={"start_pending_upload": "startPendingUpload"} if kind in ("code", "data", "model") else {},
            long_running={"PUT": ASYNC, "DELETE": LOCATION},
        )
        for kind, segment in (
            ("code", "codes"),
            ("component", "components"),
            ("data", "data"),
            ("environment", "environments"),
            ("model", "models"),
        )
    ),
)

RESOURCES: Mapping[str, Resource] = {row.kind: row for row in ROWS}
"""All rows by kind. Sources: the generated client of azure-ai-ml 1.35.2 (paths, casing, long-running headers), the
api-versions that its MLClient pins, and the status enums of the 2024-04-01 OpenAPI files."""
