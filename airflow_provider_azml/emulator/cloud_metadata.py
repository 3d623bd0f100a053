"""The document by which clients learn where everything of this cloud is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse
from starlette.routing import Route

from airflow_provider_azml.emulator.storage.blobs import SUFFIX

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

CLOUD_NAME = "AzureEmu"
METADATA_VERSION = "2019-05-01"
# azure-ai-ml makes the audience of AML tokens of what follows the second dot: https://ml.azure.emu
PORTAL = "https://portal.azure.emu/"


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The routes of the metadata document, and of the discovery document of workspaces."""

    async def metadata(request: Request) -> Response:
        document = cloud(emulator)
        # az takes a document, and the older version is a list of them
        version = request.query_params.get("api-version", METADATA_VERSION)
        return JSONResponse([document] if version <= METADATA_VERSION else document)

    async def discovery(_: Request) -> Response:
        url = emulator.https_url
        services = ("catalog", "experimentation", "gallery", "history", "hyperdrive", "labeling", "modelmanagement")
        # azureml-core 1.61 does nothing without the last
        others = dict.fromkeys((*services, "pipelines", "studiocoreservices"), url)
        return JSONResponse({"api": url, **others, "studio": f"{url}/studio"})

    return [Route("/metadata/endpoints", metadata), Route("/discovery", discovery)]


def cloud(emulator: Emulator) -> Json:
    """The metadata document.

    Source: the answer of ``https://management.azure.com/metadata/endpoints`` in the versions that clients ask for.
    """
    url = emulator.https_url
    return {
        "name": CLOUD_NAME,
        "portal": PORTAL,
        "mlStudio": f"{url}/studio",
        "authentication": {
            "loginEndpoint": url,
            "audiences": [f"{audience}/" for audience in emulator.auth.arm_audiences],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "resourceManager": f"{url}/",
        "graph": f"{url}/graph/",
        "graphAudience": f"{url}/graph/",
        "microsoftGraphResourceId": f"{url}/graph/",
        "gallery": f"{url}/gallery/",
        "batch": f"{url}/batch/",
        "sqlManagement": url,
        "media": url,
        "activeDirectoryDataLake": url,
        "logAnalyticsResourceId": url,
        "suffixes": {
            "storage": SUFFIX,
            "keyVaultDns": "vault.azure.emu",
            "acrLoginServer": "azurecr.emu",
            "azureDataLakeStoreFileSystem": "azuredatalakestore.emu",
            "azureDataLakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.emu",
            "sqlServerHostname": "database.azure.emu",
            "mhsmDns": "managedhsm.azure.emu",
        },
    }
