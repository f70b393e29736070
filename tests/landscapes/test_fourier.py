import math

import mpmath
import numpy as np
import pytest
import torch
from scipy.integrate import quad

from langevin_sgd import IsotropicNoise, integrate
from langevin_sgd.errors import UserError
from langevin_sgd.integrators.record import Record
from langevin_sgd.landscapes.fourier import Fourier, mean_wave

SIX_DECADES = {"smallest_wave_number": 1e-4, "largest_wave_number": 1e2}


def _small(dimension=3, alpha=1.0, **more):
    return Fourier(dimension, alpha, **({"smallest_wave_number": 0.1, "largest_wave_number": 20.0} | more))


def _points(potential, walkers, seed=0):
    shape = (potential.disorders.size, walkers, potential.dimension)
    return np.random.default_rng(seed).normal(size=shape)


def _on_tensors(points):
    return torch.as_tensor(points.transpose(2, 0, 1).reshape(points.shape[2], -1).copy())


@pytest.mark.parametrize("dimension", [1, 2, 3, 100, 1000])
@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.5])
def test_six_decades_of_wave_numbers_give_two_decades_within_three_percent(dimension, alpha):
    law = Fourier(dimension, alpha, amplitude=2.0, **SIX_DECADES)
    shortest, longest = law.valid_range(0.03)
    assert longest > 100.0 * shortest
    inside = np.geomspace(shortest, longest, 50)
    np.testing.assert_allclose(law.structure_function(inside), 2.0 * inside**alpha, rtol=0.0302)
    for outside in (0.7 * shortest, longest / 0.7):
        assert law.structure_function(outside) < (1 - 0.031) * 2.0 * outside**alpha


@pytest.mark.parametrize(("dimension", "wave"), [(1, math.cos), (3, lambda z: math.sin(z) / z)])
@pytest.mark.parametrize("alpha", [0.3, 1.0, 1.7])
def test_structure_function_is_the_integral_over_wave_numbers(dimension, wave, alpha):
    law = _small(dimension, alpha, amplitude=1.5)
    r = np.array([0.01, 0.3, 2.0, 40.0])
    spectrum = [
        quad(lambda k, r=r: (1 - wave(k * r)) * k ** (-1 - alpha), 0.1, 20.0, limit=5000, epsabs=0)[0] for r in r
    ]
    # in closed form: the integral from 0 to infinity of (1 - cos) k^(-1-alpha), and the mean of |u|^alpha
    full = -math.gamma(-alpha) * math.cos(math.pi * alpha / 2) if alpha != 1.0 else math.pi / 2
    full /= 1 if dimension == 1 else 1 + alpha
    np.testing.assert_allclose(law.structure_function(r), 1.5 * np.array(spectrum) / full, rtol=1e-3)


@pytest.mark.parametrize("dimension", [2, 150, 151, 1000])
def test_mean_wave_is_a_bessel_function_in_any_dimension(dimension):
    z = math.sqrt(dimension) * np.array([0.01, 0.1, 1.0, 3.0, 9.0, 12.0])
    with mpmath.workdps(40):
        expected = [float(mpmath.hyp0f1(mpmath.mpf(dimension) / 2, -(mpmath.mpf(x) ** 2) / 4)) for x in z]
    np.testing.assert_allclose(mean_wave(dimension, z), expected, atol=1e-13)


def test_leading_errors_of_the_cutoffs_scale_as_they_should():
    law = _small(4, 1.2)
    low, high = law.cutoff_errors(np.array([1.0, 2.0]))
    assert low[1] / low[0] == pytest.approx(2.0**0.8)
    assert high[1] / high[0] == pytest.approx(2.0**-1.2)
    wide = Fourier(4, 1.2, 1e-3, 1e3)
    missing = 1 - wide.structure_function(1.0)
    assert missing == pytest.approx(float(sum(wide.cutoff_errors(1.0))), rel=0.01)


