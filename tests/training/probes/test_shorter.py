"""Probes that name steps of their own, in the short piece of which the time of a training is told."""

import pytest

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.probes.mode_growth.config import ModeGrowthProbe
from langevin_sgd.training.probes.response.config import ResponseProbe
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.probes.stationarity.config import StationarityProbe
from langevin_sgd.training.probes.two_time.config import TwoTimeProbe

PROBES = [
    ResponseProbe(kind="response", onsets=(100, 6400), delays=(1, 5, 25)),
    ResponseProbe(kind="response"),
    TwoTimeProbe(kind="two_time", waiting=(100, 4000), separations=(100, 10_000)),
    StationarityProbe(kind="stationarity", windows=8, samples=100),
    ModeGrowthProbe(kind="mode_growth"),
]


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.kind)
@pytest.mark.parametrize("steps", [1, 2, 3, 8, 50, 20_000])
def test_a_probe_fits_into_a_shorter_training(probe, steps: int) -> None:
    watched = Watched(steps, 8, 100, Sgd(learning_rate=0.1, batch_size=4), 1e-6, curved=True)
    piece = probe.shorter(steps)
    if steps >= 8:
        assert piece is not None
    if piece is not None:
        assert list(piece.problems(watched, model=("models", "m"), probe=("models", "m", "probes", 0))) == []
