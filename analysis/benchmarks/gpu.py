"""Everything there is to know of a GPU by one command: is it right, and how fast is it beside its peers?

    pip install '.[gpu]'
    python analysis/benchmarks/gpu.py [--device cuda:0]         # writes docs/gpu.md; a few minutes
    python analysis/benchmarks/gpu.py --device simulator --output FILE      # every step of it, where there is no GPU

What is right is what the tests of the CPU say, run again: Philox words bit for bit, everything that is recorded of all
schemes, increments and drifts, reductions, walkers that leave the domain; then weights of an ensemble of networks and
of its Langevin twin. Then component-steps (steps times trajectories times coordinates) a second, medians of repeats.
The simulator runs kernels in Python and torch on the CPU, at sizes so small that its speeds mean nothing. Exit code 1
if anything is wrong, and no page is written; 2, with one line, where there is no such device.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "gpu.md"
WEIGHTS = 1e-9
"""Largest difference of weights in float64, of order one, after STEPS_OF_NETWORKS steps."""
STEPS_OF_NETWORKS = 40
GPUEM = (8_388_608 * 3 * 256, 0.715859498)
"""Component-steps, and the seconds they took."""
_PEER = (
    "published: GPUEM of DiffEqGPU.jl, float32, 8,388,608 trajectories of 256 steps, on a GPU that the file does not "
    "name; no copies in its time (`data/SDE` of utkarsh530/GPUODEBenchmarks on GitHub, for Utkarsh et al., "
    "Comput. Methods Appl. Mech. Eng. 419 (2024) 116591)"
)
_HEAD = """# On a GPU

Written by `python analysis/benchmarks/gpu.py`, the one command that says whether a GPU computes what the CPU does, and
how fast.
"""
_NOTHING_YET = """
**No GPU has run this yet.** What is known without one: under numba's simulator the kernels give the numbers of the
CPU, and [machine code is compiled](gpu_kernels.md) for sm_80 and sm_90, with no spills. Speeds there are bounds that
no run reaches. On a machine with an NVIDIA GPU, from a checkout,

```text
pip install ".[gpu]"
python analysis/benchmarks/gpu.py
```

takes a few minutes and writes this page anew, with the device, its driver, the versions and the date.
"""


@dataclass(frozen=True)
class Sizes:
    """Trajectories and steps of the runs that are timed; `long` for what has the loop over steps inside."""

    trajectories: int
    steps: int
    long: int
    repeats: int


@dataclass(frozen=True)
class Found:
    """What the page says: where it ran, what was compared, and component-steps a second of each contestant."""

    where: dict[str, str]
    simulated: bool
    right: list[tuple[str, str, str]]
    sizes: Sizes
    speeds: dict[str, list[float]]


def main(arguments: list[str] | None = None) -> int:
    """Check, time and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda:0", metavar="cuda[:N]|simulator")
    parser.add_argument("--output", type=Path, help="by default docs/gpu.md")
    options = parser.parse_args(arguments)
    simulated = options.device == "simulator"
    if simulated and options.output is None:
        parser.error("--device simulator needs --output FILE: the page of the documentation is for a GPU")
    if simulated:
        os.environ["NUMBA_ENABLE_CUDASIM"] = "1"  # read when numba is imported
    from langevin_sgd import devices
    from langevin_sgd.errors import UserError

    device = "cuda:0" if simulated else options.device
    try:
        if not simulated and not device.startswith("cuda"):
            raise UserError(f"device: {device!r} is no GPU; use cuda[:N] or simulator")
        engines = (devices.FUSED,) if simulated else (devices.FUSED, devices.TENSORS)
        for engine in engines:
            devices.place(device, (engine,))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    tensors = "cpu" if simulated else device
    sizes = Sizes(4, 4, 8, 3) if simulated else Sizes(1 << 22, 1 << 6, 1 << 14, 7)
    # the simulator wraps 32 bits in numpy scalars; a GPU is warned of the few threads of the small runs compared
    warnings.simplefilter("ignore", RuntimeWarning)
    warnings.filterwarnings("ignore", message=".*(under-utilization|Host array).*")
    try:
        right = [*kernels(device, simulated), *networks(tensors)]
    except AssertionError as error:
        print(f"not what the CPU computes: {error}", file=sys.stderr)
        return 1
    speeds = timed(contestants(device, tensors, sizes), sizes.repeats)
    found = Found(where(device, simulated), simulated, right, sizes, speeds)
    target = options.output or PAGE
    target.write_text(page(found), encoding="utf-8")
    print(f"written to {target}")
    return 0


