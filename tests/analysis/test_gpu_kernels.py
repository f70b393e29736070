"""Machine code of the GPU kernels: what the page says holds the bounds that are promised, and is what compiles now."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
KEPT = json.loads((ROOT / "docs" / "gpu_kernels.json").read_text(encoding="utf-8"))
MOST_A_STEP = 70.0
"""Instructions a Gaussian step of the Ornstein-Uhlenbeck process on sm_90 that are promised at most."""

LOOP = """
.text.run:
        /*0000*/                   MOV R1, c[0x0][0x28] ;
.L_x_0:
        /*0008*/                   MOV R5, RZ ;
.L_x_1:
        /*0010*/                   IMAD R2, R3, -0x2daee0ad, RZ ;
        /*0020*/              @!P0 BRA `(.L_x_2) ;
        /*0030*/                   CALL.REL.NOINC `($__internal_0_slowpath) ;
        /*0040*/                   BRA `(.L_x_3) ;
.L_x_2:
        /*0050*/                   FMUL R4, R4, R4 ;
.L_x_3:
        /*0060*/               @P1 CALL.REL.NOINC `(.L_x_4) ;
        /*0070*/                   BRA `(.L_x_1) ;
.L_x_4:
        /*0080*/                   IADD3 R5, R5, 0x1, RZ ;
        /*0090*/               @P2 BRA `(.L_x_0) ;
        /*00a0*/                   EXIT ;
"""


@pytest.fixture(scope="module")
def scripts() -> dict[str, ModuleType]:
    """The modules of analysis/gpu."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "analysis" / "gpu"))
        runpy.run_path(str(ROOT / "analysis" / "gpu" / "kernels.py"))
        import families
        import kernels
        import machine_code
        import sass

        found = {each.__name__: each for each in (families, kernels, machine_code, sass)}
    for name in found:
        sys.modules.pop(name)
    return found


def test_no_kernel_spills_and_a_step_takes_what_is_promised() -> None:
    rows = [row for each in (*KEPT["steps"].values(), *KEPT["recording"].values()) for row in each.values()]
    assert len(rows) > 40
    assert {row["spills"] for row in rows} == {0}
    for name in ("ou", "ou_float32", "ou_scan"):
        row = KEPT["steps"][name]["sm_90"]
        assert row["loop"] / row["steps"] <= MOST_A_STEP


def test_the_page_is_that_of_the_table(scripts: dict[str, ModuleType]) -> None:
    assert set(KEPT["steps"]) == set(scripts["families"].FAMILIES)
    page = (ROOT / "docs" / "gpu_kernels.md").read_text(encoding="utf-8")
    assert page == scripts["kernels"].page(KEPT)


def test_a_pass_through_a_loop_is_counted_without_its_slow_path(scripts: dict[str, ModuleType]) -> None:
    """Of the inner loop: the two ways out of it are jumps, of which one is written as a call."""
    sass = scripts["sass"]
    blocks = sass.blocks_of(LOOP)
    loop = sass.innermost_with(blocks, sass.loops_of(blocks), "-0x2daee0ad")
    assert dict(sass.counted(blocks, loop.blocks)) == {"IMAD": 1, "BRA": 2, "FMUL": 1, "CALL.REL.NOINC": 1}
    with pytest.raises(ValueError, match="0 loops with 0xabc inside another"):
        sass.innermost_with(blocks, sass.loops_of(blocks), "0xabc")


@pytest.mark.by_default("ou")
@pytest.mark.parametrize("name", KEPT["steps"])
def test_what_is_compiled_now_is_what_the_table_says(name: str, scripts: dict[str, ModuleType]) -> None:
    """Skipped without the compilers; other versions of them may make other code, within a tenth."""
    try:
        scripts["machine_code"].versions()
    except scripts["machine_code"].NoCompiler as error:
        pytest.skip(str(error))
    for architecture, row in KEPT["steps"][name].items():
        found = scripts["kernels"].step_row(name, architecture)
        assert found["spills"] == 0
        assert found["steps"] == row["steps"]
        assert found["loop"] == pytest.approx(row["loop"], rel=0.1)
