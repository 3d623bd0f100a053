"""What a web service of CLI v1 runs on and how, in the keys of a deployment of today."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_azml.spec.instance_sizes import smallest
from airflow_provider_azml.spec.v1.placed import Placed, gathered, kept, put, unless_empty
from airflow_provider_azml.spec.v1.translation import Remark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.spec.instance_sizes import InstanceSize
    from airflow_provider_azml.spec.v1.deployment import DeploymentConfig

_RESOURCES = "containerResourceRequirements"
_SCALER = "autoScaler"
_PROBE = "livenessProbeRequirements"
_CORES, _MEMORY = 0.1, 0.5
"""What v1 gives a container where nothing is said: cores, and GB."""
_SCORING_MS = 60_000
_PROBE_KEYS = {
    "initial_delay": ("initialDelaySeconds", 310),
    "period": ("periodSeconds", 10),
    "timeout": ("timeoutSeconds", 2),
    "success_threshold": ("successThreshold", 1),
    "failure_threshold": ("failureThreshold", 3),
}
"""Key of v2 -> key of v1, and what v1 takes where a probe does not say it."""
_SCALE_KEYS = {
    "min_instances": ("minReplicas", 1),
    "max_instances": ("maxReplicas", 10),
    "polling_interval": ("refreshPeriodInSeconds", 1),
    "target_utilization_percentage": ("targetUtilization", 70),
}
_COLLECTED = ("model_inputs", "model_outputs")


@dataclass(frozen=True)
class ServiceSettings:
    """What a service runs on, and how.

    Args:
        config: Its deployment configuration.
        uses_gpu: Whether its image has CUDA.
    """

    config: DeploymentConfig
    uses_gpu: bool

    @property
    def is_too_large(self) -> bool:
        """Whether no machine is large enough for it."""
        return not self.config.is_on_kubernetes and self._size is None

    @property
    def too_large(self) -> str:
        """What to say then."""
        return f"no machine of managed endpoints has {self._asked}; ask for less"

    def members(self) -> Mapping[str, Placed | None]:
        """The keys of the deployment."""
        source = self.config.source
        on_kubernetes = self.config.is_on_kubernetes
        return {
            "instance_type": None if on_kubernetes or self._size is None else put(self._size.name, source, _RESOURCES),
            "instance_count": self._count,
            "scale_settings": self._scale if on_kubernetes else None,
            "resources": self._resources if on_kubernetes else None,
            "app_insights_enabled": kept(source, "appInsightsEnabled"),
            "request_settings": self._requests,
            "liveness_probe": self._probe,
            "data_collector": self._collector,
        }

    @property
    def remarks(self) -> Sequence[Remark]:
        """The choices that were made."""
        found = [
            Remark(("request_settings",), "v1 let scoring take a minute; v2 takes 5 seconds where nothing is said")
        ]
        if self.config.number("scoringTimeoutMs") is not None:
            found = []
        if not self.config.is_on_kubernetes and self._size is not None:
            found.append(Remark(("instance_type",), f"the smallest size of machine that has {self._asked}"))
        if self.config.is_on_kubernetes and self.config.scales and self.config.source.value_at((_SCALER,)) is None:
            found.append(Remark(("scale_settings",), "v1 lets the number of containers follow the load by default"))
        if self._collector is not None:
            text = (
                "v1 collected with azureml-monitoring (ModelDataCollector); v2 does with azureml-ai-monitoring "
                "(Collector), which the script must call instead"
            )
            found.append(Remark(("data_collector",), text))
        return found

    @cached_property
    def _size(self) -> InstanceSize | None:
        return smallest(self._cores, self._memory, self._gpus)

    @property
    def _cores(self) -> float:
        return self.config.number(_RESOURCES, "cpu") or _CORES

    @property
    def _memory(self) -> float:
        return self.config.number(_RESOURCES, "memoryInGB") or _MEMORY

    @property
    def _gpus(self) -> int:
        return int(self.config.number("gpuCores") or self.uses_gpu)

    @property
    def _asked(self) -> str:
        gpus = f" and {self._gpus} GPU{'s' if self._gpus > 1 else ''}" if self._gpus else ""
        return f"{self._cores:g} cores, {self._memory:g} GB of memory{gpus}"

    @property
    def _count(self) -> Placed | None:
        source = self.config.source
        if not self.config.is_on_kubernetes:
            return put(1, source, "computeType")
        return kept(source, "numReplicas")

    @property
    def _scale(self) -> Placed:
        source = self.config.source
        if not self.config.scales:
            return put({"type": "default"}, source, "numReplicas")
        members = {"type": put("target_utilization", source, _SCALER), **self._said(_SCALER, _SCALE_KEYS)}
        return gathered(members, source, _SCALER)

    @property
    def _resources(self) -> Placed:
        source, memory = self.config.source, self._memory
        gpus = put(str(self._gpus), source, "gpuCores") if self._gpus else None
        asked = {
            "cpu": put(f"{self._cores:g}", source, _RESOURCES, "cpu"),
            "memory": put(f"{memory:g}Gi", source, _RESOURCES, "memoryInGB"),
            "nvidia.com/gpu": gpus,
        }
        cores, most = (self.config.number(_RESOURCES, key) for key in ("cpuLimit", "memoryInGBLimit"))
        limits = {
            "cpu": None if cores is None else put(f"{cores:g}", source, _RESOURCES, "cpuLimit"),
            "memory": None if most is None else put(f"{most:g}Gi", source, _RESOURCES, "memoryInGBLimit"),
            "nvidia.com/gpu": gpus,  # Kubernetes wants GPUs to be limited to what is asked for
        }
        members = {
            "requests": gathered(asked, source, _RESOURCES),
            "limits": unless_empty(gathered(limits, source, _RESOURCES)),
        }
        return gathered(members, source, _RESOURCES)

    @property
    def _requests(self) -> Placed:
        source = self.config.source
        members = {
            "request_timeout_ms": kept(source, "scoringTimeoutMs") or put(_SCORING_MS, source, "scoringTimeoutMs"),
            "max_concurrent_requests_per_instance": kept(source, "maxConcurrentRequestsPerContainer"),
            "max_queue_wait_ms": kept(source, "maxQueueWaitMs"),
        }
        return gathered(members, source)

    @property
    def _probe(self) -> Placed | None:
        source = self.config.source
        if not source.at(_PROBE).value:
            return None
        return gathered(self._said(_PROBE, _PROBE_KEYS), source, _PROBE)

    @property
    def _collector(self) -> Placed | None:
        if not self.config.flag("dataCollection", "storageEnabled"):
            return None
        collections = {name: {"enabled": "true"} for name in _COLLECTED}
        return put({"collections": collections}, self.config.source, "dataCollection", "storageEnabled")

    def _said(self, section: str, keys: Mapping[str, tuple[str, int]]) -> dict[str, Placed | None]:
        """Numbers of a section under their names of today, with v1's own where they are not said."""
        source = self.config.source
        return {
            name: kept(source, section, key) or put(default, source, section) for name, (key, default) in keys.items()
        }