def kernels(device: str, simulated: bool) -> list[tuple[str, str, str]]:
    """The comparisons of tests/integrators/gpu_simulation.py: (what, largest difference, at most)."""
    sys.path.insert(0, str(ROOT / "tests" / "integrators"))
    import gpu_simulation as tests

    tests.philox_words()
    rows = [("Philox words", "0", "bit for bit")]
    rounding = tests.SIMULATED if simulated else tests.DEVICE
    cases = tests.CASES if simulated else [*tests.CASES, *tests.MORE_CASES]
    for name, apart in tests.agreement(cases, rounding, device).items():
        rows.append((name, f"{apart:.1e}", f"{rounding['mixed' if 'mixed' in name else 'float32']:.0e}"))
    tests.reductions()
    rows.append(("sums, counts and faults at recorded steps", "0", "bit for bit"))
    tests.beyond_the_domain(tests.OUTSIDE if simulated else [*tests.OUTSIDE, *tests.MORE_OUTSIDE], device)
    rows.append(("walkers that leave the domain of a formula", "", "the same words"))
    return rows


def networks(device: str) -> list[tuple[str, str, str]]:
    """Weights of an ensemble of networks in training, and of its Langevin twin, there and on the CPU."""
    import torch

    rows = []
    for name, run in (("network ensemble: every replica's weights", _ensemble), ("Langevin twin", _twin)):
        there, here = run(torch.device(device)), run(torch.device("cpu"))
        apart = float((there.cpu() - here).abs().max())
        assert apart <= WEIGHTS, f"{name}: weights differ by {apart:.1e}"
        rows.append((name, f"{apart:.1e}", f"{WEIGHTS:.0e}"))
    return rows


def _problem(device: Any) -> tuple[Any, Any, Any, Any]:
    """A network 9-6-4 on 211 samples, its SGD, and where two replicas begin; all of it in float64."""
    import torch

    from langevin_sgd.config.sgd import Sgd
    from langevin_sgd.training.energy import Samples
    from langevin_sgd.training.network import Network

    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(211, 9, generator=generator, dtype=torch.float64)
    labels = torch.randint(4, (211,), generator=generator)
    module = torch.nn.Sequential(torch.nn.Linear(9, 6), torch.nn.Tanh(), torch.nn.Linear(6, 4))
    network = Network.of(module, dtype=torch.float64, device=device)
    samples = Samples.of(inputs.numpy(), labels.numpy(), dtype=torch.float64, device=device)
    start = 0.5 * torch.randn(2, network.size, generator=generator, dtype=torch.float64)
    return network, samples, Sgd(learning_rate=0.1, batch_size=8, weight_decay=0.01), start.to(device)


def _ensemble(device: Any) -> Any:
    import torch

    from langevin_sgd.training.ensemble import Ensemble
    from langevin_sgd.training.minibatches import Minibatches
    from langevin_sgd.training.threads import Workers

    network, samples, sgd, start = _problem(device)
    with Workers(1) as workers:
        ensemble = Ensemble(network, samples, sgd, weights=start, dtype=torch.float64, workers=workers)
        ensemble.advance(Minibatches.of(sgd, seed=1, replicas=2, samples=len(samples)), 0, STEPS_OF_NETWORKS)
    return ensemble.weights.clone()


def _twin(device: Any) -> Any:
    import torch

    from langevin_sgd.training.full_batch import FullBatch
    from langevin_sgd.training.langevin_twin import LangevinTwin
    from langevin_sgd.training.losses.cross_entropy.functions import CROSS_ENTROPY
    from langevin_sgd.training.threads import Workers
    from langevin_sgd.training.twin_noise import PerSampleNoise, Twinned

    network, samples, sgd, start = _problem(device)
    with Workers(1) as workers:
        full = FullBatch(network, samples, sgd.weight_decay, workers)
        noise = PerSampleNoise(Twinned(samples, 7, sgd.batch_size, 1, torch.float64, full, None))
        twin = LangevinTwin(network, CROSS_ENTROPY, sgd, noise, weights=start, substeps=1, workers=workers)
        twin.advance(0, STEPS_OF_NETWORKS)
    return twin.weights.clone()


