"""Synthetic data sets: the equations that their keys state, from numbers that a larger set leaves as they are."""

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.study import loading as config
from langevin_sgd.training.data import DATA
from langevin_sgd.training.data import loading as data
from langevin_sgd.training.data.circle import CircleData
from langevin_sgd.training.data.gaussian_mixture import GaussianMixtureData
from langevin_sgd.training.data.linear_regression import LinearRegressionData
from langevin_sgd.training.data.sinusoids import SinusoidsData
from langevin_sgd.training.data.spiral import SpiralData
from langevin_sgd.training.data.teacher_student import TeacherStudentData

NAMES = ["gaussian_mixture", "circle", "spiral", "linear_regression", "teacher_student", "sinusoids"]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_what_its_section_says_and_a_larger_one_goes_on(name):
    section = DATA[name]
    few, many, other = (section(name=name, samples=n).drawn(seed) for n, seed in ((50, 1), (80, 1), (50, 2)))
    shape = section(name=name, samples=50).shape()
    assert few.train_inputs.shape == (shape.samples, shape.inputs)
    assert (few.classes, few.outputs) == (shape.classes, shape.outputs)
    assert np.array_equal(few.train_inputs, many.train_inputs[:50])
    assert np.array_equal(few.train_labels, many.train_labels[:50])
    assert not np.array_equal(few.train_inputs, other.train_inputs)
    if few.classes is not None:
        assert set(few.train_labels) == set(range(few.classes))


def test_clouds_lie_about_their_centres():
    section = GaussianMixtureData(name="gaussian_mixture", samples=4000, inputs=6, classes=3, separation=5.0)
    found = section.drawn(1)
    counts = np.bincount(found.train_labels)
    assert np.abs(counts - 4000 / 3).max() < 4 * np.sqrt(4000 * 2 / 9)
    clouds = [found.train_inputs[found.train_labels == c] for c in range(3)]
    for cloud in clouds:  # variance 1 in every direction: five standard errors
        assert np.abs(cloud.var(0) - 1).max() < 5 * np.sqrt(2 / len(cloud))
    again = GaussianMixtureData(name="gaussian_mixture", samples=4000, inputs=6, classes=3, separation=0.0).drawn(1)
    centres = (found.train_inputs - again.train_inputs) / 5.0
    for c, cloud in enumerate(clouds):
        own = centres[found.train_labels == c]
        np.testing.assert_allclose(own, np.broadcast_to(own[0], own.shape), atol=1e-12)
        assert np.abs(cloud.mean(0) - 5 * own[0]).max() < 5 / np.sqrt(len(cloud))


def test_a_circle_divides_the_square():
    found = CircleData(name="circle", samples=3000).drawn(1)
    assert np.abs(found.train_inputs).max() <= 1
    assert np.array_equal(found.train_labels, (found.train_inputs**2).sum(1) < 2 / np.pi)
    assert abs(found.train_labels.mean() - 0.5) < 4 * 0.5 / np.sqrt(3000)


def test_arms_of_a_spiral():
    found = SpiralData(name="spiral", samples=500, classes=3, turns=1.5, spread=0.0).drawn(1)
    x, y = found.train_inputs.T
    along = np.hypot(x, y)
    turned = np.arctan2(y, x) / (2 * np.pi) - 1.5 * along - found.train_labels / 3
    np.testing.assert_allclose(turned, np.rint(turned), atol=1e-9)
    assert 0 < along.min() < 0.02
    assert 0.98 < along.max() < 1


def test_linear_targets_and_the_spectrum_of_their_inputs():
    found = LinearRegressionData(name="linear_regression", samples=5000, inputs=4, decay=1.0).drawn(1)
    weights, residuals, *_ = np.linalg.lstsq(found.train_inputs, found.train_labels)
    assert residuals[0] < 1e-20
    assert 0.1 < (weights**2).sum() < 4
    variance = found.train_inputs.var(0) * np.arange(1, 5)
    assert np.abs(variance - 1).max() < 4.5 * np.sqrt(2 / 5000)


