"""The Hessian's spectrum without the Hessian, against all eigenvalues of it in full."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse.linalg
import torch

import langevin_sgd as lsgd
from langevin_sgd.training import curvature
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.lanczos import leading_pairs
from langevin_sgd.training.network import Network
from langevin_sgd.training.probes.hessian_spectrum.config import HessianSpectrumProbe
from langevin_sgd.training.probes.hessian_spectrum.measure import Spectra
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.view import Instruments

ROWS = 18


def measured(hidden: int, samples: int, *, decay: float, rows: int = ROWS, **keys):
    """Spectra of a tanh network of two layers, of one layer without `hidden` units, at random weights, and all
    eigenvalues of a few of the rows.
    """
    generator = np.random.default_rng(1)
    torch.manual_seed(0)
    layers = torch.nn.Linear(12, hidden or 4), torch.nn.Tanh(), torch.nn.Linear(hidden or 4, 4)
    module = torch.nn.Sequential(*layers[: None if hidden else 1])
    network = Network.of(module, dtype=torch.float64)
    inputs, labels = generator.normal(size=(samples, 12)), generator.integers(4, size=samples)
    with Workers(2) as workers:
        data = Samples.of(inputs, labels, dtype=torch.float64)
        instruments = Instruments(network, data, None, weight_decay=decay, workers=workers)
        section = HessianSpectrumProbe(kind="hessian_spectrum", **keys)
        weights = generator.normal(size=(rows, network.size)) * 0.5
        spectra = Spectra(instruments, section, dimension=network.size, seed=3)
        found = spectra(weights)
        exact = {
            row: np.linalg.eigvalsh(curvature.hessian(instruments.energy, weights[row]))[::-1]
            for row in sorted({0, min(3, rows - 1), rows - 1})
        }
        return found, exact, spectra, weights


@pytest.fixture(scope="module")
def small():
    return measured(12, 150, decay=0.5, vectors=8, quadrature=30)


def test_the_largest_eigenvalues_are_those_of_the_full_hessian(small):
    found, exact, *_ = small
    for row, eigenvalues in exact.items():
        np.testing.assert_allclose(found["top"][row], eigenvalues[:10], rtol=1e-3)
        assert (np.abs(found["top"][row] - eigenvalues[:10]) <= found["residual"][row] + 1e-12).all()


@pytest.mark.parametrize(("name", "of"), [("trace", np.sum), ("log_determinant", lambda k: np.log(k).sum())])
def test_trace_and_log_determinant_are_right_within_their_errors(small, name, of):
    found, exact, *_ = small
    for row, eigenvalues in exact.items():
        assert (eigenvalues > 0).all()
        error = found[f"{name}_stderr"][row]
        assert abs(found[name][row] - of(eigenvalues)) < 4.5 * error  # t of 8 vectors: one in 360
        assert error > 0


def test_no_eigenvalue_is_made_up_where_the_leading_ones_were_taken_out(small):
    """Row 3 had a node of weight 1e-33 below 0, and no log-determinant."""
    found, exact, *_ = small
    assert 3 in exact
    for row, eigenvalues in exact.items():
        assert found["node"][row].min() > eigenvalues[-1] - 1e-9
        assert found["node"][row][10:].max() < eigenvalues[9] + 1e-9
    assert np.isfinite(found["log_determinant"]).all()


def test_the_error_of_the_trace_is_that_of_random_signs(small):
    """Hutchinson's variance 2 (|A|^2 - sum A_ii^2) of one vector is at most 2 |A|^2, of what the top ones leave."""
    found, exact, *_ = small
    for row, eigenvalues in exact.items():
        most = np.sqrt(2.0 * np.sum((eigenvalues[10:] - eigenvalues[10:].mean()) ** 2) / 8)
        assert found["trace_stderr"][row] < 1.8 * most  # chi of 7: one in 1000


