"""Modes at half of a training and at its end, and what noise alone would add to their variance in a step."""

from types import SimpleNamespace

import numpy as np
import pytest
from made_up_networks import trained

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.training.probes.mode_growth.config import ModeGrowthProbe
from langevin_sgd.training.probes.section import Watched

SECTION = ModeGrowthProbe(kind="mode_growth")
REPLICAS, SIZE = 3, 4


def _watched(steps, **sgd):
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(SIZE, SIZE)))[0]
    measured = SimpleNamespace(
        eigenvalues=np.array([1.0, 0.5, 1e-3, 1e-9]), eigenvectors=basis, noise_in_modes=np.diag([4.0, 3.0, 2.0, 1.0])
    )
    sgd = Sgd(learning_rate=0.1, batch_size=5, **sgd)
    beside = SimpleNamespace(
        curvature=measured, minimum=SimpleNamespace(position=np.full(SIZE, 7.0)), sgd=sgd, step=None, samples=range(50)
    )
    return Watched(steps, REPLICAS, SIZE, sgd, 1e-6, curved=True, beside=beside), basis


def _seen(probe, basis, displaced):
    for step in probe.steps.tolist():
        probe.observe(SimpleNamespace(step=step, positions=7.0 + displaced[step] @ basis.T))


def test_it_keeps_the_modes_at_two_times_through_an_interruption():
    watched, basis = _watched(21)
    displaced = np.random.default_rng(1).normal(size=(22, REPLICAS, SIZE))
    probe = SECTION.build(watched)
    assert probe.steps.tolist() == [10, 21]
    probe.observe(SimpleNamespace(step=10, positions=7.0 + displaced[10] @ basis.T))
    resumed = SECTION.build(watched)
    resumed.restore(probe.state())
    _seen(probe, basis, displaced)
    resumed.observe(SimpleNamespace(step=21, positions=7.0 + displaced[21] @ basis.T))
    found = resumed.finish(None)["mode_position"]
    assert np.array_equal(found, probe.finish(None)["mode_position"])
    np.testing.assert_allclose(found, np.moveaxis(displaced[[10, 21]], 0, 1), atol=1e-12)


@pytest.mark.parametrize("mu", [0.0, 0.8])
def test_a_mode_without_curvature_grows_freely_and_epochs_bound_it(mu):
    """eta^2 c/(B (1 - mu)^2) a step, to the 1e-6 that curvature takes, and a steep mode not at all."""
    found = SECTION.build(_watched(4000, momentum=mu)[0]).finish(None)
    free, linear = found["mode_growth_free"], found["mode_growth_linear"]
    np.testing.assert_allclose(free, 0.1**2 * np.array([4.0, 3.0, 2.0, 1.0]) / 5 / (1.0 - mu) ** 2)
    assert linear[3] == pytest.approx(free[3], rel=1e-5)
    assert abs(linear[0]) < 1e-9 * free[0]
    epochs = SECTION.build(_watched(4000, momentum=mu, sampling="epoch")[0]).finish(None)["mode_growth_linear"]
    assert abs(epochs[3]) < 1e-4 * free[3]  # 50 samples are ten whole batches: nothing is left at an epoch's end


def test_a_training_without_halves_is_refused():
    with pytest.raises(UserError, match="needs 2 steps"):
        SECTION.build(_watched(1)[0])


@pytest.mark.usefixtures("own_modules")
def test_it_sees_as_many_modes_as_are_measured():
    found = trained(start="minimum", curvature={"modes": 4}, steps=20, sample_every=2, probes=("mode_growth",))
    assert found["mode_position"].sizes == {"replica": 6, "growth": 2, "mode": 4}
    assert (found["mode_growth_free"] > 0).all()
