"""The simulation against closed forms that it does not use: matrix recursions in coordinates where H is not diagonal.

H and C are random and do not commute, eta * lambda_max = 1.5. Every statistic has a known law if the simulation is
right, so it is turned into a p-value; the level 1e-6 is that of 4.9 standard errors. About 300 p-values are computed.
"""

import os
from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import solve_triangular
from threadpoolctl import threadpool_limits

from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.integrators.exact import simulate
from langevin_sgd.theory.quadratic_form import energy_weights, weighted_chi_squared_cdf

ETA, BATCH, LEVEL = 0.1, 4, 1e-6
REPLICAS = {5: 20_000, 50: 4_000, 500: 1_000}
DOUBLINGS = 10  # the slowest mode decays by exp(-15) in 2^10 steps


class Problem(NamedTuple):
    hessian: np.ndarray
    noise: np.ndarray
    vectors: np.ndarray
    k: np.ndarray
    c: np.ndarray


def problem(dimension: int, rank: int | None = None) -> Problem:
    rng = np.random.default_rng(dimension)
    vectors = np.linalg.qr(rng.normal(size=(dimension, dimension)))[0]
    k = np.geomspace(15.0, 0.15, dimension)
    gradients = rng.normal(size=(rank or 2 * dimension, dimension)) * rng.uniform(0.3, 3.0, size=dimension)
    noise = gradients.T @ gradients / len(gradients)
    return Problem((vectors * k) @ vectors.T, noise, vectors, k, vectors.T @ noise @ vectors)


def companion(p: Problem, momentum: float) -> tuple[np.ndarray, np.ndarray]:
    """The map of (w, eta m) in one step and the covariance of its noise; of w alone without momentum."""
    eye, noise = np.eye(p.k.size), ETA**2 / BATCH * p.noise
    if momentum == 0.0:
        return eye - ETA * p.hessian, noise
    step = np.block([[eye - ETA * p.hessian, -momentum * eye], [ETA * p.hessian, momentum * eye]])
    return step, np.block([[noise, -noise], [-noise, noise]])


def doubled(step: np.ndarray, noise: np.ndarray) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """M^n and the covariance after n steps from a point, for n = 1, 2, 4 ...: P_2n = P_n + M^n P_n (M^n)^T."""
    found = {1: (step, noise)}
    for doubling in range(1, DOUBLINGS + 1):
        noise = noise + step @ noise @ step.T
        step = step @ step
        found[2**doubling] = (step, noise)
    return found


def positions(p: Problem, momentum: float, steps, start, *, replicas=None, learning_rate=ETA, batch=BATCH, **options):
    """Simulated positions (step, replica, d) in the coordinates of H and C."""
    seen = []
    options = {"seed": 3} | options
    simulate(
        p.k, p.c, learning_rate=learning_rate, batch_size=batch, momentum=momentum, steps=steps, start=start,
        replicas=replicas or REPLICAS[p.k.size], visit=lambda index, step, w: seen.append(w @ p.vectors.T), **options,
    )  # fmt: skip
    return np.array(seen)


