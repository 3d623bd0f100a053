"""Sizes of machines that managed online endpoints run on, and the smallest one that is enough.

Sources: https://learn.microsoft.com/azure/machine-learning/reference-managed-online-endpoints-vm-sku-list (which there
are), https://learn.microsoft.com/azure/virtual-machines/sizes (what they have).
"""

from __future__ import annotations

from typing import NamedTuple


class InstanceSize(NamedTuple):
    """A size of machine.

    Args:
        name: As ``instance_type`` has it.
        cores: CPU cores.
        memory: Memory in GiB.
        gpus: GPUs.
    """

    name: str
    cores: int
    memory: float
    gpus: int = 0


SIZES = (
    InstanceSize("Standard_DS1_v2", 1, 3.5),
    InstanceSize("Standard_F2s_v2", 2, 4),
    InstanceSize("Standard_DS2_v2", 2, 7),
    InstanceSize("Standard_E2s_v3", 2, 16),
    InstanceSize("Standard_F4s_v2", 4, 8),
    InstanceSize("Standard_DS3_v2", 4, 14),
    InstanceSize("Standard_E4s_v3", 4, 32),
    InstanceSize("Standard_F8s_v2", 8, 16),
    InstanceSize("Standard_DS4_v2", 8, 28),
    InstanceSize("Standard_E8s_v3", 8, 64),
    InstanceSize("Standard_F16s_v2", 16, 32),
    InstanceSize("Standard_DS5_v2", 16, 56),
    InstanceSize("Standard_E16s_v3", 16, 128),
    InstanceSize("Standard_F32s_v2", 32, 64),
    InstanceSize("Standard_E32s_v3", 32, 256),
    InstanceSize("Standard_F64s_v2", 64, 128),
    InstanceSize("Standard_E64s_v3", 64, 432),
    InstanceSize("Standard_F72s_v2", 72, 144),
    InstanceSize("Standard_NC4as_T4_v3", 4, 28, 1),
    InstanceSize("Standard_NC8as_T4_v3", 8, 56, 1),
    InstanceSize("Standard_NC16as_T4_v3", 16, 110, 1),
    InstanceSize("Standard_NC64as_T4_v3", 64, 440, 4),
)
"""The sizes, smallest first among those with and without GPUs."""


def smallest(cores: float, memory: float, gpus: int = 0) -> InstanceSize | None:
    """The smallest size that has at least this much; ``None`` where none has.

    A size with GPUs is never taken for what asks for none.

    Args:
        cores: CPU cores.
        memory: Memory in GiB.
        gpus: GPUs.

    Example:
        >>> smallest(cores=2, memory=6.5).name
        'Standard_DS2_v2'
    """
    enough = (
        size
        for size in SIZES
        if size.cores >= cores and size.memory >= memory and size.gpus >= gpus and bool(size.gpus) == bool(gpus)
    )
    return next(enough, None)
