"""Registers, spills and instructions a step of every family of GPU kernels, in machine code, made without a GPU.

    pip install '.[gpu-build]'
    python analysis/gpu/kernels.py            # writes docs/gpu_kernels.json and docs/gpu_kernels.md

About two minutes on one core. `--page` writes the page from the JSON that is there. Exit code 2 without the compilers.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import families
import machine_code
import sass

DOCS = Path(__file__).parents[2] / "docs"
CAPABILITIES = {"sm_80": (8, 0), "sm_90": (9, 0)}
# Streaming multiprocessors, lanes that issue an instruction in each a clock, and the highest clock, in Hz.
DEVICES = {"sm_80": ("A100", 108 * 128 * 1.41e9), "sm_90": ("H100 SXM", 132 * 128 * 1.98e9)}
_PHILOX = "-0x2daee0ad"  # one of Philox's multipliers, as a signed number

Row = dict[str, Any]


def step_row(name: str, architecture: str) -> Row:
    """The kernel of steps of a family."""
    problem = families.FAMILIES[name].problem()
    code = _code(machine_code.run_kernel(problem), architecture)
    blocks = sass.blocks_of(code.text)
    loop = sass.innermost_with(blocks, sass.loops_of(blocks), _PHILOX)
    counted = sass.counted(blocks, loop.blocks)
    double = sum(
        n for o, n in counted.items() if o.startswith(("DADD", "DMUL", "DFMA", "DSETP", "F2F.F64", "F2F.F32.F64"))
    )
    steps = problem.layout.steps_per_group
    return {
        **_common(code),
        "steps": steps,
        "loop": sum(counted.values()),
        "float64": double,
        "components": problem.program.dimension,
    }


def recording_rows(architecture: str) -> dict[str, Row]:
    """The kernels that observe and reduce."""
    kernels = machine_code.recording_kernels(families.LOOKED_AT.problem())
    return {name: _common(_code(kernel, architecture)) for name, kernel in kernels.items()}


def _code(kernel: tuple[Any, Any], architecture: str) -> machine_code.MachineCode:
    capability = CAPABILITIES[architecture]
    return machine_code.assembled(machine_code.ptx_of(*kernel, capability), capability)


def _common(code: machine_code.MachineCode) -> Row:
    return {
        "registers": code.registers,
        "stack": code.stack,
        "spills": code.spill_stores + code.spill_loads,
    }


def table(names: Iterable[str] = families.FAMILIES) -> dict[str, Any]:
    """All rows, and the versions of what made them."""
    return {
        "versions": machine_code.versions(),
        "steps": {name: {a: step_row(name, a) for a in CAPABILITIES} for name in names},
        "recording": {a: recording_rows(a) for a in CAPABILITIES},
    }


def page(found: Mapping[str, Any]) -> str:
    """The table as Markdown."""
    lines = [
        "# GPU kernels in machine code",
        "",
        "*Compiled, not run.* No GPU was there: each kernel is the text that a run compiles, taken to PTX by "
        "numba-cuda and to machine code by ptxas. Written by `python analysis/gpu/kernels.py` (extra `gpu-build`) with "
        + ", ".join(f"{name} {version}" for name, version in found["versions"].items())
        + ". A test compiles one kernel of steps again, and all of them with `-m validate`.",
        "",
        "Instructions a step are those of the loop over whole groups of steps, noise included, as nvdisasm prints it, "
        "less the slow paths of roots, quotients and functions that are called for rare operands; divided by the steps "
        "of a pass (4 Gaussian steps share the words of one Philox counter). Of them float64: on a GPU for graphics "
        "these take 32 to 64 times longer. *At most* is what the device could issue, "
        + " and ".join(f"{name}: {lanes:.3g} instructions/s" for name, lanes in DEVICES.values())
        + ", divided by instructions a step, in component-steps (steps times coordinates) a second: a bound that no "
        "run reaches. No kernel spills registers. A stack of 40 bytes is for the reduction of large arguments of "
        "sine and cosine.",
        "",
    ]
    for architecture, (device, lanes) in DEVICES.items():
        lines += [
            f"## {architecture}",
            "",
            f"| kernel | registers | stack | spills | instructions a step | of them float64 | at most on {device} |",
            "| --- | --- | --- | --- | --- | --- | --- |",
        ]
        for name, rows in found["steps"].items():
            row = rows[architecture]
            each = row["loop"] / row["steps"]
            most = lanes / each * row["components"]
            lines.append(
                f"| {families.FAMILIES[name].title} | {row['registers']} | {row['stack']} B | {row['spills']} B "
                f"| {each:.1f} | {row['float64'] / row['steps']:.1f} | {most:.2g} |"
            )
        lines += [
            *("", "At recorded steps:", ""),
            *("| kernel | registers | stack | spills |", "| --- | --- | --- | --- |"),
        ]
        for name, row in found["recording"][architecture].items():
            lines.append(f"| `{name}` | {row['registers']} | {row['stack']} B | {row['spills']} B |")
        lines.append("")
    return "\n".join(lines)


def main() -> int:
    """Compile all, or read the table, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", action="store_true", help="write the page from the JSON that is there")
    arguments = parser.parse_args()
    kept = DOCS / "gpu_kernels.json"
    if arguments.page:
        found = json.loads(kept.read_text())
    else:
        try:
            found = table()
        except machine_code.NoCompiler as error:
            print(error, file=sys.stderr)
            return 2
        kept.write_text(json.dumps(found, indent=1) + "\n")
    (DOCS / "gpu_kernels.md").write_text(page(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