def p_values(w: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> dict[str, float]:
    """Of the mean, the total variance and all covariance elements at once, after whitening.

    Elements: the deviations of the two halves' second moments from I are isotropic Gaussians in d(d+1)/2 dimensions, so
    their correlation follows Student's law; if the covariance is another they share a direction.
    """
    replicas, dimension = w.shape
    z = solve_triangular(np.linalg.cholesky(covariance), (w - mean).T, lower=True).T
    total = stats.chi2.cdf(np.sum(z**2), replicas * dimension)
    upper = np.triu_indices(dimension)
    weights = np.where(upper[0] == upper[1], 1.0, np.sqrt(2.0))
    half = replicas // 2
    first, second = ((part.T @ part / half - np.eye(dimension))[upper] * weights for part in (z[:half], z[half:]))
    correlation = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
    degrees = first.size - 1
    return {
        "mean": stats.chi2.sf(replicas * np.sum(z.mean(axis=0) ** 2), dimension),
        "total": 2 * min(total, 1 - total),
        "elements": stats.t.sf(correlation * np.sqrt(degrees / (1 - correlation**2)), degrees),
    }


def assert_gaussian(w: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> None:
    assert min(p_values(w, mean, covariance).values()) > LEVEL


LARGE = [pytest.param(500, momentum, marks=pytest.mark.validate) for momentum in (0.0, 0.5, 0.9)]


@pytest.mark.parametrize(
    ("dimension", "momentum"), [(5, 0.0), (5, 0.5), (5, 0.9), (50, 0.0), (50, 0.5), (50, 0.9), *LARGE]
)
def test_mean_covariance_and_autocorrelation(dimension, momentum):
    p = problem(dimension)
    after = doubled(*companion(p, momentum))
    zero = np.zeros(dimension)
    here = slice(None, dimension)

    start = np.linspace(-1.0, 2.0, dimension) / np.sqrt(dimension)
    steps = [1, 2, 16, 128, 2**DOUBLINGS]
    simulated = positions(p, momentum, steps, p.vectors.T @ start)
    for step, w in zip(steps, simulated, strict=True):
        forward, covariance = after[step]
        assert_gaussian(w, forward[here, here] @ start, covariance[here, here])

    stationary = after[2**DOUBLINGS][1]
    lags = [0, 1, 32]
    simulated = positions(p, momentum, lags, "stationary", seed=4)
    root = np.linalg.cholesky(stationary[here, here])
    whitened = solve_triangular(root, simulated.reshape(-1, dimension).T, lower=True).T.reshape(simulated.shape)
    rng = np.random.default_rng(0)
    for index, lag in enumerate(lags):
        assert_gaussian(simulated[index], zero, stationary[here, here])
        if lag == 0:
            continue
        lagged = (after[lag][0] @ stationary)[here, here]
        expected = solve_triangular(root, solve_triangular(root, lagged, lower=True).T, lower=True).T
        for weight in (np.eye(dimension), expected, *rng.normal(size=(2, dimension, dimension))):
            products = np.einsum("ri,ri->r", whitened[index] @ weight, whitened[0])
            error = products.std() / np.sqrt(products.size)
            assert abs(products.mean() - np.sum(weight * expected)) < 5 * error


@pytest.mark.parametrize(("dimension", "momentum"), [(5, 0.0), (5, 0.9), (50, 0.0), (50, 0.9), LARGE[0]])
def test_planted_errors_are_caught(dimension, momentum):
    """T off by 3%, a missing factor 2, H and C in each other's place: each far beyond the level of the tests above."""
    p = problem(dimension)
    right = doubled(*companion(p, momentum))[2**DOUBLINGS][1][:dimension, :dimension]
    hot = positions(p, momentum, [0], "stationary", batch=BATCH / 1.03)[0]
    doubled_noise = positions(p, momentum, [0], "stationary", batch=BATCH / 2)[0]
    swapped_modes, swapped_vectors = np.linalg.eigh(p.noise * 15 / np.linalg.eigvalsh(p.noise).max())
    swapped = p._replace(k=swapped_modes, c=swapped_vectors.T @ p.hessian @ swapped_vectors, vectors=swapped_vectors)
    for wrong in (hot, doubled_noise, positions(swapped, momentum, [0], "stationary")[0]):
        assert min(p_values(wrong, np.zeros(dimension), right).values()) < LEVEL
    # the elements alone see a wrong direction even when the total is right
    eigenvalues, axes = np.linalg.eigh(right)
    turned = (axes * eigenvalues[::-1]) @ axes.T
    assert p_values(positions(p, momentum, [0], "stationary")[0], np.zeros(dimension), turned)["elements"] < LEVEL


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_a_wrong_mean_and_a_wrong_transient_are_caught(momentum):
    p = problem(50)
    start = np.full(50, 0.3)
    forward, covariance = doubled(*companion(p, momentum))[4]
    mean, covariance = forward[:50, :50] @ start, covariance[:50, :50]
    w = positions(p, momentum, [5], p.vectors.T @ start)[0]
    assert min(p_values(w, mean, covariance).values()) < LEVEL
    w = positions(p, momentum, [4], p.vectors.T @ start * 1.1)[0]
    assert p_values(w, mean, covariance)["mean"] < LEVEL
    assert_gaussian(positions(p, momentum, [4], p.vectors.T @ start)[0], mean, covariance)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_continuum_is_the_ornstein_uhlenbeck_process(momentum):
    p = problem(50)
    rate = ETA / (1 - momentum)
    stationary = p.vectors @ (rate / BATCH * p.c / (p.k[:, None] + p.k)) @ p.vectors.T
    start = np.linspace(-1.0, 1.0, 50)
    for step, w in zip((1, 20, 5000), positions(p, momentum, [1, 20, 5000], start, dynamics="continuum"), strict=True):
        forward = (p.vectors * np.exp(-rate * p.k * step)) @ p.vectors.T
        assert_gaussian(w, forward @ p.vectors @ start, stationary - forward @ stationary @ forward.T)
    w = positions(p, momentum, [0, 7], "stationary", dynamics="continuum")
    for visited in w:
        assert_gaussian(visited, np.zeros(50), stationary)
    discrete = positions(p, momentum, [0], "stationary")[0]
    assert min(p_values(discrete, np.zeros(50), stationary).values()) < LEVEL


@pytest.mark.validate
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_energies_follow_the_weighted_chi_squared_law(momentum):
    """Sup-distance of 80,000 energies below the Dvoretzky-Kiefer-Wolfowitz bound; with T off by 3% it is above."""
    p = problem(50)
    covariance = doubled(*companion(p, momentum))[2**DOUBLINGS][1][:50, :50]
    weights = energy_weights(p.k, p.vectors.T @ covariance @ p.vectors)
    ranks = np.arange(1, 80_001) / 80_000
    bound = np.sqrt(np.log(2 / LEVEL) / 2 / 80_000)
    for batch, right in ((BATCH, True), (BATCH / 1.03, False)):
        w = positions(p, momentum, [0], "stationary", batch=batch, replicas=80_000)[0] @ p.vectors
        energies = np.sort(0.5 * w**2 @ p.k)
        distance = np.abs(weighted_chi_squared_cdf(weights, energies) - ranks).max()
        assert (distance < bound) == right


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_noise_of_low_rank_and_modes_without_noise(momentum):
    """C of rank 8 in 20 coordinates, and 3 further modes that no noise reaches, two of them without curvature."""
    p = problem(20, rank=8)
    k = np.concatenate([p.k, [2.0, 0.0, 1e-18]])
    c = np.zeros((23, 23))
    c[:20, :20] = p.c
    start = np.ones(23)
    seen = []
    simulate(
        k, c, learning_rate=ETA, batch_size=BATCH, momentum=momentum, seed=1, replicas=4000, steps=[1, 8, 64],
        start=start, visit=lambda index, step, w: seen.append(w),
    )  # fmt: skip
    step, noise = companion(p, momentum)
    mean, covariance = np.concatenate([p.vectors @ start[:20], np.zeros(20)])[: len(step)], np.zeros_like(noise)
    bare, quiet = np.array([1.0, 0.0]), []
    for number in range(1, 65):
        mean, covariance = step @ mean, step @ covariance @ step.T + noise
        velocity = momentum * bare[1] + ETA * 2.0 * bare[0]
        bare = np.array([bare[0] - velocity, velocity])
        if number in (1, 8, 64):
            quiet.append(bare[0])
            w = seen[len(quiet) - 1][:, :20] - p.vectors.T @ mean[:20]
            expected = p.vectors.T @ covariance[:20, :20] @ p.vectors
            eigenvalues, axes = np.linalg.eigh(expected)
            kept = eigenvalues > 1e-6 * eigenvalues[-1]
            assert kept.sum() == (8 if number == 1 else 20) or momentum == 0.0
            assert_gaussian(w @ axes[:, kept], np.zeros(kept.sum()), np.diag(eigenvalues[kept]))
            if number == 1:
                assert np.abs(w @ axes[:, :12]).max() < 1e-6 * np.sqrt(eigenvalues[-1])
    for w, alone in zip(seen, quiet, strict=True):
        np.testing.assert_allclose(w[:, 20], alone, rtol=1e-12, atol=1e-15)
        np.testing.assert_array_equal(w[:, 21], 1.0)
        np.testing.assert_allclose(w[:, 22], 1.0, rtol=1e-14)


def test_no_noise_and_one_replica():
    seen = []
    simulate(
        [1.0, 2.0], np.zeros((2, 2)), learning_rate=0.1, batch_size=1, seed=0, replicas=1, steps=[0, 3],
        start=[1.0, 1.0], visit=lambda index, step, w: seen.append((index, step, w.tolist())),
    )  # fmt: skip
    assert seen[0] == (0, 0, [[1.0, 1.0]])
    np.testing.assert_allclose(seen[1][2], [[0.9**3, 0.8**3]])


STEPS = [0, 1, 5, 6, 40, 75, 110, 400]


def bits(dimension: int, momentum: float, replicas: int, start: object = "stationary", dynamics="discrete"):
    """Positions (step, replica, d) as simulated, from numbers that no matrix product of this test has touched."""
    k = np.geomspace(15.0, 0.15, dimension)
    c = np.exp(-np.abs(np.subtract.outer(np.arange(dimension), np.arange(dimension))) / 3.0)
    seen: list[np.ndarray] = []
    simulate(
        k, c, learning_rate=ETA, batch_size=BATCH, momentum=momentum, dynamics=dynamics, seed=2, replicas=replicas,
        steps=STEPS, start=start, visit=lambda index, step, w: seen.append(w),
    )  # fmt: skip
    return np.array(seen)


@pytest.mark.parametrize("start", ["stationary", "point"])
@pytest.mark.parametrize(("momentum", "dynamics"), [(0.0, "discrete"), (0.9, "discrete"), (0.9, "continuum")])
def test_a_replica_is_the_same_bits_among_any_number_of_others(momentum, dynamics, start):
    begin = "stationary" if start == "stationary" else np.ones(50)
    runs = {n: bits(50, momentum, n, begin, dynamics) for n in (1, 8, 33, 64)}
    for fewer in (1, 8, 33):
        assert np.array_equal(runs[64][:, :fewer], runs[fewer])
    assert np.array_equal(runs[64][:, 7], runs[8][:, 7])
    assert not np.array_equal(runs[64][:, 7], runs[64][:, 8])


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("cut", [0, 1, 4, 7])
def test_a_resumed_run_is_the_same_bits_as_one_that_did_not_stop(momentum, cut):
    p = problem(50)
    settings = {"learning_rate": ETA, "batch_size": BATCH, "momentum": momentum, "seed": 9, "replicas": 10}
    settings["start"] = np.ones(50)
    whole, parts = [], []
    last = simulate(p.k, p.c, steps=STEPS, visit=lambda *seen: whole.append(seen), **settings)
    state = simulate(p.k, p.c, steps=STEPS[: cut + 1], visit=lambda *seen: parts.append(seen), **settings)
    again = simulate(p.k, p.c, steps=STEPS, visit=lambda *seen: parts.append(seen), state=state, **settings)
    assert [seen[:2] for seen in parts] == [seen[:2] for seen in whole] == list(enumerate(STEPS))
    assert all(np.array_equal(one[2], other[2]) for one, other in zip(parts, whole, strict=True))
    assert again.step == last.step == 400
    assert np.array_equal(again.coordinates, last.coordinates)


def test_bits_do_not_depend_on_the_number_of_threads(monkeypatch):
    """300 modes: large enough for a BLAS library to use all its threads, which would change the rounding."""
    digests = set()
    for threads in (1, 2, 5):
        monkeypatch.setattr(os, "cpu_count", lambda threads=threads: threads)
        with threadpool_limits(threads, user_api="blas"):
            digests.add(b"".join(bits(300, momentum, 70).tobytes() for momentum in (0.0, 0.9)))
    assert len(digests) == 1


def test_seeds_and_streams_give_other_paths():
    p = problem(5)
    one, two = (positions(p, 0.0, [1, 2], np.zeros(5), seed=seed, replicas=2000) for seed in (1, 2))
    correlation = np.mean(one * two) / one.std() / two.std()
    assert abs(correlation) < 5 / np.sqrt(one.size)
    # increments of one replica at consecutive steps are independent
    first, second = one[0], one[1] - one[0] @ (np.eye(5) - ETA * p.hessian)
    assert abs(np.mean(first * second)) < 5 * first.std() * second.std() / np.sqrt(first.size)


def test_over_the_stability_limit_is_named_before_the_first_step():
    never = pytest.fail
    common = {"seed": 0, "replicas": 2, "steps": [1], "start": "stationary", "visit": never, "batch_size": 1}
    with pytest.raises(Diverged) as caught:
        simulate([1.0, 25.0], np.eye(2), learning_rate=0.1, **common)
    assert caught.value.step == 0
    assert caught.value.eta_lambda_max == pytest.approx(2.5)
    assert "mode 1" in str(caught.value)
    with pytest.raises(Diverged) as caught:
        simulate([1.0, 39.0], np.eye(2), learning_rate=0.1, momentum=0.9, **common)
    assert "3.8" in str(caught.value)
    with pytest.raises(Diverged, match="eigenvalue is -1"):
        simulate([1.0, -1.0], np.eye(2), learning_rate=0.1, **common)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_noise_free_mode_that_grows_is_noticed(momentum):
    seen = []
    with pytest.raises(Diverged) as caught:
        simulate(
            [1.0, 50.0], np.diag([1.0, 0.0]), learning_rate=0.1, batch_size=1, momentum=momentum, seed=0, replicas=2,
            steps=[1, 100, 100_000], start=[0.0, 1.0], visit=lambda index, step, w: seen.append(step),
        )  # fmt: skip
    assert caught.value.step == 100_000
    assert seen == [1, 100]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": [3, 2]}, "ascend"),
        ({"steps": [2, 2]}, "ascend"),
        ({"steps": [-1]}, "steps"),
        ({"replicas": 0}, "replicas"),
        ({"start": "minimum"}, "start"),
        ({"start": [1.0]}, "start"),
        ({"start": [1.0, np.nan]}, "start"),
        ({"momentum": 1.0}, "momentum"),
        ({"dynamics": "langevin"}, "dynamics"),
        ({"c": np.eye(3)}, "do not fit"),
    ],
)
def test_impossible_arguments_are_refused(change, message):
    given = {
        "k": [1.0, 2.0], "c": np.eye(2), "learning_rate": 0.1, "batch_size": 1, "seed": 0, "replicas": 2, "steps": [1],
        "start": "stationary", "visit": lambda *_: None,
    } | change  # fmt: skip
    with pytest.raises(ValueError, match=message):
        simulate(given.pop("k"), given.pop("c"), **given)


def test_a_state_of_another_shape_is_refused():
    settings = {
        "learning_rate": 0.1,
        "batch_size": 1,
        "seed": 0,
        "steps": [1],
        "start": [0.0],
        "visit": lambda *_: None,
    }
    state = simulate([1.0], [[1.0]], replicas=3, **settings)
    with pytest.raises(ValueError, match="state"):
        simulate([1.0], [[1.0]], replicas=4, state=state, **settings)
