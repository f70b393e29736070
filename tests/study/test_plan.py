from __future__ import annotations

import numpy as np

from langevin_sgd.models.grid import Grid, block_shape
from langevin_sgd.study.loading import parse
from langevin_sgd.study.plan import Task, tasks

NETWORK = {"kind": "network", "architecture": {"kind": "softmax"}, "start": "minimum", "replicas": 4, "steps": 100}
OU = {"kind": "ornstein_uhlenbeck", "hessian": {"from": "network"}, "noise": {"from": "network"}, "steps": 100}
GIVEN = {
    "kind": "ornstein_uhlenbeck", "hessian": {"kind": "diagonal", "eigenvalues": [1.0]},
    "noise": {"kind": "isotropic", "scale": 1.0}, "steps": 100,
}  # fmt: skip
SCAN = {"sgd.learning_rate": [0.1, 0.2, 0.3], "sgd.batch_size": [4, 8]}


def grid(name: str) -> Grid:
    models = {"network": NETWORK, "ou": OU, "given": GIVEN}
    sgd = {"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.01}
    return Grid(parse({"name": "plan", "seed": 1, "sgd": sgd, "models": models, "scan": SCAN}), name)


def test_networks_of_one_batch_size_go_together() -> None:
    assert block_shape(grid("network")) == (3, 1)


def test_what_is_measured_on_a_network_goes_point_by_point_and_what_is_given_at_once() -> None:
    assert block_shape(grid("ou")) == (1, 1)
    assert block_shape(grid("given")) == (3, 2)


def test_tasks_cover_every_point_once_whatever_the_block() -> None:
    for block in [(1, 1), (2, 1), (2, 2), (3, 2)]:
        covered = np.zeros((3, 2), int)
        for task in tasks(grid("ou").study, "ou", block):
            covered[tuple(map(slice, task.start, task.stop))] += 1
            assert len(task) <= np.prod(block)
        assert (covered == 1).all()


def test_parts_of_a_task_follow_one_another() -> None:
    task = Task("ou", (1, 0), (2, 4))
    assert task.parts() == (Task("ou", (1, 0), (2, 2)), Task("ou", (1, 2), (2, 4)))
    wide = Task("ou", (0, 0), (3, 2))
    places = [place for part in wide.parts() for place in grid("ou").places(part.start, part.stop)]
    assert places == list(grid("ou").places((0, 0), (3, 2)))
    assert wide.label == "0-3_0-2"
