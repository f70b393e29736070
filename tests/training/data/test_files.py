"""Data sets from files in their real formats: what is read is what was written, what is broken is told in a line."""

import gzip
from pathlib import Path

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.study import loading as config
from langevin_sgd.training.data import loading as data
from langevin_sgd.training.data.cifar10 import Cifar10Data
from langevin_sgd.training.data.cifar100 import Cifar100Data
from langevin_sgd.training.data.csv import CsvData
from langevin_sgd.training.data.mnist import MnistData
from langevin_sgd.training.data.npz import NpzData

RNG = np.random.default_rng(0)


def idx(array: np.ndarray, code: int = 8) -> bytes:
    """As LeCun, Cortes and Burges describe it: magic number, sizes, numbers, the largest byte first."""
    header = bytes((0, 0, code, array.ndim)) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.astype(np.uint8).tobytes()


def images_and_labels(samples: int) -> tuple[np.ndarray, np.ndarray]:
    return RNG.integers(0, 256, (samples, 28, 28)), np.arange(samples) % 10


@pytest.fixture
def mnist(tmp_path: Path) -> tuple[Path, np.ndarray, np.ndarray]:
    images, labels = images_and_labels(40)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(images))
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    test_images, test_labels = images_and_labels(20)
    (tmp_path / "t10k-images.idx3-ubyte").write_bytes(idx(test_images))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(test_labels))
    return tmp_path, images, labels


def test_idx_files_packed_or_not_are_read_as_they_were_written(mnist) -> None:
    folder, images, labels = mnist
    found = data.load(MnistData(name="mnist", folder=str(folder), test_size=12), seed=1)
    assert found.train_inputs.shape == (40, 1, 28, 28)
    assert np.array_equal(np.rint(found.train_inputs[:, 0] * 255), images)
    assert found.train_inputs.dtype == np.float32
    assert np.array_equal(found.train_labels, labels)
    assert found.test_inputs.shape == (12, 1, 28, 28)
    assert found.classes == 10


def test_a_smaller_training_set_is_part_of_a_larger_one_and_drawn_by_the_seed(mnist) -> None:
    folder, images, _ = mnist

    def chosen(size: int, seed: int) -> list[int]:
        found = data.load(MnistData(name="mnist", folder=str(folder), train_size=size), seed)
        return [int(np.flatnonzero((np.rint(one[0] * 255) == images).all((1, 2)))[0]) for one in found.train_inputs]

    assert chosen(9, 1) == chosen(15, 1)[:9]
    assert len(set(chosen(15, 1))) == 15
    assert chosen(9, 1) != chosen(9, 2)
    with pytest.raises(UserError, match=r"data.train_size: 41 is more than the 40 that there are"):
        chosen(41, 1)


def test_it_trains_a_network_of_convolutions(mnist) -> None:
    folder, _, _ = mnist
    network = {
        "kind": "network", "data": {"name": "mnist", "folder": str(folder)}, "replicas": 2, "steps": 3,
        "architecture": {"kind": "cnn", "channels": [2], "dense": []}, "record_times": 2,
    }  # fmt: skip
    study = {"name": "one", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 8}, "models": {"network": network}}
    assert np.isfinite(lsgd.simulate(study)["network"].test_loss.values).all()


