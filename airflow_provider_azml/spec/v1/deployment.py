"""Deployment configurations of CLI v1: where a web service runs, and with what.

Source: the deployment configuration schemas of ``az ml model deploy``
(https://learn.microsoft.com/azure/machine-learning/v1/reference-azure-machine-learning-cli), and what azureml-core 1.61
reads of such files (``deploy_config_dict_to_obj``) and refuses of them (``validate_configuration``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.spec import validate
from airflow_provider_azml.spec.places import closest
from airflow_provider_azml.spec.rules import lower
from airflow_provider_azml.spec.v1 import unsayable
from airflow_provider_azml.spec.v1.unsayable import Unsayable, is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.source import Source

SCHEMA = "v1_deploymentconfig.schema.json"
LOCAL = "local"
ACI = "aci"
AKS = "aks"
AKS_ENDPOINT = "aksendpoint"
TYPES = (LOCAL, ACI, AKS, AKS_ENDPOINT)
_TYPE = "computeType"
_RESOURCES = "containerResourceRequirements"
_SCALER = "autoScaler"
_REFUSED: Mapping[str, str] = {
    "iot": "v2 has no modules for IoT Edge; build them with the tools of Azure IoT",
    "iotedge": "v2 has no modules for IoT Edge; build them with the tools of Azure IoT",
    "fpga": "Azure ML has no FPGAs any more; take aci or aks",
    "brainwave": "Azure ML has no FPGAs any more; take aci or aks",
    "amlcompute": "v2 serves from no clusters of Azure ML; take aci or aks",
}
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{,61}[a-z0-9])?")
_LONGEST_SCORING = {ACI: 180_000, AKS: 300_000}
"""Milliseconds. Source: https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas"""
_KEYS = "a file of v2 holds no keys; leave them out, and set them afterwards: az ml online-endpoint regenerate-keys"
_CERTIFICATE = "an endpoint of v2 has a certificate and a host name of Azure's; put an application gateway before it"
_OWN_KEY = "v2 encrypts with the key of the workspace; leave it out"
_NO_NAMESPACE = "v2 takes the namespace that the cluster was attached with; leave it out, or attach the cluster with it"
_NETWORK = "an endpoint of v2 is in the network that the workspace manages; leave it out"
_EVERYWHERE = (
    Unsayable(("keys", "primaryKey"), _KEYS),
    Unsayable(("keys", "secondaryKey"), _KEYS),
    Unsayable(("dataCollection", "eventHubEnabled"), "v2 collects data in storage alone; leave it out", (False,)),
)
_OF_ACI = (
    *_EVERYWHERE,
    Unsayable(("sslCertificate",), _CERTIFICATE),
    Unsayable(("sslKey",), _CERTIFICATE),
    Unsayable(("cname",), _CERTIFICATE),
    *(Unsayable((key,), _OWN_KEY) for key in ("vaultBaseUrl", "keyName", "keyVersion")),
    *(Unsayable((key,), _NETWORK) for key in ("vnetName", "subnetName")),
)
_LIMITED = (("cpu", "cpuLimit"), ("memoryInGB", "memoryInGBLimit"))


@dataclass(frozen=True)
class DeploymentConfig:
    """A deployment configuration.

    Args:
        source: Its file; without content for none, which is ``default``.
        default: What it is where it does not say: v1 deploys to a cluster that is named, else to container instances.
    """

    source: Source
    default: str = ACI

    @property
    def type(self) -> str:
        """One of ``local``, ``aci``, ``aks`` and ``aksendpoint``, or whatever else it says."""
        return lower(self.source.value.get(_TYPE) or self.default)

    @property
    def is_on_kubernetes(self) -> bool:
        """Whether it is for a cluster."""
        return self.type in (AKS, AKS_ENDPOINT)

    @property
    def scales(self) -> bool:
        """Whether the number of containers follows the load."""
        said = self.source.value_at((_SCALER, "autoscaleEnabled"))
        return self.source.value.get("numReplicas") is None if said is None else said is True

    def problems(self, *, today: bool = True) -> Iterator[Problem]:
        """What is wrong with it, and what v2 cannot say.

        Args:
            today: Whether it is to be said in v2; else it goes to the service of v1 as it is.
        """
        source, named = self.source, self.type
        if named not in TYPES:
            yield from self._type_problems()
            return
        if source.value:
            yield from validate.problems(source, f"{SCHEMA}#/$defs/{named}")
        if today:
            yield from unsayable.problems(source, _EVERYWHERE if self.is_on_kubernetes else _OF_ACI)
        if named == ACI:
            if not today and self.flag("sslEnabled"):
                yield from self._together(("sslEnabled", "sslCertificate", "sslKey", "cname"))
            yield from self._together(("vaultBaseUrl", "keyName", "keyVersion"))
            yield from self._together(("vnetName", "subnetName"))
        if self.is_on_kubernetes:
            yield from self._kubernetes_problems(today=today)

    def number(self, *path: str) -> float | None:
        """A number of the file; ``None`` where there is none."""
        found = self.source.value_at(path)
        return found if isinstance(found, (int, float)) and not isinstance(found, bool) else None

    def flag(self, *path: str) -> bool:
        """Whether something is said to be so."""
        return self.source.value_at(path) is True

    def _type_problems(self) -> Iterator[Problem]:
        named, given = self.type, self.source.value.get(_TYPE)
        if named in _REFUSED:
            yield self.source.problem((_TYPE,), f"{given!r} cannot be deployed to: {_REFUSED[named]}")
            return
        meant = closest(named, TYPES)
        hint = f"; did you mean {meant!r}?" if meant else f"; it is one of {', '.join(TYPES)}"
        yield self.source.problem((_TYPE,), f"{given!r:.80} is no type of compute{hint}")

    def _kubernetes_problems(self, *, today: bool) -> Iterator[Problem]:
        source, value = self.source, self.source.value
        if value.get("authEnabled") is True and value.get("tokenAuthEnabled") is True:
            yield source.problem(
                ("tokenAuthEnabled",), "authEnabled is true too; callers show a key or a token, not both"
            )
        namespace = value.get("namespace")
        if isinstance(namespace, str) and not is_unset(namespace) and not _NAMESPACE.fullmatch(namespace):
            reason = (
                f"{namespace!r:.80} is no namespace of Kubernetes: at most 63 of a-z, 0-9 and -, no - first or last"
            )
            yield source.problem(("namespace",), reason)
        elif today and not is_unset(namespace) and namespace != "default":
            yield source.problem(("namespace",), _NO_NAMESPACE, at_key=True)
        for least, most in _LIMITED:
            low, high = self.number(_RESOURCES, least), self.number(_RESOURCES, most)
            if low is not None and high is not None and high < low:
                yield source.problem((_RESOURCES, most), f"is {high:g}, and {least} is {low:g}; it must not be less")
        timeout = self.number("scoringTimeoutMs")
        if today and timeout is not None and timeout > _LONGEST_SCORING[AKS]:
            reason = f"is {timeout:g}, and v2 lets scoring take {_LONGEST_SCORING[AKS]} on Kubernetes at most"
            yield source.problem(("scoringTimeoutMs",), reason)
        yield from self._scaling_problems()

    def _scaling_problems(self) -> Iterator[Problem]:
        """What azureml-core refuses of an autoscaler."""
        source, replicas = self.source, self.source.value.get("numReplicas")
        said = source.value_at((_SCALER, "autoscaleEnabled"))
        if said is True and replicas is not None:
            yield source.problem(("numReplicas",), "counts without the autoscaler alone, and autoscaleEnabled is true")
        if said is False and replicas is None:
            yield source.problem((_SCALER, "autoscaleEnabled"), "is false, and numReplicas is missing; say how many")
        if said is not True:
            scaler = source.at(_SCALER)
            for key in (key for key in scaler.value if key != "autoscaleEnabled" and scaler.value[key] is not None):
                yield source.problem((_SCALER, key), "counts with autoscaleEnabled: true alone", at_key=True)
        least, most = self.number(_SCALER, "minReplicas"), self.number(_SCALER, "maxReplicas")
        if least is not None and most is not None and least > most:
            yield source.problem((_SCALER, "minReplicas"), f"is {least:g}, and maxReplicas is {most:g}")

    def _together(self, keys: Sequence[str]) -> Iterator[Problem]:
        """Keys that count together: some without the others say nothing."""
        value = self.source.value
        said = [key for key in keys if not is_unset(value.get(key))]
        for key in (key for key in keys if said and key not in said):
            yield self.source.problem((said[0],), f"{key} is missing beside it", at_key=True)


def is_deployment_config(source: Source) -> bool:
    """Whether a source is a deployment configuration of CLI v1: it says ``computeType`` at its top."""
    value = source.value
    return _TYPE in value and value.keys().isdisjoint({"$schema", "properties", "environmentImageRequest", "imageId"})


def check(source: Source) -> Sequence[Problem]:
    """Check a deployment configuration before anything is made of it.

    Returns:
        The notes, of what v1 heeded and v2 has no need of.

    Raises:
        SpecError: It is no valid configuration, or says what v2 cannot say; with all its problems at once.
    """
    return validate.told(DeploymentConfig(source).problems())
