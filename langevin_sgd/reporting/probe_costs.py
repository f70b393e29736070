"""What the probes of a run cost beside its training, in seconds of CPU."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import xarray as xr

from langevin_sgd.observables.cpu_seconds import PROBE, TRAINING, cpu_seconds
from langevin_sgd.progress import format_seconds
from langevin_sgd.reporting.html_tables import scrolled

_FIFTH = 0.2  # of the training, to which probes that choose their own schedule keep
BEYOND = (
    "took more than a fifth of the training: a probe measures once at least, however short that is, and as often as "
    "its `looks` and `replicas` ask for"
)
NOTE = (
    "What several probes need at one step is evaluated once, and counted with the first of them. To record its "
    "functions takes a probe some tenths of a second when it is first used, which are counted too."
)

_FEW = 10.0  # seconds, below which whole ones say too little
_TIMES = 2.0  # the training, from which on it is so many times that


@dataclass(frozen=True)
class Cost:
    """A probe of a model: its seconds of CPU, and those as a share of what the steps took, if we made them."""

    model: str
    probe: str
    seconds: float
    share: float | None

    @property
    def told(self) -> str:
        """In words."""
        seconds = f"{self.seconds:.2g} s" if self.seconds < _FEW else format_seconds(self.seconds)
        spent = f"{seconds} of CPU"
        if self.share is None:
            return spent
        return f"{spent}, {f'{self.share:.0%} of' if self.share < _TIMES else f'{self.share:.2g} times'} the training's"


def costs(tree: xr.DataTree) -> list[Cost]:
    """Those of all models whose probes were counted, in their order."""
    found: list[Cost] = []
    for name, node in tree.children.items():
        spent = cpu_seconds(node.attrs)
        training = spent.get(TRAINING)
        for what, seconds in spent.items():
            if what.startswith(PROBE):
                found.append(Cost(name, what.removeprefix(PROBE), seconds, seconds / training if training else None))
    return found


def costs_table(tree: xr.DataTree) -> str:
    """As a table of the report, empty if nothing was counted."""
    lines = "".join(
        f'<tr><td>{escape(cost.model)}</td><td>{escape(cost.probe)}</td><td class="number">{cost.told}</td></tr>'
        for cost in costs(tree)
    )
    if not lines:
        return ""
    head = '<thead><tr><th scope="col">model</th><th scope="col">probe</th><th scope="col">cost</th></tr></thead>'
    note = f"{NOTE} {beyond}." if (beyond := _beyond(costs(tree))) else NOTE
    return f'{scrolled(f"{head}<tbody>{lines}</tbody>", "What the probes cost")}<p class="quiet">{escape(note)}</p>'


def costs_line(tree: xr.DataTree) -> str:
    """In a line a model, and one of those beyond a fifth; empty if nothing was counted."""
    found = costs(tree)
    by_model: dict[str, list[str]] = {}
    for cost in found:
        by_model.setdefault(cost.model, []).append(f"{cost.probe} {cost.told}")
    lines = [f"probes of {model}: {'; '.join(told)}" for model, told in by_model.items()]
    return "\n".join([*lines, *filter(None, [_beyond(found)])])


def _beyond(found: list[Cost]) -> str:
    """Those that took more than a fifth, and why that can be; empty if none did."""
    names = dict.fromkeys(cost.probe for cost in found if cost.share is not None and cost.share > _FIFTH)
    return f"{', '.join(names)} {BEYOND}" if names else ""
