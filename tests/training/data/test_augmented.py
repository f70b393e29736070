"""Images of minibatches flipped and shifted: which samples they are stays, and so does what is evaluated."""

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.study import loading as config
from langevin_sgd.training.data.augmented import Augmented
from langevin_sgd.training.data.section import Augment
from langevin_sgd.training.minibatches import Minibatches

RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.normal(size=(30, 2, 6, 5)), np.arange(30)


def shifted(image: np.ndarray, down: int, right: int) -> np.ndarray:
    wide = np.pad(image, ((0, 0), (2, 2), (2, 2)))
    return wide[:, 2 - down : 2 - down + image.shape[1], 2 - right : 2 - right + image.shape[2]]


def test_it_shows_the_samples_of_the_plain_minibatches_in_all_positions_alike():
    source = Augmented(Augment(flip=True, shift=2), IMAGES, LABELS, None, seed=3)
    plain = Minibatches(3, 4, 30, 50, False)
    seen = np.zeros((2, 5, 5))
    for step in range(5):
        inputs, labels = source.minibatch(step, np.arange(4), 50)
        assert np.array_equal(labels, plain.block(step, 1)[0])
        for image, label in zip(inputs.reshape(-1, 2, 6, 5), labels.reshape(-1), strict=True):
            own = IMAGES[label]
            found = [
                (flip, down, right)
                for flip, turned in enumerate((own, own[:, :, ::-1]))
                for down in range(-2, 3)
                for right in range(-2, 3)
                if np.array_equal(shifted(turned, down, right), image)
            ]
            assert len(found) == 1
            seen[found[0][0], found[0][1] + 2, found[0][2] + 2] += 1
    assert seen.sum() == 1000
    assert np.abs(seen - 20).max() < 5 * np.sqrt(20)
    assert abs(seen[0].sum() - 500) < 5 * np.sqrt(250)


def test_a_replica_sees_the_same_whatever_is_drawn_beside_it_and_flat_images_stay_flat():
    source = Augmented(Augment(flip=True, shift=1), IMAGES, LABELS, None, seed=3)
    flat = Augmented(Augment(flip=True, shift=1), IMAGES.reshape(30, -1), LABELS, (2, 6, 5), seed=3)
    many, few = source.minibatch(4, np.arange(9), 7), flat.minibatch(4, np.array([8, 3, 8]), 7)
    for row, replica in enumerate((8, 3, 8)):
        assert np.array_equal(few[0][row], many[0][replica].reshape(7, -1))
    still = Augmented(Augment(), IMAGES, LABELS, None, seed=3).minibatch(4, np.arange(9), 7)
    assert np.array_equal(still[0], IMAGES[still[1]])


def study(data: dict, **keys) -> dict:
    network = {"kind": "network", "architecture": {"kind": "mlp"}, "data": data, "replicas": 2, "steps": 8, **keys}
    sgd = {"learning_rate": 0.1, "batch_size": 4}
    return {"name": "one", "seed": 1, "sgd": sgd, "models": {"network": {**network, "record_times": 3}}}


def test_training_without_shift_and_flip_is_the_plain_one():
    plain, still, moved = (
        lsgd.simulate(study({"name": "digits", "augment": augment}))["network"].train_loss.values
        for augment in (None, {}, {"shift": 1})
    )
    assert np.array_equal(plain, still)
    assert np.array_equal(plain[:, 0], moved[:, 0])
    assert not np.array_equal(plain, moved)


@pytest.mark.parametrize(
    ("data", "keys", "told"),
    [
        ({"name": "digits", "augment": {"flips": True}}, {}, r'augment.flips: unknown key; did you mean "flip"'),
        ({"name": "digits", "augment": {"flip": 1}}, {}, r"augment.flip: "),
        ({"name": "digits", "augment": {"shift": -1}}, {}, r"augment.shift: "),
        ({"name": "digits", "augment": True}, {}, r"data.augment: "),
        ({"name": "wine", "augment": {"flip": True}}, {}, r"data.augment: is of images, and samples of wine"),
        ({"name": "digits", "augment": {"flip": True}}, {"start": "minimum"}, r"data.augment: the descent is that of"),
        ({"name": "digits", "augment": {"flip": True}}, {"sgd": {"sampling": "epoch"}}, r"sampling: augmented images"),
        ({"name": "circle", "fresh": True}, {"sgd": {"sampling": "epoch"}}, r"sampling: fresh samples"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(data, keys, told):
    with pytest.raises(UserError, match=told) as error:
        config.parse(study(data, **keys))
    assert "\n" not in error.value.render()


def test_a_shift_out_of_the_image_is_told():
    with pytest.raises(UserError, match=r"data.augment.shift: 5 pixels leave nothing of 6 x 5"):
        Augmented(Augment(shift=5), IMAGES, LABELS, None, seed=1)