@pytest.mark.covering
@pytest.mark.parametrize("dimension", [2, 100])
@pytest.mark.parametrize("alpha", [0.5, 1.5])
def test_sampled_potentials_have_the_structure_function(dimension, alpha):
    law = Fourier(dimension, alpha, features=512, **SIX_DECADES)
    disorders = 250
    potential = law.potential(3, np.arange(disorders))
    x = 100.0 * _points(potential, 12)
    along = _points(potential, 12, seed=1)
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    for r in np.geomspace(*law.valid_range(0.03), 3):
        squared = ((potential.energy(x + r * along) - potential.energy(x)) ** 2).mean(axis=1) / r**alpha
        # four standard errors: a false alarm once in 1,000 tests
        error = squared.std(ddof=1) / math.sqrt(disorders)
        assert error < 0.035
        assert abs(squared.mean() - law.structure_function(r) / r**alpha) < 4 * error
        # averaged over phases, the same much sharper
        phase = r * np.einsum("pjd,pd->pj", potential.wave_vectors, along[:, 0])
        squared = (potential.coefficients**2 * (1 - np.cos(phase))).sum(axis=1) / r**alpha
        error = squared.std(ddof=1) / math.sqrt(disorders)
        assert error < 0.0075
        assert abs(squared.mean() - law.structure_function(r) / r**alpha) < 4 * error


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.5])
def test_agrees_with_gstools_well_inside_both_cutoffs(dimension, alpha):
    gstools = pytest.importorskip("gstools")
    lowest, highest, hurst = 1e-6, 1e6, alpha / 2
    model = gstools.TPLGaussian(dim=dimension, hurst=hurst, len_low=lowest, len_scale=highest - lowest, var=1.0)
    intensity = 2 * hurst / (highest**alpha - lowest**alpha)
    amplitude = intensity * math.gamma(1 - hurst) / hurst  # 2 C times the integral of (1 - exp(-r^2/l^2)) l^(2H-1)
    law = Fourier(dimension, alpha, 1e-6, 1e6, amplitude=amplitude, features=2048)
    low, high = law.valid_range(0.003)
    distances = np.geomspace(max(low, 0.03), min(high, 30.0), 7)
    np.testing.assert_allclose(law.structure_function(distances), 2 * model.variogram(distances), rtol=0.01)
    potential = law.potential(0, np.arange(200))
    for r in distances[[0, 3, 6]]:
        squared = (potential.coefficients**2 * (1 - np.cos(r * potential.wave_vectors[..., 0]))).sum(axis=1)
        error = squared.std(ddof=1) / math.sqrt(200)
        theirs = 2 * model.variogram(r)
        assert abs(squared.mean() - theirs) < 4 * error + 0.01 * theirs
        assert error < 0.01 * theirs


@pytest.mark.parametrize("dimension", [1, 3, 100, 1000])
def test_gradient_is_that_of_automatic_differentiation(dimension):
    potential = _small(dimension, 1.3, features=300).potential(5, [0, 3], walkers=4)
    points = _points(potential, 4)
    position = _on_tensors(points).requires_grad_()
    energy = potential.energy_at(position)
    (expected,) = torch.autograd.grad(energy.sum(), position)
    position = position.detach()
    scale = float(expected.abs().max())
    assert float((potential.gradient_at(position) - expected).abs().max()) < 1e-10 * scale
    np.testing.assert_allclose(potential.energy(points).reshape(-1), energy.detach().numpy(), atol=1e-11)
    by_walker = expected.numpy().reshape(dimension, 2, 4).transpose(1, 2, 0)
    np.testing.assert_allclose(potential.gradient(points), by_walker, atol=1e-10 * scale)


def test_hessian_and_its_products_are_those_of_automatic_differentiation():
    potential = _small(4, 0.8, features=200).potential(5, [2, 6], walkers=3)
    points, vectors = _points(potential, 3), _points(potential, 3, seed=1)
    hessian = potential.hessian(points)
    for disorder, walker in np.ndindex(2, 3):
        one = _small(4, 0.8, features=200).potential(5, [[2, 6][disorder]])
        where = torch.as_tensor(points[disorder, walker])
        expected = torch.autograd.functional.hessian(lambda w, one=one: one.energy_at(w[:, None])[0], where).numpy()
        np.testing.assert_allclose(hessian[disorder, walker], expected, atol=1e-10 * abs(expected).max())
    product = np.einsum("pnij,pnj->pni", hessian, vectors)
    np.testing.assert_allclose(potential.hessian_vector(points, vectors), product, rtol=1e-10, atol=1e-9)
    on_tensors = potential.hessian_vector_at(_on_tensors(points), _on_tensors(vectors)).numpy()
    np.testing.assert_allclose(on_tensors.reshape(4, 2, 3).transpose(1, 2, 0), product, rtol=1e-10, atol=1e-9)


def test_curvature_is_the_mean_square_of_the_second_derivative():
    law = _small(3, 1.0, features=128)
    potential = law.potential(0, np.arange(3000))
    second = potential.hessian(_points(potential, 1))[:, 0, 0, 0] ** 2
    error = second.std(ddof=1) / math.sqrt(second.size)
    assert error < 0.05 * second.mean()
    assert abs(second.mean() - law.root_mean_square_curvature**2) < 4 * error


def test_disorder_depends_on_seed_and_number_alone():
    law = _small(5)
    alone, among = law.potential(9, [4]), law.potential(9, [1, 4, 8])
    for name in ("wave_vectors", "coefficients", "phases"):
        assert np.array_equal(getattr(among, name)[1], getattr(alone, name)[0])
        assert not np.allclose(getattr(law.potential(8, [4]), name), getattr(alone, name))


def test_features_are_isotropic_and_fill_every_octave_equally():
    potential = _small(3, 1.0, features=512).potential(0, np.arange(40))
    length = np.linalg.norm(potential.wave_vectors, axis=-1)
    part = np.floor(512 * np.log(length / 0.1) / math.log(200.0))
    assert np.array_equal(part, np.broadcast_to(np.arange(512), part.shape))
    direction = (potential.wave_vectors / length[..., None]).reshape(-1, 3)
    # five standard errors of a mean over 20,480 directions
    np.testing.assert_allclose(direction.T @ direction / len(direction), np.eye(3) / 3, atol=5 * 0.3 / 143)
    assert abs(np.exp(1j * potential.phases).mean()) < 5 / 143


