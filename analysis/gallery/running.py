"""How a script of the gallery is run: a config once, at another seed, or at several, and what is printed of it.

python analysis/gallery/NN_name.py                      # runs the config in runs/gallery/NAME, if it is not there yet
python analysis/gallery/NN_name.py RUN                  # reads a run that is
python analysis/gallery/NN_name.py --seed 2 --output runs/other
python analysis/gallery/NN_name.py --seeds 11 12 13     # each in runs/gallery/seeds/NAME/SEED; exit code 1 if two verdicts
                                                        # contradict each other
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import xarray as xr
from claims import Claim, Finding, Found, config_of, table
from seeds import Seeds

import langevin_sgd as lsgd

RUNS = Path("runs", "gallery")


def run_of(claim: Claim, output: Path, *, seed: int | None = None) -> xr.DataTree:
    """The run in that directory, which is made if it is not there and finished if it was interrupted."""
    overrides = [] if seed is None else seeded(config_of(claim), seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=RuntimeWarning, message=".*failed")  # told by `found_in`
        return lsgd.simulate(config_of(claim), output=output, overrides=overrides, resume=output.exists())


def seeded(config: Path, seed: int) -> list[str]:
    """The overrides that give a config another seed, and as many others as it has where it scans over seeds."""
    scanned = lsgd.load(config).scan.get("seed")
    if scanned is None:
        return [f"seed={seed}"]
    return [f"seed={seed}", f"scan.seed={[1000 * seed + place for place in range(len(scanned))]}"]


def found_in(run: xr.DataTree, found: Found) -> Finding:
    """What `found` says of a run. Raises SystemExit with one line if a model of it has failed altogether."""
    for name, model in run.children.items():
        if model.attrs.get("status") in ("failed", "skipped"):
            raise SystemExit(f"{name} did not run: {model.attrs.get('error', 'see the run directory')}")
    return found(run)


def at_seeds(claim: Claim, found: Found, runs: Path, seeds: Sequence[int]) -> Seeds:
    """What a claim's rows are at other seeds, whose runs are those in `runs`/seeds/NAME/SEED."""
    folder = runs / "seeds" / claim.name
    return Seeds.of(claim, {seed: found_in(run_of(claim, folder / str(seed), seed=seed), found) for seed in seeds})


def main(claim: Claim, found: Found) -> None:
    """The command line of a script: print the table and the verdict, leave the figure beside the run."""
    parser = argparse.ArgumentParser(description=f"{claim.title} ({claim.source})")
    parser.add_argument("run", nargs="?", type=Path, help="a run directory; without one the config is run")
    parser.add_argument("--seed", type=int, help="run the config with another seed")
    parser.add_argument(
        "--seeds", type=int, nargs="+", metavar="SEED", help="hold its rows at several against each other"
    )
    parser.add_argument("--output", type=Path, help=f"where it is run; by default {RUNS / claim.name}")
    given = parser.parse_args()
    if given.seeds and (given.run or given.output or given.seed is not None):
        parser.error(f"--seeds has runs of its own in {RUNS / 'seeds' / claim.name}; leave out what is given beside it")
    print(f"{claim.title} ({claim.source})\nclaimed:  {claim.says}\nexpected: {claim.expected}\n")
    if given.seeds:
        several = at_seeds(claim, found, RUNS, given.seeds)
        _print(several.table())
        print(f"\n{several.told}")
        sys.exit(int(several.contradictory))
    directory: Path = given.run or given.output or RUNS / claim.name
    tree = lsgd.open_run(given.run) if given.run else run_of(claim, directory, seed=given.seed)
    finding = found_in(tree, found)
    _print([("quantity", "measured [95%]", "expected", "verdict"), *table(finding)])
    path = directory.with_name(f"{directory.name}.png")
    finding.figure.savefig(path, dpi=120)
    print(f"\n{finding.seen}\nverdict: {finding.verdict}\nfigure: {path}")


def _print(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
