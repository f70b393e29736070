import sys
import types

import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.training.architectures import checking as architectures
from langevin_sgd.training.architectures.module import Module
from langevin_sgd.training.data import loading as data
from langevin_sgd.training.data.dataset import DataSet
from langevin_sgd.training.data.digits import DigitsData
from langevin_sgd.training.data.own import OwnData


@pytest.fixture
def module(monkeypatch) -> types.ModuleType:
    made = types.ModuleType("made_up_data")
    monkeypatch.setitem(sys.modules, "made_up_data", made)
    return made


def test_digits_are_split_without_overlap_and_the_same_for_one_seed():
    whole = data.load(DigitsData(test_fraction=0.0), seed=1)
    assert whole.train_inputs.shape == (1797, 64)
    assert whole.test_labels is not None
    assert len(whole.test_labels) == 0
    split, again, other = (data.load(DigitsData(), seed) for seed in (1, 1, 2))
    assert split.train_inputs.shape == (1438, 64)
    assert split.test_inputs.shape == (359, 64)
    assert whole.train_inputs.min() == 0
    assert whole.train_inputs.max() == 1
    joined = np.concatenate([split.train_inputs, split.test_inputs])
    assert np.array_equal(np.unique(joined, axis=0), np.unique(whole.train_inputs, axis=0))
    assert np.array_equal(np.sort(joined.sum(1)), np.sort(whole.train_inputs.sum(1)))
    assert np.array_equal(split.train_inputs, again.train_inputs)
    assert not np.array_equal(split.train_inputs, other.train_inputs)


def test_label_noise_replaces_the_fraction_that_it_says():
    clean, noisy = data.load(DigitsData(), 3), data.load(DigitsData(label_noise=0.5), 3)
    assert np.array_equal(clean.train_inputs, noisy.train_inputs)
    assert np.array_equal(clean.test_labels, noisy.test_labels)
    changed = (clean.train_labels != noisy.train_labels).sum()
    # 719 labels are redrawn and one in ten comes out as it was: binomial, four standard deviations
    assert abs(changed - 719 * 0.9) < 4 * np.sqrt(719 * 0.09)
    everything = data.load(DigitsData(label_noise=1.0), 3).train_labels
    counts = np.bincount(everything, minlength=10)
    assert np.all(np.abs(counts - 143.8) < 4.5 * np.sqrt(143.8 * 0.9))