def test_the_density_is_that_of_all_eigenvalues(small):
    """Its moments, and how many eigenvalues lie below the largest gap above the bulk."""
    found, exact, *_ = small
    for row, eigenvalues in exact.items():
        node, weight = found["node"][row], found["weight"][row]
        assert abs(weight.sum() - 1.0) < 1e-12
        for power in (1, 2, 3):
            rest = eigenvalues[10:] ** power
            error = np.sqrt(2.0 * rest.var() / (8 * rest.size)) * rest.size / eigenvalues.size
            assert abs((weight * node**power).sum() - (eigenvalues**power).mean()) < 4.0 * error
        middle = 0.5 * (eigenvalues[9] + eigenvalues[10])
        assert abs(weight[node > middle].sum() - 10 / eigenvalues.size) < 1e-12


def test_single_precision_is_within_its_bound(small):
    """Against all eigenvalues in full, and against the same in double precision: its error is far below that of random
    signs.
    """
    found, exact, *_ = measured(12, 150, decay=0.5, vectors=8, quadrature=30, precision="float32")
    double = small[0]
    assert (found["top"] != double["top"]).all()
    for row, eigenvalues in exact.items():
        np.testing.assert_allclose(found["top"][row], eigenvalues[:10], rtol=1e-3)
        assert (np.abs(found["top"][row] - eigenvalues[:10]) <= found["residual"][row]).all()
    largest = double["top"][:, 0]
    assert (found["residual"].min(axis=1) > 0.99e-6 * largest).all()
    for power in (1, 2, 3):
        one, other = ((each["weight"] * each["node"] ** power).sum(axis=1) for each in (found, double))
        assert (np.abs(one - other) <= 1e-6 * largest**power).all()
    for name in ("trace", "log_determinant"):
        assert (np.abs(found[name] - double[name]) < 1e-3 * double[f"{name}_stderr"]).all()


def test_single_precision_tells_no_logarithm_below_its_rounding():
    """A spectrum that is positive by weight decay alone, 1e-6: the loss is convex in the weights of one layer."""
    found = {}
    for precision in ("float64", "float32"):
        for decay in (1e-6, 1e-1):
            spectra, exact, *_ = measured(0, 150, decay=decay, rows=2, vectors=4, precision=precision)
            found[precision, decay] = spectra["log_determinant"]
    assert np.isfinite(found["float64", 1e-6]).all()
    assert np.isnan(found["float32", 1e-6]).all()
    np.testing.assert_allclose(found["float32", 1e-1], found["float64", 1e-1], atol=0.01 * exact[0].size)


def test_a_row_does_not_hang_on_the_others(small):
    found, _, spectra, weights = small
    alone = spectra(weights[5:6])
    for name, values in alone.items():
        np.testing.assert_array_equal(
            values[0], found[name][5][: values.shape[1]] if values.ndim > 1 else found[name][5]
        )


def test_a_log_determinant_of_an_indefinite_hessian_is_not_told():
    found, exact, *_ = measured(6, 60, decay=0.0, rows=2, vectors=4)
    assert (exact[0] < 0).any()
    assert np.isnan(found["log_determinant"]).all()
    assert np.isfinite(found["trace"]).all()


def test_a_space_that_is_closed_is_not_left():
    """A matrix with three eigenvalues: the iteration ends by itself, and makes up no others."""
    matrix = np.diag([3.0, 3.0, 2.0, 2.0, -1.0])
    (pairs,) = leading_pairs(lambda v: v @ matrix, np.ones((1, 5)), 4, most=5, tolerance=1e-3)
    np.testing.assert_allclose(pairs.values, [3.0, 2.0, -1.0])
    np.testing.assert_allclose(pairs.weights, [0.4, 0.4, 0.2])


@pytest.mark.validate
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_two_thousand_weights(precision: str):
    found, exact, *_ = measured(118, 300, decay=0.1, rows=4, precision=precision)
    for row, eigenvalues in exact.items():
        assert eigenvalues.size == 2010
        np.testing.assert_allclose(found["top"][row], eigenvalues[:10], rtol=1e-3)
        assert (np.abs(found["top"][row] - eigenvalues[:10]) <= found["residual"][row] + 1e-12).all()
        assert abs(found["trace"][row] - eigenvalues.sum()) < 5.8 * found["trace_stderr"][row]  # t of 4: one in 100