def _walk(potential, walkers, temperature):
    return integrate(
        potential,
        IsotropicNoise(temperature),
        time_step=1e-3,
        steps=30,
        trajectories=walkers,
        scan=potential.scan,
        seed=2,
        record=Record(steps=(0, 30), each=("energy", "squared_displacement")),
        device="cpu",
    ).data


def test_many_walkers_of_many_disorders_walk_at_once():
    law = _small(10, features=100)
    together = _walk(law.potential(1, [4, 0, 7], walkers=5), 5, temperature=0.0)
    assert together.energy.dims == ("disorder", "replica", "time")
    assert together.disorder.values.tolist() == [4, 0, 7]
    assert (together.energy[..., 1] < together.energy[..., 0]).all()
    for number in (4, 0, 7):
        alone = _walk(law.potential(1, [number]), 5, temperature=0.0)
        np.testing.assert_allclose(together.sel(disorder=number).energy, alone.energy, rtol=1e-10)
    warm, alone = _walk(law.potential(1, [4, 0], walkers=5), 5, 0.1), _walk(law.potential(1, [4]), 5, 0.1)
    np.testing.assert_allclose(warm.isel(disorder=0).squared_displacement, alone.squared_displacement, rtol=1e-8)
    displaced = warm.squared_displacement[..., 1].values.reshape(-1)
    assert np.unique(displaced).size == 10


def test_walkers_that_do_not_fit_their_disorders_are_refused():
    potential = _small(2).potential(0, [0, 1], walkers=5)
    with pytest.raises(UserError, match="12 positions for 2 disorders of 5 walkers"):
        potential.energy_at(torch.zeros(2, 12))
    with pytest.raises(UserError, match="walkers=trajectories"):
        _small(2).potential(0, [0, 1]).gradient_at(torch.zeros(2, 12))
    with pytest.raises(UserError, match="'disorder' has no value"):
        integrate(potential, IsotropicNoise(1.0), time_step=0.1, steps=1, trajectories=10)
    with pytest.raises(UserError, match="give \\(disorder, walker, d\\)"):
        potential.energy(np.zeros((5, 2)))


def test_cutoffs_for_a_range_of_distances_hold_there():
    for dimension in (1, 3, 100):
        law = Fourier.between(dimension, 0.8, 0.5, 50.0, tolerance=0.02, amplitude=3.0, features=7)
        assert law.features == 7
        r = np.geomspace(0.5, 50.0, 40)
        np.testing.assert_allclose(law.structure_function(r), 3.0 * r**0.8, rtol=0.02)
        assert abs(law.structure_function(0.1) / (3.0 * 0.1**0.8) - 1) > 0.02


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 2.0}, "random constant force.*ballistic"),
        ({"alpha": -0.5}, "no barriers that grow"),
        ({"smallest_wave_number": 20.0}, "cutoffs are crossed: smallest_wave_number 20"),
        ({"smallest_wave_number": 0.0}, "smallest_wave_number must be a positive number"),
        ({"largest_wave_number": math.inf}, "largest_wave_number must be a positive number"),
        ({"dimension": 0}, "dimension must be at least 1"),
        ({"features": 0}, "features must be at least 1"),
    ],
)
def test_laws_that_do_not_exist_are_refused_in_one_line(arguments, message):
    with pytest.raises(UserError, match=message) as refused:
        _small(**arguments)
    assert "\n" not in str(refused.value)


def test_windows_that_do_not_exist_are_refused():
    with pytest.raises(UserError, match=r"holds at best to 0.* not to 0\.03; take cutoffs further apart"):
        _small(alpha=0.5).valid_range(0.03)
    with pytest.raises(UserError, match="distances are crossed"):
        Fourier.between(2, 1.0, 3.0, 1.0)


@pytest.mark.validate
def test_squared_increments_are_averages_over_space_of_the_same_waves():
    law = Fourier.between(3, 1.0, 1.0, 20.0, features=200)
    potential = law.potential(4, [0, 1])
    squared = law.squared_increments(potential)
    low, high = law.valid_range()
    np.testing.assert_allclose(law.distances[[0, -1]], [low / 3, high * 3])
    rng = np.random.default_rng(0)
    x = rng.uniform(-1e6, 1e6, (2, 20_000, 3))
    r = law.distances[12]
    mean = 0.0
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = r
        mean = mean + ((potential.energy(x + step) - potential.energy(x)) ** 2).mean(axis=1) / 3
    # (V - V')^2 has a relative standard deviation of sqrt(2), over 60,000 pairs: five standard errors
    np.testing.assert_allclose(mean, squared[:, 12], rtol=5 * math.sqrt(2 / 60_000))