IMAGES = "train-images-idx3-ubyte"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (IMAGES, None, r"has no train-images-idx3-ubyte; mnist needs train-images.*torchvision.datasets.MNIST"),
        (IMAGES, b"", "begins with nothing, and an IDX file of images with 00000803"),
        (IMAGES, idx(np.zeros(4)), "begins with 00000801, and an IDX file of images with 00000803"),
        (IMAGES, gzip.compress(b"abc", mtime=0), "begins with 1f8b.*or packed: give it the ending .gz"),
        (IMAGES, idx(np.zeros((40, 28, 28)), code=13), "begins with 00000d03"),
        (IMAGES, idx(np.zeros((40, 28, 28)))[:-1], r"holds 31,375 bytes, and by its header 31,376; it is cut off"),
        (IMAGES, idx(np.zeros((39, 28, 28))), "holds 39 images, and train-labels-idx1-ubyte.gz 40 labels"),
        (IMAGES, idx(np.zeros((40, 0, 28))), "images are of 0 x 28 pixels"),
        (IMAGES, idx(np.zeros((40, 27, 28))), "images of mnist have other sizes in the training set"),
        ("train-labels-idx1-ubyte.gz", gzip.compress(idx(np.zeros(40)), mtime=0)[:-9], "is no whole gzip file"),
        ("train-labels-idx1-ubyte.gz", b"plain", "is no whole gzip file"),
        (
            "train-labels-idx1-ubyte.gz",
            gzip.compress(idx(np.full(40, 10)), mtime=0),
            "training labels of mnist go up to 10; it has",
        ),
        ("t10k-labels-idx1-ubyte", idx(np.zeros(0)), "holds no sample"),
    ],
)
def test_a_broken_idx_file_is_told_in_one_line(mnist, name, content, told) -> None:
    folder, _, _ = mnist
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=told) as error:
        data.load(MnistData(name="mnist", folder=str(folder)), 1)
    assert "\n" not in error.value.render()
    assert "http" not in error.value.render()


def cifar(samples: int, labels: int, largest: int) -> tuple[bytes, np.ndarray, np.ndarray]:
    records = RNG.integers(0, 256, (samples, labels + 3072), dtype=np.uint8)
    records[:, :labels] %= largest
    return records.tobytes(), records[:, labels:].reshape(-1, 3, 32, 32), records[:, labels - 1]


def test_cifar_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = {f"data_batch_{i}.bin": cifar(3, 1, 10) for i in range(1, 6)} | {"test_batch.bin": cifar(4, 1, 10)}
    written |= {"train.bin": cifar(6, 2, 100), "test.bin": cifar(2, 2, 100)}
    for name, (content, _, _) in written.items():
        (tmp_path / name).write_bytes(content)
    ten = data.load(Cifar10Data(name="cifar10", folder=str(tmp_path)), 1)
    assert ten.train_inputs.shape == (15, 3, 32, 32)
    assert np.array_equal(np.rint(ten.train_inputs[3:6] * 255), written["data_batch_2.bin"][1])
    assert np.array_equal(ten.train_labels[3:6], written["data_batch_2.bin"][2])
    assert np.array_equal(ten.test_labels, written["test_batch.bin"][2])
    hundred = data.load(Cifar100Data(name="cifar100", folder=str(tmp_path)), 1)
    assert np.array_equal(hundred.train_labels, written["train.bin"][2])
    assert np.array_equal(np.rint(hundred.test_inputs * 255), written["test.bin"][1])
    assert hundred.classes == 100
    (tmp_path / "test.bin").write_bytes(written["test.bin"][0][:-1])
    with pytest.raises(UserError, match=r"test.bin: holds 6,147 bytes, which are no whole records of 3,074"):
        data.load(Cifar100Data(name="cifar100", folder=str(tmp_path)), 1)
    (tmp_path / "data_batch_4.bin").unlink()
    with pytest.raises(UserError, match=r"has no data_batch_4.bin; cifar10 needs .* binary version"):
        data.load(Cifar10Data(name="cifar10", folder=str(tmp_path)), 1)
    with pytest.raises(UserError, match=r"nowhere is no folder; cifar10 is read from one that holds data_batch_1.bin"):
        data.load(Cifar10Data(name="cifar10", folder=str(tmp_path / "nowhere")), 1)