@pytest.mark.validate
@pytest.mark.filterwarnings("ignore")  # what another library warns of
def test_a_hundred_thousand_weights_against_another_library():
    curvlinops = pytest.importorskip("curvlinops")
    generator = np.random.default_rng(1)
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.Tanh(), torch.nn.Linear(128, 10)).double()
    inputs, labels = generator.normal(size=(400, 784)), generator.integers(10, size=400)
    network = Network.of(module, dtype=torch.float64)
    with Workers(2) as workers:
        data = Samples.of(inputs, labels, dtype=torch.float64)
        instruments = Instruments(network, data, None, weight_decay=0.0, workers=workers)
        section = HessianSpectrumProbe(kind="hessian_spectrum", vectors=6)
        found = Spectra(instruments, section, dimension=network.size, seed=3)(network.weights().numpy()[None])
    assert network.size == 101_770
    batch = [(torch.from_numpy(inputs), torch.from_numpy(labels))]
    loss = torch.nn.CrossEntropyLoss()
    hessian = curvlinops.HessianLinearOperator(module, loss, list(module.parameters()), batch).to_scipy()
    theirs = scipy.sparse.linalg.eigsh(hessian, k=10, which="LA", return_eigenvectors=False)[::-1]
    np.testing.assert_allclose(found["top"][0], theirs, rtol=1e-3)
    signs = np.where(generator.random((network.size, 6)) < 0.5, -1.0, 1.0)
    samples = np.einsum("dv,dv->v", signs, hessian @ signs)
    error = np.hypot(samples.std(ddof=1) / 6**0.5, found["trace_stderr"][0])
    assert abs(samples.mean() - found["trace"][0]) < 4.0 * error


def study(**probe) -> dict:
    network = {
        "kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "mlp", "hidden": [4]}, "replicas": 3,
        "steps": 60, "record_times": 8, "probes": [{"kind": "hessian_spectrum", "eigenvalues": 3, "looks": 2, **probe}],
    }  # fmt: skip
    return {"name": "one", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 24}, "models": {"network": network}}


def test_it_is_measured_along_training_and_goes_on_after_an_interruption(tmp_path: Path, monkeypatch):
    from langevin_sgd.training.probes.hessian_spectrum.measure import HessianSpectrum

    whole = lsgd.simulate(study(replicas=2))["network"]
    assert whole.hessian_top.dims == ("spectrum_look", "spectrum_replica", "top")
    assert whole.spectrum_step.values[-1] == 60
    assert whole.hessian_top.shape == (2, 2, 3)
    observe, stop, seen = HessianSpectrum.observe, [60], []

    def interrupted(self, view):
        seen.append(view.step)
        if view.step in stop:
            stop.clear()
            raise KeyboardInterrupt
        observe(self, view)

    monkeypatch.setattr("langevin_sgd.models.network.launch._SECONDS_BETWEEN_STATES", 0.0)  # after every few steps
    monkeypatch.setattr(HessianSpectrum, "observe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lsgd.simulate(study(replicas=2), output=tmp_path / "run")
    first = len(seen)
    resumed = lsgd.simulate(study(replicas=2), output=tmp_path / "run", resume=True)["network"]
    assert seen[first:] == [60]  # the look before is not made again
    for name in whole.data_vars:
        if name.startswith("hessian"):
            np.testing.assert_array_equal(resumed[name], whole[name], err_msg=name)


def test_by_default_it_takes_what_a_fifth_of_the_training_pays():
    found = lsgd.simulate(study(looks=None))["network"]
    assert dict(found.hessian_trace.sizes) == {"spectrum_look": 1, "spectrum_replica": 1}


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"replicas": 4}, r"replicas: 4 is more than the 3 of the network; give at most so many"),
        ({"eigenvalues": 35}, r"eigenvalues: the network has 35 weights; give at most 34"),
    ],
)
def test_there_must_be_so_many(keys, told):
    with pytest.raises(lsgd.ConfigError, match=told):
        lsgd.parse(study(**keys))
