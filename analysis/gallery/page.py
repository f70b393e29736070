"""Make docs/gallery from run directories: a page a claim with figure, table, config and verdict, and one with all.

    python analysis/gallery/page.py [--runs runs/gallery] [--output docs/gallery] [NAME ...]

Runs that are not there yet are made. With names only their pages are made anew, and the others are left as they are.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).parent))

import claims
from claims import ROOT, Claim, Finding

FOLDER = Path(__file__).parent


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


def page(claim: Claim, finding: Finding, script: str, date: str) -> str:
    """The page of one claim."""
    rows = markdown(("quantity", "measured, 95% interval", "expected", "verdict"), claims.table(finding))
    config = claims.config_of(claim)
    return f"""# {claim.title}

**{finding.verdict[0].upper()}{finding.verdict[1:]}.** {finding.seen}

![{claim.title}]({claim.name}.png)

*The claim* ({claim.source}): {claim.says}

*Expected here, written before the run*: {claim.expected}

{rows}

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

Intervals are over what a run repeats, replicas most often, at one draw of data and labels: the numbers of
another seed may lie outside of them (after one epoch, true labels spread samples by 0.07 to 0.32 more than random ones at
three seeds, each within 0.04). What is held against each other at three seeds are the verdicts, by
`pytest -m validate tests/analysis/test_gallery.py`.

{markdown(("claim", "source", "verdict", "what is seen"), rows)}

All of it is made by `python analysis/gallery/page.py`.
"""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="claims; all of them if none is given")
    parser.add_argument("--runs", type=Path, default=Path("runs", "gallery"))
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "gallery")
    given = parser.parse_args()
    every = scripts()
    unknown = sorted(set(given.names) - every.keys())
    if unknown:
        parser.error(f"no claim is called {', '.join(unknown)}; there are {', '.join(every)}")
    given.output.mkdir(parents=True, exist_ok=True)
    summary = given.output / "verdicts.json"
    told: dict[str, dict[str, str]] = json.loads(summary.read_text()) if summary.exists() else {}
    for name, module in every.items():
        if given.names and name not in given.names:
            continue
        claim: Claim = module.CLAIM
        run = claims.run_of(claim, given.runs / name)
        finding: Finding = claims.found_in(run, module.found)
        finding.figure.savefig(given.output / f"{name}.png", dpi=120)
        date = str(json.loads(run.attrs["provenance"])["started"])[:10] if "provenance" in run.attrs else "undated"
        (given.output / f"{name}.md").write_text(page(claim, finding, Path(module.__file__ or "").name, date))
        told[name] = {"title": claim.title, "source": claim.source, "verdict": finding.verdict, "seen": finding.seen}
        print(f"{name}: {finding.verdict}")
    told = {name: told[name] for name in every if name in told}
    summary.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    (given.output / "README.md").write_text(index(told))


if __name__ == "__main__":
    main()