def contestants(device: str, tensors: str, sizes: Sizes) -> dict[str, Callable[[], int]]:
    """Each makes its run and returns the component-steps: dx = 1.5 x dt + 0.01 x dW in three coordinates."""
    import integrator_peers as peers
    import numpy as np

    from langevin_sgd.integrators.integrate import integrate
    from langevin_sgd.landscapes.expression import Expression
    from langevin_sgd.noise import PositionDependentNoise

    names = ("x", "y", "z")
    hill = Expression("-3*(x**2 + y**2 + z**2)/4", names)
    noise = PositionDependentNoise(tuple(f"{name}/100" for name in names))

    def ours(where: str, backend: str, steps: int, **more: Any) -> Callable[[], int]:
        def go() -> int:
            integrate(
                hill, noise, time_step=1 / steps, steps=steps, trajectories=sizes.trajectories, start=[0.1] * 3,
                device=where, backend=backend, force=True, **more,
            )  # fmt: skip
            return 3 * steps * sizes.trajectories

        return go

    equation = (lambda x: 1.5 * x, lambda x: 0.01 * x, 3, np.float32, sizes.steps)
    out = {
        "langevin-sgd, fused, float32": ours(device, "fused", sizes.long, precision="float32"),
        "langevin-sgd, fused, float64 (noise in float32)": ours(device, "fused", sizes.long),
        "the same with three-point increments": ours(device, "fused", sizes.long, increments="three_point"),
        "langevin-sgd, batched in torch, float32": ours(tensors, "batched", sizes.steps, precision="float32"),
        "torch, eager, float32": peers.torch_eager(*equation, sizes.trajectories, tensors),
    }
    if importlib.util.find_spec("jax") is not None:
        out["jax, scan, float32, on its default device"] = peers.jax_scan(*equation, sizes.trajectories)
    return out


def timed(runs: dict[str, Callable[[], int]], repeats: int) -> dict[str, list[float]]:
    """Component-steps a second, repeat by repeat in turn, after one of each that warms up."""
    speeds: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(repeats + 1):
        for name, run in runs.items():
            began = time.perf_counter()
            done = run()
            if repeat:
                speeds[name].append(done / (time.perf_counter() - began))
    return speeds


def where(device: str, simulated: bool) -> dict[str, str]:
    """The device, its driver, and the versions of what ran."""
    packages = ("langevin-sgd", "numba-cuda", "numba", "torch", "jax", "numpy")
    installed = {each.metadata["Name"].lower(): each.version for each in importlib.metadata.distributions()}
    told = {"date": datetime.date.today().isoformat()}
    if simulated:
        told["device"] = "numba's simulator, and torch on the CPU"
    else:
        import torch

        told["device"] = torch.cuda.get_device_name(device)
        told["driver"] = _driver()
        told["CUDA of torch"] = str(torch.version.cuda)
    return told | {name: installed.get(name, "not installed") for name in packages}


def _driver() -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        return "not told: no nvidia-smi"
    asked = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.split()[0] if done.returncode == 0 and done.stdout.split() else "not told by nvidia-smi"


def page(found: Found | None) -> str:
    """The page as Markdown; None: before any GPU has run this."""
    if found is None:
        return _HEAD + _NOTHING_YET
    began = "**Not a GPU**: the simulator, whose speeds mean nothing." if found.simulated else "Measured on a GPU."
    lines = [_HEAD, f"{began} " + "; ".join(f"{name}: {value}" for name, value in found.where.items()) + ".", ""]
    lines += ["## Is it what the CPU computes?", "", "| | largest difference | at most |", "|---|---|---|"]
    lines += [f"| {what} | {apart} | {most} |" for what, apart, most in found.right]
    sizes = found.sizes
    lines += [
        *("", "Each run is also stopped on the way and goes on with the same bits.", "", "## How fast is it?", ""),
        f"dx = 1.5 x dt + 0.01 x dW in three coordinates, {sizes.trajectories:,} trajectories, Euler-Maruyama; whole "
        f"calls with their copies from and to the host, of {sizes.long:,} steps where the loop is inside a kernel "
        f"and {sizes.steps:,} elsewhere; medians of {sizes.repeats} repeats in turn.",
        "",
        *("| | component-steps a second | least | most |", "|---|---|---|---|"),
    ]
    for name, each in found.speeds.items():
        lines.append(f"| {name} | {statistics.median(each):.2g} | {min(each):.2g} | {max(each):.2g} |")
    if not any(name.startswith("jax") for name in found.speeds):
        lines.append("| jax, scan | not installed | | |")
    lines += [f"| {_PEER} | {GPUEM[0] / GPUEM[1]:.2g} | | |", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