def test_a_teacher_answers_as_its_equation_says():
    section = TeacherStudentData(name="teacher_student", samples=2000, inputs=5, hidden=3)
    x, y = section.drawn(1).train_inputs, section.drawn(1).train_labels
    assert np.abs(x.var(0) - 1).max() < 4.5 * np.sqrt(2 / 2000)
    odd = TeacherStudentData(name="teacher_student", samples=2, inputs=5, hidden=3)
    assert np.array_equal(odd.drawn(1).train_labels, y[:2])
    # y(x) is a sum of three tanh: fitted from the teacher's own weights, found again in the stream, it is exact
    from langevin_sgd.random_numbers import streams
    from langevin_sgd.random_numbers.streams import Stream

    shared = streams.normals(1, trajectories=[0], steps=[0], components=18, stream=Stream.SYNTHETIC)[0, 0]
    w, a = shared[:15].reshape(5, 3), shared[15:]
    np.testing.assert_allclose(y, np.tanh(x @ w / 5**0.5) @ a / 3**0.5, rtol=1e-12)


def test_sinusoids_are_a_sum_of_waves():
    found = SinusoidsData(name="sinusoids", samples=400, frequencies=(0.5, 3.0)).drawn(1)
    x = found.train_inputs[:, 0]
    assert -1 < x.min() < -0.98
    assert 0.98 < x.max() < 1
    waves = [f(2 * np.pi * k * x) for k in (0.5, 3.0) for f in (np.sin, np.cos)]
    assert np.linalg.lstsq(np.stack(waves, 1), found.train_labels)[1][0] < 1e-20
    assert np.linalg.lstsq(np.stack(waves[:3], 1), found.train_labels)[1][0] > 1e-3


def test_noise_is_added_to_real_targets_of_the_training_set():
    clean, noisy = (data.load(TeacherStudentData(name="teacher_student", noise=s), 1) for s in (0.0, 0.5))
    assert np.array_equal(clean.test_labels, noisy.test_labels)
    assert abs((noisy.train_labels - clean.train_labels).std() / 0.5 - 1) < 4 / np.sqrt(2 * 800)


@pytest.mark.parametrize("name", NAMES)
def test_fresh_minibatches_are_of_the_same_distribution_and_each_replicas_own(name):
    """Mean and second moments of inputs and targets: five standard errors of two samples."""
    section = DATA[name](name=name, samples=4000, fresh=True)
    fixed, source = section.drawn(1), section.supply(1)
    parts = [source.minibatch(step, np.arange(8), 25) for step in range(20)]
    inputs, targets = (np.concatenate(each).reshape(4000, *each[0].shape[2:]) for each in zip(*parts, strict=True))
    for a, b in ((inputs, fixed.train_inputs), (targets[:, None], fixed.train_labels[:, None])):
        for one, other in ((a, b), (a**2, b**2), (a * targets[:, None], b * fixed.train_labels[:, None])):
            error = np.sqrt((one.var(0) + other.var(0)) / 4000)
            assert np.all(np.abs(one.mean(0) - other.mean(0)) < 5 * error + 1e-12)
    assert len(np.unique(inputs[:, 0])) > 3990
    few = source.minibatch(7, np.array([5, 2, 5]), 25)
    for row, replica in enumerate((5, 2, 5)):
        assert np.array_equal(few[0][row], parts[7][0][replica])
        assert np.array_equal(few[1][row], parts[7][1][replica])


