"""What the rows of a claim are at other seeds: with other data, labels, initial weights and minibatches.

The interval of a row is over what one run repeats, replicas most often, and these share one draw of data and labels.
How far apart values lie between seeds says what such an interval leaves out.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from claims import DOES_NOT, HOLDS, Claim, Finding, config_of


@dataclass(frozen=True)
class Seeds:
    """The values of each row, seed by seed, and the verdicts; `config` tells the config that they were run with."""

    config: str
    verdicts: Mapping[int, str]
    values: Mapping[str, Sequence[float]]

    @classmethod
    def of(cls, claim: Claim, findings: Mapping[int, Finding]) -> Seeds:
        """Those of the runs of a claim, by their seeds. Raises ValueError if these have different rows."""
        names = {tuple(row.quantity for row in finding.rows) for finding in findings.values()}
        if len(names) != 1:
            raise ValueError(f"{claim.name}: rows have other names at other seeds")
        rows = zip(*(finding.rows for finding in findings.values()), strict=True)
        return cls(
            digest(claim),
            {seed: finding.verdict for seed, finding in findings.items()},
            {each[0].quantity: [row.value for row in each] for each in rows},
        )

    @property
    def contradictory(self) -> bool:
        """Whether it holds at one seed and does not at another."""
        return {HOLDS, DOES_NOT} <= set(self.verdicts.values())

    @property
    def told(self) -> str:
        """The verdicts in a sentence."""
        seeds = ", ".join(map(str, self.verdicts))
        return f"Verdicts at seeds {seeds}: {'; '.join(self.verdicts.values())}."

    def fits(self, claim: Claim, finding: Finding) -> bool:
        """Whether they are of the config as it is, and of these rows."""
        return self.config == digest(claim) and [*self.values] == [row.quantity for row in finding.rows]

    def between(self, quantity: str) -> str:
        """From where to where the values of a row lie; a dash if one of them is not a number."""
        values = self.values[quantity]
        return f"{min(values):.4g} to {max(values):.4g}" if all(map(math.isfinite, values)) else "-"

    def table(self) -> list[tuple[str, ...]]:
        """A head and a line a row."""
        head = ("quantity", *(f"seed {seed}" for seed in self.verdicts), "between them")
        lines = [
            (name, *(f"{each:.4g}" for each in values), self.between(name)) for name, values in self.values.items()
        ]
        return [head, *lines]

    def recorded(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "config": self.config,
            "verdicts": {str(seed): verdict for seed, verdict in self.verdicts.items()},
            "values": {name: [float(f"{each:.6g}") for each in values] for name, values in self.values.items()},
        }

    @classmethod
    def read(cls, recorded: Mapping[str, Any]) -> Seeds:
        """From `recorded`."""
        verdicts = {int(seed): verdict for seed, verdict in recorded["verdicts"].items()}
        return cls(recorded["config"], verdicts, recorded["values"])


def digest(claim: Claim) -> str:
    """What tells the config of a claim from what it was before."""
    return hashlib.sha256(config_of(claim).read_bytes()).hexdigest()[:16]
