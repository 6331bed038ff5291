"""What this machine has to give: memory and processors, as a container's limits leave them."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

from bot.operation.figures import DeviceMemory

CGROUP = Path("/sys/fs/cgroup")


def available_memory(device: torch.device) -> int:
    """Bytes that may still be allocated on the device."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    limits = [_system_memory(), *_cgroup_memory()]
    return max(0, min(limits))


def device_memory(device: torch.device) -> DeviceMemory:
    """What this process uses of a device's memory. Asks nothing of a device that is computing."""
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        return DeviceMemory(str(device), torch.cuda.memory_reserved(device), total)
    pages = _read(Path("/proc/self/statm")).split()
    used = int(pages[1]) * os.sysconf("SC_PAGE_SIZE") if len(pages) > 1 else 0
    return DeviceMemory(str(device), used, total_memory(device))


def total_memory(device: torch.device) -> int:
    """Bytes of memory that the device has, or as many of the machine's as a container may take."""
    if device.type == "cuda":
        _, total = torch.cuda.mem_get_info(device)
        return total
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _limit("memory.max")
    return machine if limit is None else min(machine, limit)


def most_memory() -> int | None:
    """Bytes that could be had at the very most, swap included; None where that is not known."""
    swap = _counted(Path("/proc/meminfo"), "SwapTotal:")
    if swap is None:
        return None
    limit = _limit("memory.swap.max")
    return total_memory(torch.device("cpu")) + (swap if limit is None else min(swap, limit))


def held_memory() -> int:
    """Bytes that this process has for itself; pages of files come and go, and are not counted."""
    return _counted(Path("/proc/self/status"), "RssAnon:") or 0


def processors() -> int:
    """Processors that this process may use: affinity and a container's quota together."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota, _, period = _read(CGROUP / "cpu.max").partition(" ")
    if quota.isdigit() and period.strip().isdigit():
        return max(1, min(usable or 1, round(int(quota) / int(period))))
    return usable or 1


def has_native_bf16() -> bool:
    """Whether the processor multiplies bf16 itself (AMX, AVX512-BF16, Arm BF16)."""
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & _processor_flags())


def has_vnni() -> bool:
    """Whether the processor sums products of eight bits in 32 bits itself (AVX512-VNNI)."""
    return "avx512_vnni" in _processor_flags()


def is_x86() -> bool:
    """Whether this is an x86-64 processor."""
    return platform.machine().lower() in {"x86_64", "amd64"}


def _processor_flags() -> set[str]:
    info = _read(Path("/proc/cpuinfo"))
    flags = next((line for line in info.splitlines() if line.startswith(("flags", "Features"))), "")
    return set(flags.split())


def _system_memory() -> int:
    available = _counted(Path("/proc/meminfo"), "MemAvailable:")
    if available is not None:
        return available
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _cgroup_memory() -> list[int]:
    limit, used = _limit("memory.max"), _limit("memory.current")
    if limit is None or used is None:
        return []
    # The page cache counts as used but is given back on demand; checkpoints fill it.
    stat = dict(line.split() for line in _read(CGROUP / "memory.stat").splitlines())
    return [limit - used + int(stat.get("inactive_file", 0))]


def _limit(name: str) -> int | None:
    """What a container's file says in bytes; None if there is none, or no limit."""
    text = _read(CGROUP / name).strip()
    return int(text) if text.isdigit() else None


def _counted(file: Path, name: str) -> int | None:
    """A line of the kernel's in kB, in bytes."""
    for line in _read(file).splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
