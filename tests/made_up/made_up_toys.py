"""The members of every family that tests/extensions/toys holds, and one study that names them all."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import NamedTuple

TOYS = Path(__file__).parents[1] / "extensions" / "toys"


class Toy(NamedTuple):
    """A member: the group of its entry point, its name there, its file and what it is called in it.

    `by_path` is what a config names by its path, where that is something else: of data a function.
    """

    group: str
    name: str
    module: str
    attribute: str
    by_path: str = ""

    @property
    def path(self) -> str:
        """As a config names it by path."""
        return f"toys.{self.module}:{self.by_path or self.attribute}"


MEMBERS = {
    "model kind": Toy("models", "free_walk", "model", "FreeWalk"),
    "check": Toy("checks", "turns", "check", "Turns"),
    "law": Toy("laws", "mean_noise", "law", "MEAN_NOISE"),
    "probe": Toy("probes", "length", "probe", "Length"),
    "loss": Toy("losses", "squared", "loss", "Squared"),
    "update rule": Toy("update_rules", "signs", "update_rule", "Signs"),
    "schedule": Toy("schedules", "fading", "schedule", "Fading", by_path="fading"),
    "data set": Toy("data", "blobs", "data", "Blobs", by_path="blobs"),
    "architecture": Toy("architectures", "plain", "architecture", "Plain"),
    "scheme": Toy("schemes", "midpoint", "scheme", "MIDPOINT"),
    "figure": Toy("figures", "turn_histogram", "figure", "turn_histogram"),
}
"""By the family, as docs/architecture.md calls it."""

_STUDY = Template("""
name: toys
seed: 3
sgd: {learning_rate: 0.1, batch_size: 8}
models:
  walk: {kind: "$free_walk", steps: 40}
  well:
    kind: langevin
    potential: {kind: expression, energy: x**2/2, variables: [x]}
    temperature: 1.0
    time_step: 0.1
    scheme: $midpoint
    start: [1.0]
    steps: 40
    replicas: 64
  network:
    kind: network
    data: {name: "$blobs"}
    architecture: {kind: softmax}
    replicas: 2
    steps: 20
    probes: ["$length"]
    loss: $squared
    update_rule: {kind: sgd, schedule: "$fading"}
  own:
    kind: network
    data: {name: "$blobs"}
    architecture: {kind: "$plain"}
    update_rule: $signs
    replicas: 2
    steps: 20
  valley:
    kind: ornstein_uhlenbeck
    hessian: {kind: diagonal, eigenvalues: [1.0, 2.0]}
    noise: {kind: diagonal, variances: [1.0, 3.0]}
    steps: 200
    replicas: 8
checks: ["$turns"]
""")

BY_NAME = _STUDY.substitute({toy.name: toy.name for toy in MEMBERS.values()})
"""The study where the members are the package's own, or installed."""
BY_PATH = (
    _STUDY.substitute({toy.name: toy.path for toy in MEMBERS.values()})
    + f'laws: ["{MEMBERS["law"].path}"]\nfigures: ["{MEMBERS["figure"].path}"]\n'
)
"""The study where they lie in a package `toys` of the user's own."""
WALK_BY_PATH = f"""
name: toys
seed: 3
models:
  walk: {{kind: "{MEMBERS["model kind"].path}", steps: 40}}
checks: ["{MEMBERS["check"].path}"]
figures: ["{MEMBERS["figure"].path}"]
"""
"""A model, its check and its figure alone."""
ENTRY_POINTS = "\n".join(
    f"[langevin_sgd.{toy.group}]\n{toy.name} = toys.{toy.module}:{toy.attribute}\n" for toy in MEMBERS.values()
)