def test_a_data_set_of_the_users_own(module):
    inputs, labels = np.random.default_rng(0).normal(size=(50, 2, 3)), np.arange(50) % 3

    def make(folder: str = "nowhere") -> DataSet:
        assert folder == "somewhere"
        return DataSet(inputs, labels, classes=3, name="mine")

    module.make = make
    found = data.load(OwnData(name="made_up_data:make", folder="somewhere", test_fraction=0.3), 1)
    assert found.train_inputs.shape == (35, 2, 3)
    assert found.test_labels.shape == (15,)
    module.make = lambda: DataSet(inputs[:40], labels[:40], 3, inputs[40:], labels[40:])
    found = data.load(OwnData(name="made_up_data:make"), 1)
    assert np.array_equal(found.train_inputs, inputs[:40])
    assert np.array_equal(found.test_labels, labels[40:])


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: 3, "returned int"),
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: sys.exit("no such file"), r"made_up_data:make\(\) failed: SystemExit: no such file"),
        (lambda: sys.exit(), r"made_up_data:make\(\) failed: SystemExit \(.*test_loading\.py, line \d+\)$"),
        (lambda: DataSet([[0.0]], [0], 2), "numpy arrays; inputs are list"),
        (lambda: DataSet(np.zeros((5, 2)), np.zeros(5, int), "2"), "classes must be a whole number, .* not '2'"),
        (lambda: DataSet(np.zeros((5, 2)), np.zeros(5, int), 2.0), r"classes must be a whole number, .* not 2\.0"),
        (lambda: DataSet(np.zeros((5, 2)), np.zeros(5, int), True), "classes must be a whole number"),
        (lambda: DataSet(np.zeros((5, 2)), np.zeros(5, int), 1), "two or more, not 1; leave it out for real targets"),
        (lambda: DataSet(np.zeros((5, 2)), np.zeros(5, int)), "of floating type, not int64; give classes"),
        (lambda: DataSet(np.zeros((5, 2)), np.array([0, 1, np.nan, 0, 0])), r"labels must be finite; .*\[2\] with nan"),
        (lambda: DataSet(np.zeros((5, 2)), np.full(5, 1e39)), "labels must fit into float32"),
        (
            lambda: DataSet(np.zeros((5, 2)), np.zeros((5, 1, 1))),
            r"give \(samples, ...\) and \(samples,\) or \(samples, k",
        ),
        (
            lambda: DataSet(np.zeros((5, 2)), np.zeros((5, 2)), None, np.zeros((5, 2)), np.zeros(5)),
            "targets of training and test set have different shapes",
        ),
        (lambda: DataSet(np.zeros((5, 2)), np.array([0, 1, -1, 0, 1]), 2), r"first at \[2\] with -1; number the class"),
        (lambda: DataSet(np.diag([0.0, np.inf]), np.zeros(2, int), 2), r"finite; 1 of 4 .* \[1, 1\] with inf"),
        (
            lambda: DataSet(np.diag([0.0, -1e39]), np.zeros(2, int), 2),
            r"float32; 1 of 4 .* \[1, 1\] with -1e\+39; scale",
        ),
        (
            lambda: DataSet(np.zeros((5, 2), complex), np.zeros(5, int), 2),
            "inputs must be real numbers, not complex128",
        ),
        (lambda: DataSet(np.zeros((5, 2)), np.zeros(4, int), 2), "do not fit"),
        (lambda: DataSet(np.zeros((5, 2)), np.zeros(5), 2), "labels must be integers"),
        (lambda: DataSet(np.zeros((5, 2)), np.full(5, 2), 2), r"labels must lie in \[0, 2\)"),
        (lambda: DataSet(np.full((5, 2), np.nan), np.zeros(5, int), 2), "inputs must be finite"),
        (lambda: DataSet(np.zeros((5, 2)), np.zeros(5, int), 2, np.zeros((5, 3)), np.zeros(5, int)), "different shape"),
        (lambda: DataSet(np.zeros((5, 2)), np.zeros(5, int), 2, np.zeros((5, 2))), "test set"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(module, made, told):
    module.make = made
    with pytest.raises(UserError, match=told) as error:
        data.load(OwnData(name="made_up_data:make"), 1)
    assert "made_up_data:make" in error.value.render()
    assert "\n" not in error.value.render()


@pytest.mark.parametrize("dtype", [">f8", "f4", np.longdouble])
def test_real_targets_of_any_width_and_number_a_sample(module, dtype):
    inputs, targets = np.zeros((8, 3)), np.arange(16.0).reshape(8, 2)
    module.make = lambda: DataSet(inputs, targets.astype(dtype))
    found = data.load(OwnData(name="made_up_data:make", test_fraction=0.25), 1)
    assert (found.classes, found.targets, found.outputs) == (None, 2, 2)
    assert found.train_labels.dtype == np.float64
    assert np.array_equal(np.sort(np.concatenate([found.train_labels, found.test_labels]), axis=0), targets)
    module.make = lambda: DataSet(inputs, targets[:, 0].astype(dtype))
    found = data.load(OwnData(name="made_up_data:make", test_fraction=0.25), 1)
    assert (found.train_labels.shape, found.targets, found.outputs) == ((6,), 1, 1)


def test_noise_of_real_targets_is_gaussian_and_of_the_training_set_alone(module):
    """Mean and variance of 20,000 numbers to four standard errors."""
    targets = np.arange(40_000.0).reshape(20_000, 2)
    module.make = lambda: DataSet(np.zeros((20_000, 1)), targets, None, np.zeros((5, 1)), np.ones((5, 2)))
    own = {"name": "made_up_data:make"}
    noise = data.load(OwnData(**own, noise=0.5), 3).train_labels - targets
    assert abs(noise.mean()) < 4 * 0.5 / np.sqrt(40_000)
    assert abs(noise.var() / 0.25 - 1) < 4 * np.sqrt(2 / 40_000)
    assert abs(np.corrcoef(noise.T)[0, 1]) < 4 / np.sqrt(20_000)
    assert np.array_equal(data.load(OwnData(**own, noise=0.5), 3).test_labels, np.ones((5, 2)))
    other = data.load(OwnData(**own, noise=1.0), 3).train_labels - targets
    np.testing.assert_allclose(other, 2 * noise, atol=1e-10)
    with pytest.raises(UserError, match=r"data.label_noise: .* real numbers; give noise"):
        data.load(OwnData(**own, label_noise=0.5), 3)
    module.make = lambda: DataSet(np.zeros((6, 1)), np.arange(6) % 2, 2)
    with pytest.raises(UserError, match=r"data.noise: .* classes; give label_noise"):
        data.load(OwnData(**own, noise=0.5), 3)


def test_numbers_of_numpy_and_the_largest_inputs_are_fine(module):
    largest = float(np.finfo(np.float32).max)
    module.make = lambda: DataSet(np.diag([largest, -largest]), np.array([0, 1]), classes=np.int64(2))
    found = data.load(OwnData(name="made_up_data:make", test_fraction=0.0), 1)
    assert type(found.classes) is int
    assert found.train_inputs.max() == largest


def test_a_factory_that_ends_the_program_is_told(module):
    module.make = lambda classes: sys.exit(classes)
    with pytest.raises(UserError, match=r"made_up_data:make\(classes=2\) failed: SystemExit: 2"):
        architectures.build(Module(kind="module", factory="made_up_data:make"), (3,), 2)


@pytest.mark.parametrize("error", [SystemExit(1), BaseException("odd"), RuntimeError("two\nlines")])
def test_whatever_code_of_the_users_own_raises_is_told(module, error):
    def make() -> None:
        raise error

    module.make = make
    with pytest.raises(UserError, match=f"failed: {type(error).__name__}: ") as told:
        data.load(OwnData(name="made_up_data:make"), 1)
    assert "\n" not in told.value.render()


def test_an_interrupt_in_code_of_the_users_own_stays_one(module):
    def make() -> None:
        raise KeyboardInterrupt

    module.make = make
    with pytest.raises(KeyboardInterrupt):
        data.load(OwnData(name="made_up_data:make"), 1)


def test_modules_in_the_working_directory_are_found(tmp_path, monkeypatch):
    (tmp_path / "data_of_mine.py").write_text(
        "import numpy as np\n"
        "from langevin_sgd import DataSet\n"
        "def load():\n"
        "    return DataSet(np.eye(4), np.arange(4) % 2, classes=2)\n"
    )
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    assert len(data.load(OwnData(name="data_of_mine:load", test_fraction=0.0), 1).train_labels) == 4
    assert sys.path == path
    with pytest.raises(UserError, match="did you mean data_of_mine:load"):
        data.load(OwnData(name="data_of_mine:laod"), 1)
    with pytest.raises(UserError, match="no module named data_of_yours"):
        data.load(OwnData(name="data_of_yours:load"), 1)
    (tmp_path / "broken_data.py").write_text("import there_is_no_such_module\n")
    with pytest.raises(UserError, match=r"importing broken_data failed: ModuleNotFoundError.*there_is_no_such_module"):
        data.load(OwnData(name="broken_data:load"), 1)
    (tmp_path / "ending_data.py").write_text("raise SystemExit(3)\n")
    with pytest.raises(UserError, match=r"importing ending_data failed: SystemExit: 3"):
        data.load(OwnData(name="ending_data:load"), 1)


@pytest.mark.parametrize(("dtype", "classes"), [("u1", 300), ("i1", 200), (">i2", 300), ("u8", 300), ("i4", 300)])
def test_label_noise_draws_every_class_whatever_the_labels_are_stored_in(module, dtype, classes):
    """All labels redrawn, uniform on 300 (200) classes: a tenth lies in each tenth of them, to 5 binomial errors."""
    labels = np.arange(20_000) % 100
    inputs = np.zeros((20_000, 1))
    module.make = lambda: DataSet(inputs, labels.astype(dtype), classes=classes)
    noisy = data.load(OwnData(name="made_up_data:make", label_noise=1.0, test_fraction=0.0), 1).train_labels
    module.make = lambda: DataSet(inputs, labels, classes=classes)
    wide = data.load(OwnData(name="made_up_data:make", label_noise=1.0, test_fraction=0.0), 1).train_labels
    assert np.array_equal(noisy, wide)
    assert noisy.dtype == np.int64
    counts = np.histogram(noisy, bins=10, range=(0, classes))[0]
    assert np.all(np.abs(counts - 2000) < 5 * np.sqrt(20_000 * 0.1 * 0.9))


@pytest.mark.parametrize(
    ("dtype", "native"),
    [(">f8", np.float64), (">f4", np.float32), (np.longdouble, np.float64), ("f2", np.float32), (">u2", np.int64)],
)
def test_inputs_of_any_width_and_byte_order_are_the_same_numbers(module, dtype, native):
    inputs, labels = np.arange(24.0).reshape(8, 3), np.arange(8) % 2
    module.make = lambda: DataSet(inputs.astype(dtype), labels.astype(">i4"), 2, inputs.astype(dtype), labels)
    found = data.load(OwnData(name="made_up_data:make"), 1)
    for array in (found.train_inputs, found.test_inputs):
        assert array.dtype == native
        assert array.dtype.isnative
        assert np.array_equal(array, inputs)
    assert found.train_labels.dtype == np.int64


def test_arrays_are_copied_at_the_door(module):
    inputs, labels = np.zeros((6, 2)), np.arange(6) % 2
    inputs.setflags(write=False)  # as of a file mapped into memory
    module.make = lambda: DataSet(inputs, labels, 2)
    found = data.load(OwnData(name="made_up_data:make", test_fraction=0.0), 1)
    labels[:] = 0
    assert found.train_labels.sum() == 3
    found.train_inputs[0] = 1


HIDDEN = np.ma.masked_array(np.zeros((5, 2)), mask=np.eye(5, 2, dtype=bool))


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: DataSet(HIDDEN, np.zeros(5, int), 2), "training set: inputs has masked entries; fill them"),
        (
            lambda: DataSet(np.zeros((5, 2)), np.ma.masked_array(np.zeros(5, int), mask=[1, 0, 0, 0, 0]), 2),
            "training set: labels has masked entries; fill them",
        ),
        (
            lambda: DataSet(np.zeros((5, 2)), np.zeros(5, int), 2, HIDDEN, np.zeros(5, int)),
            "test set: inputs has masked entries; fill them",
        ),
        (lambda: DataSet(np.zeros((5, 2)), np.full(5, 2**63, np.uint64), 2), "must fit into int64"),
        (lambda: DataSet(np.full((5, 2), np.longdouble("1e4000")), np.zeros(5, int), 2), "must fit into float64"),
    ],
)
def test_what_would_be_lost_on_the_way_is_refused(module, made, told):
    module.make = made
    with pytest.raises(UserError, match=f"^made_up_data:make: .*{told.removeprefix('training set: ')}"):
        data.load(OwnData(name="made_up_data:make"), 1)
