"""Measure again what README.md and docs/speed.md quote, and list the numbers that differ; exit code 1 if there are any.

    python analysis/quoted.py [--runs runs] [--write]       # README.md, from the runs of its configs
    python analysis/quoted.py --speed                       # docs/speed.md, from the benchmarks; some minutes, quiet

Studies that have no run in the folder are run at full length, into it. A ratio and its interval have to be those of the
run in every digit that is printed; `--write` puts them into the page. A rate may be off by a quarter: seconds are those
of a machine, and the tables of another one differ throughout.

Every number in the prose of README.md belongs to one of `RATIOS`, `KEYS` or `OTHERS` below; a test holds it to that.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

import langevin_sgd as lsgd

ROOT = Path(__file__).parents[1]
NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"


@dataclass(frozen=True)
class Ratio:
    """A ratio and its interval of a run of configs/`study`.yaml; braces in `phrase` stand for the three numbers."""

    phrase: str
    study: str
    model: str
    quantity: str
    law: str

    def printed(self, checks: xr.Dataset) -> list[str]:
        """As `langevin-sgd check` prints them."""
        rows = (checks.model == self.model) & (checks.quantity == self.quantity) & (checks.law == self.law)
        row = checks.isel(comparison=rows.values)
        if row.sizes["comparison"] != 1:
            raise SystemExit(
                f"{self.study}: {row.sizes['comparison']} rows of {self.quantity}, {self.law}; 1 is needed"
            )
        return [f"{float(row[name].item()):.3f}" for name in ("ratio", "ratio_low", "ratio_high")]


@dataclass(frozen=True)
class Key:
    """Numbers that a config sets: braces in `phrase` stand for the keys of its `sgd`, in order."""

    phrase: str
    study: str
    keys: tuple[str, ...]

    def printed(self) -> list[str]:
        """As the config has them."""
        sgd = lsgd.load(ROOT / "configs" / f"{self.study}.yaml").sgd
        return [f"{getattr(sgd, key):g}" for key in self.keys]


def _total_variance(phrase: str, law: str) -> Ratio:
    return Ratio(phrase, "five_theories", "network", "total_variance", law)


RATIOS = (
    _total_variance("{} [{}, {}] for one temperature T", "isotropic"),
    _total_variance("{} [{}, {}] for the Ornstein-Uhlenbeck process with the measured", "continuum"),
    _total_variance("{} [{}, {}] with SGD's own step", "discrete"),
    _total_variance("{} [{}, {}] with H and C averaged over where SGD fluctuates", "self_consistent"),
)
KEYS = (Key("at eta = {} and B = {}", "five_theories", ("learning_rate", "batch_size")),)
OTHERS = {
    "a symbol": ("sigma^2", "w0", "|^2", "(1 - mu)"),
    "the level of the intervals": ("95% interval",),
    "what pyproject.toml asks for": ("Python 3.11",),
    "a law": ("(61/45) (ln t)^4", "4 / alpha"),
    "what a config is about": ("ln t = 40", "10 to 1000", "105,000 weights"),
    "a source": ("JMLR 18 (2017)", "ICML (2021)", "(2023)", "JMLR 19 (2018)", "SC (2011)"),
    "a licence": ("BSD-3-Clause",),
}


def pattern(phrase: str) -> re.Pattern[str]:
    """The phrase with a group a brace, wherever its lines are broken."""
    words = [re.escape(word).replace(r"\{\}", f"({NUMBER})") for word in phrase.split()]
    return re.compile(r"\s+".join(words))


def found(phrase: str, page: str) -> re.Match[str]:
    """Where the page says it; it has to be said once."""
    matches = list(pattern(phrase).finditer(page))
    if len(matches) != 1:
        raise SystemExit(f"{phrase!r} is {len(matches)} times in the page; say it once, or take it out of {__file__}")
    return matches[0]


def unknown(page: str) -> list[str]:
    """Where numbers in prose stand that nothing here accounts for; code and targets of links are no prose."""
    spans = [found(each.phrase, page).span() for each in (*RATIOS, *KEYS)]
    for phrases in OTHERS.values():
        for phrase in phrases:
            spans += [match.span() for match in pattern(phrase).finditer(page)]
    spans += [match.span() for match in re.finditer(r"^```.*?^```|`[^`\n]*`|\]\([^)]*\)", page, re.M | re.S)]
    return [
        page[max(0, number.start() - 30) : number.end() + 30].replace("\n", " ")
        for number in re.finditer(rf"(?<![\w.]){NUMBER}", page)
        if not any(first <= number.start() and number.end() <= last for first, last in spans)
    ]


def written(page: str, match: re.Match[str], printed: list[str]) -> str:
    """The page with these numbers in the groups of the match."""
    for group in range(len(printed), 0, -1):
        first, last = match.span(group)
        page = page[:first] + printed[group - 1] + page[last:]
    return page


def checks_of(study: str, runs: Path) -> xr.Dataset:
    """The comparisons of a run of the study, which is made if it is not there."""
    folder = runs / study
    if not folder.exists():
        print(f"running configs/{study}.yaml into {folder}", file=sys.stderr)
        lsgd.simulate(ROOT / "configs" / f"{study}.yaml", output=folder)
    config = lsgd.load(ROOT / "configs" / f"{study}.yaml")
    if lsgd.load(folder / "config.yaml") != config:
        raise SystemExit(
            f"{folder} is a run of another config than configs/{study}.yaml; name another folder by --runs"
        )
    return lsgd.check(folder)


def readme(runs: Path, page: str) -> tuple[str, list[str]]:
    """The page as the runs have it, and the numbers that differ."""
    checks = {study: checks_of(study, runs) for study in sorted({ratio.study for ratio in RATIOS})}
    printed = [(ratio.phrase, ratio.printed(checks[ratio.study])) for ratio in RATIOS]
    printed += [(key.phrase, key.printed()) for key in KEYS]
    differ = []
    for phrase, numbers in printed:
        match = found(phrase, page)
        if list(match.groups()) != numbers:
            differ.append(f"{phrase.format(*match.groups())}: now {', '.join(numbers)}")
            page = written(page, match, numbers)
    return page, differ


OFF = 1.25
PROBLEMS = {
    "Ornstein-Uhlenbeck, float32": "ou_float32",
    "double well by formula, float64": "double_well_float64",
    "2D, noise uneven in space, float32": "plane_uneven_noise_float32",
    "linear in 3D, float64": "linear_noise_float64",
}
CONTESTANTS = {
    "langevin-sgd": "langevin_sgd", "noise ceiling": "noise_ceiling", "torch": "torch_eager", "jax, scan": "jax_scan",
    "with three-point increments": "langevin_sgd_three_point", "with two-point increments": "langevin_sgd_two_point",
    **{name: name for name in ("numpy", "diffrax", "torchsde", "sdeint")},
}  # fmt: skip
GROWS = {
    "trajectories": "trajectories, 1000 steps",
    "steps": "steps, 10240 trajectories",
    "coordinates": "dimension, 10240 trajectories x 1000 steps",
    "points of a scan": "parameter points, 102400 trajectories in all x 2000 steps",
}
NETWORKS = {"softmax": "softmax", "MLP 64-32-10": "mlp", "CNN, 8 and 16 channels": "cnn"}
ENSEMBLES = {"langevin-sgd": "here", "JAX": "JAX", "plain loop": "plain loop"}


def cells(page: str) -> Iterator[tuple[str, str, str]]:
    """(row, column, text) of all tables of a page."""
    for table in re.findall(r"(?:^\|.*\|\n)+", page, re.M):
        head, _, *body = ([cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines())
        for row in body:
            yield from ((row[0], column, text) for column, text in zip(head[1:], row[1:], strict=True) if text)


def benchmark(name: str, *arguments: str) -> Any:
    """What a benchmark measures, as JSON."""
    script = ROOT / "analysis" / "benchmarks" / f"{name}.py"
    done = subprocess.run([sys.executable, script, *arguments], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1):  # ensemble.py has 1 for less than is wanted
        raise SystemExit(f"{script.name} ended with exit code {done.returncode}")
    return done.stdout


def measured() -> dict[tuple[str, str], float]:
    """The benchmarks, by row and column of docs/speed.md."""
    integrator = json.loads(benchmark("integrator", "--json", "--rounds", "7"))
    now = {
        (row, column): integrator[problem][name] / 1e6
        for column, problem in PROBLEMS.items()
        for row, name in CONTESTANTS.items()
        if name in integrator[problem]
    }
    scaling = json.loads(benchmark("scaling", "--json", "--rounds", "8"))
    for grows, name in GROWS.items():
        for size, one in scaling[name].items():
            now[grows, size] = one["component_steps_a_second"] / 1e6
    with tempfile.TemporaryDirectory() as folder:
        benchmark("ensemble", "--json", str(Path(folder, "now.json")))
        ensembles = json.loads(Path(folder, "now.json").read_text(encoding="utf-8"))
    for column, name in NETWORKS.items():
        every = ensembles[name]["seconds_per_step"]
        for row, who in ENSEMBLES.items():
            if who in every:
                now[row, column] = 1e6 * sorted(every[who])[len(every[who]) // 2]
    return now


def quoted_rates(page: str) -> dict[tuple[str, str], float]:
    """What docs/speed.md has in its tables, by row and column; of "512: 90" the column is 512."""
    rates = {}
    for row, column, text in cells(page):
        size, _, rate = text.rpartition(": ")
        grows = row.partition(",")[0]
        if size and grows in GROWS:
            rates[grows, size.replace(",", "")] = float(rate.replace(",", ""))
        elif not text.endswith("%"):  # shares follow from the times
            rates[row, column] = float(text.replace(",", ""))
    return rates


def speed(page: str) -> list[str]:
    """The rates and times that are off by more than a quarter, and those that were not measured."""
    now, differ = measured(), []
    for (row, column), quoted in quoted_rates(page).items():
        if (row, column) not in now:
            differ.append(f"{row}, {column}: {quoted:g}, not measured: a peer is not installed")
        elif not 1 / OFF < now[row, column] / quoted < OFF:
            differ.append(f"{row}, {column}: {quoted:g}, now {now[row, column]:.3g}")
    return differ


def main() -> int:
    """Measure, compare, and list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of run directories; default runs")
    parser.add_argument("--write", action="store_true", help="write ratios and intervals that differ into README.md")
    parser.add_argument("--speed", action="store_true", help="docs/speed.md instead, by its benchmarks")
    given = parser.parse_args()
    if given.speed:
        differ = speed((ROOT / "docs" / "speed.md").read_text(encoding="utf-8"))
    else:
        place = ROOT / "README.md"
        page, differ = readme(given.runs, place.read_text(encoding="utf-8"))
        if given.write:
            place.write_text(page, encoding="utf-8")
    print("\n".join(differ) if differ else "every number is as it is quoted")
    return int(bool(differ))


if __name__ == "__main__":
    sys.exit(main())