def test_fresh_targets_have_noise_of_their_own():
    sections = [LinearRegressionData(name="linear_regression", fresh=True, noise=s) for s in (0.0, 0.5)]
    clean, noisy = (section.supply(1).minibatch(3, np.arange(10), 200) for section in sections)
    weights = np.linalg.lstsq(clean[0].reshape(-1, 10), clean[1].reshape(-1))[0]
    residual = noisy[1] - noisy[0] @ weights
    assert abs(residual.std() / 0.5 - 1) < 4 / np.sqrt(2 * 2000)
    assert np.abs(clean[1] - clean[0] @ weights).max() < 1e-12


def test_training_on_fresh_samples_reaches_the_teacher_and_keeps_a_replicas_bits():
    section = {"name": "linear_regression", "inputs": 3, "fresh": True, "samples": 50}
    chosen = study(section)
    network = chosen["models"]["network"]
    network |= {"architecture": {"kind": "linear"}, "steps": 400, "replicas": 5, "precision": "float64"}
    found = lsgd.simulate(chosen)["network"]
    assert (found.train_loss.values[:, -1] < 1e-12).all()
    few = lsgd.simulate({**chosen, "models": {"network": {**network, "replicas": 2}}})["network"]
    assert np.array_equal(few.train_loss, found.train_loss[:2])
    scanned = lsgd.simulate({**chosen, "scan": {"sgd.learning_rate": [0.05, 0.1]}})["network"]
    assert np.array_equal(scanned.train_loss.sel(learning_rate=0.1), found.train_loss)
    whole = lsgd.simulate({**chosen, "models": {"network": {**network, "data": {**section, "fresh": False}}}})
    assert not np.array_equal(whole["network"].train_loss, found.train_loss)


def study(section: dict) -> dict:
    real = section["name"] in ("linear_regression", "teacher_student", "sinusoids")
    network = {
        "kind": "network", "architecture": {"kind": "mlp", "hidden": [4]}, "data": section, "replicas": 2, "steps": 5,
        "record_times": 2, "loss": "mse" if real else "cross_entropy",
    }  # fmt: skip
    return {"name": "one", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 4}, "models": {"network": network}}


@pytest.mark.parametrize("name", ["circle", "sinusoids"])
def test_a_network_trains_on_it(name):
    assert np.isfinite(lsgd.simulate(study({"name": name, "samples": 60}))["network"].test_loss.values).all()


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"name": "gaussian_mixture", "classes": 1}, r"data.classes: "),
        ({"name": "gaussian_mixture", "separation": -1.0}, r"data.separation: "),
        ({"name": "gaussian_mixture", "inputs": 0}, r"data.inputs: "),
        ({"name": "circle", "radius": 1.5}, r"data.radius: "),
        ({"name": "circle", "samples": 0}, r"data.samples: "),
        ({"name": "circle", "samples": 4}, r"batch_size: 4 is more than the 3 training samples"),
        ({"name": "circle", "folder": "x"}, r"data.folder: circle is drawn at random and reads no folder"),
        ({"name": "spiral", "turns": 0.0}, r"data.turns: "),
        ({"name": "spiral", "spread": "wide"}, r"data.spread: "),
        ({"name": "linear_regression", "decay": -0.1}, r"data.decay: "),
        ({"name": "linear_regression", "label_noise": 0.1}, r"data.label_noise: replaces labels"),
        ({"name": "teacher_student", "hidden": 0}, r"data.hidden: "),
        ({"name": "sinusoids", "frequencies": []}, r"data.frequencies: "),
        (
            {"name": "circle", "fresh": True, "label_noise": 0.1},
            r"data.label_noise: is of a training set, and with fresh",
        ),
        ({"name": "circle", "fresh": True, "whiten": True}, r"data.whiten: is of a training set"),
        ({"name": "circle", "fresh": 1}, r"data.fresh: "),
        ({"name": "sinusoids", "frequency": [1.0]}, r'data.frequency: unknown key; did you mean "frequencies"'),
    ],
)
def test_a_wrong_key_is_told_in_one_line(section, told):
    with pytest.raises(UserError, match=told) as error:
        config.parse(study(section))
    assert "\n" not in error.value.render()
