"""Make docs/gallery from run directories: a page a claim with figure, table, config and verdict, and one with all.

    python analysis/gallery/page.py [NAME ...] [--runs runs/gallery] [--output docs/gallery] [--seeds 11 12 13]

Runs that are not there yet are made. With names only their pages are made anew, and the others are left as they are.
With seeds what the rows are at these is recorded in seeds.json, and told on the pages made from then on, as long as
their configs stay what they are.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import claims
import running
from claims import ROOT, Claim, Finding
from seeds import Seeds

import langevin_sgd as lsgd

FOLDER = Path(__file__).parent
REPEATED = "Intervals are over what the run repeats, at one draw of data and labels"
SCANNED = "Intervals are over the seeds of the scan, each with its own data and labels"
BETWEEN = "*between seeds* is from where to where the values lie of runs with others."


def scripts() -> dict[str, ModuleType]:
    """The scripts of the gallery by the names of their claims, in order."""
    found = {}
    for path in sorted(FOLDER.glob("[0-9][0-9]_*.py")):
        spec = importlib.util.spec_from_file_location(f"gallery_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found[module.CLAIM.name] = module
    return found


def markdown(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table."""
    cells = [header, tuple("---" for _ in header), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "\n".join("| " + " | ".join(row) + " |" for row in cells)


def page(claim: Claim, finding: Finding, seeds: Seeds | None, script: str, date: str) -> str:
    """The page of one claim, with what other seeds say if that was recorded."""
    header: tuple[str, ...] = ("quantity", "measured, 95% interval", "expected", "verdict")
    lines: list[tuple[str, ...]] = list(claims.table(finding))
    beside = ""
    if seeds is not None:
        header = (*header, "between seeds")
        lines = [(*line, seeds.between(row.quantity)) for line, row in zip(lines, finding.rows, strict=True)]
        over = SCANNED if "seed" in lsgd.load(claims.config_of(claim)).scan else REPEATED
        beside = f"\n{over}; {BETWEEN} {seeds.told}\n"
    rows = markdown(header, lines)
    config = claims.config_of(claim)
    return f"""# {claim.title}

**{finding.verdict[0].upper()}{finding.verdict[1:]}.** {finding.seen}

![{claim.title}]({claim.name}.png)

*The claim* ({claim.source}): {claim.says}

*Expected here, written before the run*: {claim.expected}

{rows}
{beside}
Made by `langevin-sgd simulate configs/gallery/{config.name}` and `python analysis/gallery/{script}` ({date}). Config:

```yaml
{config.read_text().rstrip()}
```
"""


def index(told: dict[str, dict[str, str]]) -> str:
    """The page of all."""
    rows = [
        (f"[{each['title']}]({name}.md)", each["source"], each["verdict"], each["seen"]) for name, each in told.items()
    ]
    return f"""# Gallery: what is claimed of training, measured

One config a claim, at the scale of two cores: what the original says, what is seen here, and a verdict by intervals and
tolerances that were written before the run. *Holds here* and *does not hold here* are meant as they are said: of these
networks on these data.

A row holds if its interval of 95% lies within what is expected, does not hold if it lies outside altogether, and otherwise
one cannot tell. A claim holds if all its rows do, and does not hold if one of them does not. Rows of which nothing is
expected are contrasts, and have no part in that: what is claimed beyond the rows is measured and not judged.

Intervals are over what a run repeats, replicas most often, at one draw of data and labels: the numbers of
another seed may lie outside of them. The column *between seeds* of a page says from where to where the values
lie of runs with other data, labels, initial weights and minibatches. That verdicts of three seeds do not contradict each
other is held by `pytest -m validate tests/analysis/test_gallery.py`.

{markdown(("claim", "source", "verdict", "what is seen"), rows)}

All of it is made by `python analysis/gallery/page.py`.
"""


def _read(path: Path) -> Any:
    return json.loads(path.read_text()) if path.exists() else {}


def _lines(recorded: dict[str, dict[str, Any]]) -> str:
    """As JSON, a line a quantity."""
    text = json.dumps(recorded, indent=1, ensure_ascii=False)
    return re.sub(r"\[[^\[\]]*\]", lambda found: " ".join(found[0].split()), text) + "\n"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="claims; all of them if none is given")
    parser.add_argument("--runs", type=Path, default=running.RUNS)
    parser.add_argument("--seeds", type=int, nargs="+", metavar="SEED", help="record what the rows are at these")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "gallery")
    given = parser.parse_args()
    every = scripts()
    unknown = sorted(set(given.names) - every.keys())
    if unknown:
        parser.error(f"no claim is called {', '.join(unknown)}; there are {', '.join(every)}")
    given.output.mkdir(parents=True, exist_ok=True)
    summary, spread = given.output / "verdicts.json", given.output / "seeds.json"
    told: dict[str, dict[str, str]] = _read(summary)
    recorded: dict[str, dict[str, Any]] = _read(spread)
    for name, module in every.items():
        if given.names and name not in given.names:
            continue
        claim: Claim = module.CLAIM
        run = running.run_of(claim, given.runs / name)
        finding: Finding = running.found_in(run, module.found)
        if given.seeds:
            recorded[name] = running.at_seeds(claim, module.found, given.runs, given.seeds).recorded()
        seeds = Seeds.read(recorded[name]) if name in recorded else None
        if seeds is not None and not seeds.fits(claim, finding):
            print(f"{name}: what was recorded of other seeds is of another config or other rows, and dropped")
            del recorded[name]
            seeds = None
        finding.figure.savefig(given.output / f"{name}.png", dpi=120)
        date = str(json.loads(run.attrs["provenance"])["started"])[:10] if "provenance" in run.attrs else "undated"
        (given.output / f"{name}.md").write_text(page(claim, finding, seeds, Path(module.__file__ or "").name, date))
        told[name] = {"title": claim.title, "source": claim.source, "verdict": finding.verdict, "seen": finding.seen}
        print(f"{name}: {finding.verdict}")
    told = {name: told[name] for name in every if name in told}
    summary.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    spread.write_text(_lines({name: recorded[name] for name in every if name in recorded}))
    (given.output / "README.md").write_text(index(told))


if __name__ == "__main__":
    main()