def test_arrays_of_a_npz_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.npz"
    x, y, z = RNG.normal(size=(9, 4)), np.arange(9) % 3, RNG.normal(size=(9, 2))
    np.savez(file, inputs=x, labels=y, z=z, tx=x[:2], ty=y[:2])
    found = data.load(NpzData(name="npz", path=str(file), test_inputs="tx", test_labels="ty"), 1)
    assert np.array_equal(found.train_inputs, x)
    assert (found.classes, len(found.test_labels)) == (3, 2)
    real = data.load(NpzData(name="npz", path=str(file), labels="z", targets="real", test_fraction=0.0), 1)
    assert real.classes is None
    assert np.array_equal(np.sort(real.train_labels, 0), np.sort(z, 0))
    integers = data.load(NpzData(name="npz", path=str(file), targets="real"), 1)
    assert integers.train_labels.dtype == np.float64


@pytest.mark.parametrize(
    ("written", "keys", "told"),
    [
        (None, {}, "data.path: there is no file"),
        (b"PK\x03\x04 no", {}, "is no .npz file, or cut off; write it with numpy.savez"),
        (b"a,b\n1,2\n", {}, "is no .npz file"),
        (b"", {}, "is no .npz file"),
        ({"inputs": np.zeros((1, 2)), "labels": np.full(1, 2)}, {}, "labels are 2, and classes are numbered from 0 on"),
        ({"inputs": np.zeros((3, 2)), "label": np.zeros(3, int)}, {}, "has no array 'labels'; did you mean \"label\""),
        ({"inputs": np.array([{}, {}]), "labels": np.zeros(2, int)}, {}, "is no whole .npz file of numbers"),
        ({"inputs": np.zeros((3, 2)), "labels": np.zeros(3)}, {}, "labels must be integers"),
        ({"inputs": np.zeros((3, 2)), "labels": np.arange(3)}, {"classes": 2}, r"labels must lie in \[0, 2\)"),
        ({"inputs": np.zeros((3, 2)), "labels": np.zeros(4, int)}, {}, "do not fit"),
    ],
)
def test_a_broken_npz_file_is_told_in_one_line(tmp_path: Path, written, keys, told) -> None:
    file = tmp_path / "mine.npz"
    if isinstance(written, dict):
        np.savez(file, **written)
    elif written is not None:
        file.write_bytes(written)
    with pytest.raises(UserError, match=told) as error:
        data.load(NpzData(name="npz", path=str(file), **keys), 1)
    assert "\n" not in error.value.render()


TABLE = "length, width,kind,weight\n1,2.5,rose,3\n4,5e-1,lily,6\n\n7,8,rose,9\n"


