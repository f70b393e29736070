"""The gallery: the rule of its verdicts, its scripts and configs, and (validate) verdicts of three seeds."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from scipy import stats

import langevin_sgd as lsgd

_GALLERY = Path(__file__).parents[2] / "analysis" / "gallery"
_NAMES = [path.stem[3:] for path in sorted(_GALLERY.glob("[0-9][0-9]_*.py"))]
_CONFIGS = Path(__file__).parents[2] / "configs" / "gallery"


def _module(name: str) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, _GALLERY / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


claims = _module("claims")
seeds = _module("seeds")
running = _module("running")
page = _module("page")


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.98, 1.02, claims.HOLDS),
        (0.9, 1.02, claims.CANNOT_TELL),
        (1.02, 1.2, claims.CANNOT_TELL),
        (0.5, 1.5, claims.CANNOT_TELL),
        (1.1, 1.2, claims.DOES_NOT),
        (0.1, 0.9, claims.DOES_NOT),
        (np.nan, np.nan, claims.CANNOT_TELL),
    ],
)
def test_a_verdict_is_where_the_interval_lies(low, high, verdict):
    value = 0.5 * (low + high)
    assert claims.Row("q", value, low, high, least=0.95, most=1.05).verdict == verdict
    assert claims.Row("q", value, low, high).verdict is None


def test_one_row_that_does_not_hold_decides():
    def verdict(*intervals):
        rows = [claims.Row("q", 0.0, low, high, least=-1.0) for low, high in intervals]
        return claims.Finding(rows, Figure(), "").verdict

    assert verdict((0, 1), (0, 1)) == claims.HOLDS
    assert verdict((0, 1), (-2, 1)) == claims.CANNOT_TELL
    assert verdict((0, 1), (-2, 1), (-4, -2)) == claims.DOES_NOT
    with pytest.raises(ValueError, match="needs a row with an expectation"):
        _ = claims.Finding([claims.Row("q", 0.0, 0.0, 0.0)], Figure(), "").verdict


def test_intervals_are_those_of_student():
    samples = [1.0, 2.0, 4.0, 5.0]
    row = claims.of_mean("q", samples)
    interval = stats.ttest_1samp(samples, 0.0).confidence_interval(0.95)
    np.testing.assert_allclose((row.low, row.high), (interval.low, interval.high))


def test_every_script_has_its_config_and_the_other_way_round():
    scripts = page.scripts()
    assert list(scripts) == _NAMES
    assert sorted(scripts) == sorted(path.stem for path in _CONFIGS.glob("*.yaml"))
    for name, module in scripts.items():
        assert lsgd.load(_CONFIGS / f"{name}.yaml").name == name
        assert module.CLAIM.says
        assert module.CLAIM.expected


def test_pages_tell_claims_and_configs_as_they_are():
    folder = _GALLERY.parents[1] / "docs" / "gallery"
    verdicts, index = json.loads((folder / "verdicts.json").read_text()), (folder / "README.md").read_text()
    assert sorted(verdicts) == sorted(_NAMES)
    for name, module in page.scripts().items():
        written, claim, told = (folder / f"{name}.md").read_text(), module.CLAIM, verdicts[name]
        config = (_CONFIGS / f"{name}.yaml").read_text().rstrip()
        for part in (claim.title, claim.source, claim.says, claim.expected, told["seen"], f"```yaml\n{config}\n```"):
            assert part in written, f"{name}: run page.py {name}"
        assert (told["title"], told["source"]) == (claim.title, claim.source)
    assert page.index(verdicts) == index


@pytest.mark.parametrize("name", _NAMES)
def test_another_seed_changes_every_seed_of_a_config(name):
    config = _CONFIGS / f"{name}.yaml"
    one, other = (lsgd.load(config, running.seeded(config, seed)) for seed in (11, 12))
    assert (one.seed, other.seed) == (11, 12)
    seeds = [{*given.scan.get("seed", ())} for given in (lsgd.load(config), one, other)]
    assert not seeds[0] & seeds[1]
    assert not seeds[1] & seeds[2]
    assert len({len(each) for each in seeds}) == 1


def test_a_model_that_failed_is_told_in_one_line():
    run = xr.DataTree.from_dict({"descent": xr.Dataset(attrs={"status": "failed", "error": "diverged at step 3"})})
    with pytest.raises(SystemExit, match="descent did not run: diverged at step 3"):
        running.found_in(run, lambda tree: tree)


def _two(claim, one, other):
    """Findings of two seeds, of a row that is expected to be positive and of a contrast."""
    found = {}
    for seed, value in ((11, one), (12, other)):
        rows = [claims.Row("q", value, value, value, least=0.0), claims.Row("c", 2.0 * value, -9.0, 9.0)]
        found[seed] = claims.Finding(rows, Figure(), "")
    return seeds.Seeds.of(claim, found)


def test_seeds_contradict_each_other_where_one_holds_and_another_does_not():
    claim = page.scripts()["easy_and_hard"].CLAIM
    assert not _two(claim, 1.0, 3.0).contradictory
    assert not _two(claim, 1.0, np.nan).contradictory
    assert _two(claim, 1.0, -1.0).contradictory


def test_a_page_tells_what_rows_are_between_seeds_as_long_as_its_config_is_the_same():
    claim = page.scripts()["easy_and_hard"].CLAIM
    recorded = json.loads(json.dumps(_two(claim, 1.0, 3.0).recorded()))
    several = seeds.Seeds.read(recorded)
    finding = claims.Finding([claims.Row("q", 2.0, 1.5, 2.5, least=0.0), claims.Row("c", 4.0, 3.0, 5.0)], Figure(), "")
    assert several.fits(claim, finding)
    written = page.page(claim, finding, several, "02_easy_and_hard.py", "today")
    assert "| c | 4 [3, 5] | - | contrast | 2 to 6 |" in written
    assert "Verdicts at seeds 11, 12: holds here; holds here." in written
    assert "between seeds" not in page.page(claim, finding, None, "02_easy_and_hard.py", "today")
    assert not several.fits(claim, claims.Finding(finding.rows[:1], Figure(), ""))
    assert not seeds.Seeds.read({**recorded, "config": "another"}).fits(claim, finding)


def test_every_page_tells_three_seeds_of_the_config_as_it_is_and_none_contradicts_another():
    folder = _GALLERY.parents[1] / "docs" / "gallery"
    recorded, verdicts = (json.loads((folder / f"{each}.json").read_text()) for each in ("seeds", "verdicts"))
    assert sorted(recorded) == sorted(_NAMES)
    for name, each in recorded.items():
        several, written = seeds.Seeds.read(each), (folder / f"{name}.md").read_text()
        lines = [line.replace("\\|", "|") for line in written.splitlines()]
        assert several.config == seeds.digest(page.scripts()[name].CLAIM), f"run page.py {name} --seeds 11 12 13"
        assert len(several.verdicts) == 3
        assert several.told in written
        for quantity in several.values:
            row = next(line for line in lines if line.startswith(f"| {quantity} |"))
            assert row.endswith(f"| {several.between(quantity)} |")
        assert not {claims.HOLDS, claims.DOES_NOT} <= {verdicts[name]["verdict"], *several.verdicts.values()}, name


@pytest.mark.validate
@pytest.mark.parametrize("name", _NAMES)
def test_verdicts_of_three_seeds_do_not_contradict_each_other(name, tmp_path):
    module = page.scripts()[name]
    several = running.at_seeds(module.CLAIM, module.found, tmp_path, (11, 12, 13))
    assert not several.contradictory, several.told