def test_a_table_of_numbers_and_names_of_classes(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("\ufeff" + TABLE, encoding="utf-8")
    found = data.load(CsvData(name="csv", path=str(file), labels="kind", test_fraction=0.0), 1)
    assert found.classes == 2
    order = np.argsort(found.train_inputs[:, 0])
    assert np.array_equal(found.train_inputs[order], [[1, 2.5, 3], [4, 0.5, 6], [7, 8, 9]])
    assert np.array_equal(found.train_labels[order], [1, 0, 1])
    keys = {"labels": ["weight", "length"], "inputs": ["width"], "targets": "real"}
    real = data.load(CsvData(name="csv", path=str(file), test_fraction=0.0, **keys), 1)
    assert sorted(map(tuple, real.train_labels)) == [(3, 1), (6, 4), (9, 7)]


@pytest.mark.parametrize(
    ("text", "keys", "told"),
    [
        (None, {}, "data.path: there is no file"),
        ("", {}, "holds no sample"),
        ("a,kind\n", {}, "holds no sample"),
        (TABLE, {"labels": "kinds"}, "has no column 'kinds'; did you mean \"kind\""),
        (TABLE, {"inputs": ["kind"]}, "'kind' is a column of the targets too"),
        (TABLE, {"labels": "weight"}, r'mine.csv:2: kind is "rose", no number; remove the line, or leave the column'),
        (TABLE, {"labels": ["kind", "weight"]}, "several columns are no class"),
        (TABLE, {"targets": "real"}, r'mine.csv:2: kind is "rose", no number'),
        ("a,kind\n1,0.5\n3,1\n", {}, r'mine.csv: kind holds numbers such as "0.5", which are no classes; give targets'),
        ("a,kind\n1,nan\n3,1\n", {}, r'mine.csv: kind holds numbers such as "nan", which are no classes'),
        ("a,kind\n1,2\n3\n", {}, r"mine.csv:3: holds 1 values, and the first line names 2 columns"),
        ("a,a,kind\n1,2,3\n", {}, "two columns are called 'a'"),
        ("a,kind\n1,1\n3,2\n", {}, r"mine.csv: labels are 1 to 2, and classes are numbered from 0 on; subtract 1, or"),
        ("1.5,1\n3,0\n", {}, r"no column 'kind'; its first line is to name the columns, and holds 1.5 and so on"),
        ("a;kind\n1;1\n3;0\n", {}, r'no delimiter but ";"; give data.delimiter: ";"'),
        ("a\tkind\n1\t1\n3\t0\n", {}, r'give data.delimiter: "\\t"'),
        ("a,kind\nnan,1\n2,0\n", {}, "inputs must be finite"),
        ('a,kind\n"1,2\n', {}, "is no table of text"),
        (b"\xff\xfe\x00", {}, "is no table of text"),
    ],
)
def test_a_broken_table_is_told_in_one_line(tmp_path: Path, text, keys, told) -> None:
    file = tmp_path / "mine.csv"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=told) as error:
        data.load(CsvData(**{"name": "csv", "path": str(file), "labels": "kind", **keys}), 1)
    assert "\n" not in error.value.render()


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"name": "mnist"}, r"data.folder: missing; give the folder that holds train-images.*as the authors publish"),
        ({"name": "mnist", "folder": "x", "test_fraction": 0.5}, r"data.test_fraction: mnist comes with its test set"),
        ({"name": "kmnist", "folder": "x", "test_size": 0}, r"data.test_size: "),
        ({"name": "fashion_mnist", "folder": "x", "train_size": 0}, r"data.train_size: "),
        (
            {"name": "cifar10", "folder": "x", "test_sizes": 1},
            r'data.test_sizes: unknown key; did you mean "test_size"',
        ),
        ({"name": "cifar100", "folder": 3}, r"data.folder: "),
        ({"name": "npz"}, r"data.path: missing"),
        ({"name": "npz", "path": "x", "classes": 1}, r"data.classes: "),
        ({"name": "npz", "path": "x", "classes": 3, "targets": "real"}, r"data.classes: the targets are real numbers"),
        ({"name": "npz", "path": "x", "targets": "reals"}, r'data.targets: .*did you mean "real"'),
        (
            {"name": "npz", "path": "x", "test_inputs": "t"},
            r"data.test_labels: missing; a test set is inputs and labels",
        ),
        ({"name": "npz", "path": "x", "folder": "y"}, r"data.folder: npz reads the file that path names"),
        ({"name": "npz", "path": "x", "image_shape": [8, 8]}, r"data.image_shape: "),
        ({"name": "csv", "path": "x"}, r"data.labels: missing"),
        ({"name": "csv", "path": "x", "labels": []}, r"data.labels: "),
        ({"name": "csv", "path": "x", "labels": "y", "delimiter": ";;"}, r"data.delimiter: "),
        ({"name": "digits", "train_size": 5000}, r"data.train_size: 5000 is more than the 1438 that there are"),
        ({"name": "digits", "standardise": True, "whiten": True}, r"data.whiten: standardise is true too"),
        ({"name": "digits", "standardise_targets": True}, r"data.standardise_targets: is of real numbers, but"),
        ({"name": "digits", "whiten": "yes"}, r"data.whiten: "),
    ],
)
def test_a_wrong_key_is_told_in_one_line(section, told) -> None:
    network = {"kind": "network", "architecture": {"kind": "softmax"}, "data": section, "steps": 3}
    with pytest.raises(UserError, match=told) as error:
        config.parse(
            {"name": "one", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 2}, "models": {"network": network}}
        )
    assert "\n" not in error.value.render()
