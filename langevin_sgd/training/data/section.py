"""What a data set tells the config: its keys, its size, and what loads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import Flag, Folder, Number, PositiveWholeNumber, Section, Text, WholeNumber
from langevin_sgd.families import imported

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from langevin_sgd.training.data.dataset import DataSet


class Supply(Protocol):
    """Where minibatches come from that are not chosen among the training samples."""

    def minibatch(self, step: int, replicas: NDArray[Any], size: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Inputs (replica, size, ...) and targets (replica, size, ...) at a step, whatever other replicas there are."""


Image = tuple[int, int, int]
"""(channels, height, width)."""


@dataclass(frozen=True)
class DataShape:
    """Size of a data set before it is split: samples in all, inputs per sample, and what their targets are.

    `classes` is None for real targets, of which each sample has as many numbers as `targets` says; one of a class is 1.
    """

    samples: int
    inputs: int
    classes: int | None = None
    targets: int = 1

    @property
    def outputs(self) -> int:
        """How many outputs a network has for it: one a class, or one a real number. A loss may want others."""
        return self.targets if self.classes is None else self.classes


class Augment(Section):
    """What is done to the images of a minibatch, at random, each time that they are drawn; never to those evaluated."""

    flip: Flag = False
    """Left and right exchanged, of every second image on average."""
    shift: Annotated[WholeNumber, Field(ge=0, le=1000)] = 0
    """Moved up or down and left or right by up to so many pixels, all of them as likely, with zeros from the edge."""


def train_size(samples: int, test_fraction: float) -> int:
    """Training samples left of `samples` when round(test_fraction * samples) of them go to the test set."""
    return samples - round(test_fraction * samples)


class DataSection(Section):
    """The base of all data sets, with their split and the noise of their targets; nothing else names one."""

    LOAD: ClassVar[str]
    """The function that loads it, "module:function" of (section), a `DataSet`, imported then; see `load`."""
    name: Text
    label_noise: Annotated[Number, Field(ge=0, le=1)] = 0.0
    """Fraction of the training labels replaced by uniformly random ones; of classes."""
    noise: Annotated[Number, Field(ge=0)] = 0.0
    """Standard deviation of Gaussian noise that is added to the training targets; of real targets."""
    test_fraction: Annotated[Number, Field(ge=0, lt=1)] = 0.2
    """Fraction of the samples kept for testing: N_test = round(test_fraction * N)."""
    train_size: PositiveWholeNumber | None = None
    """How many training samples are kept, drawn for each seed; a larger number keeps those of a smaller. null: all."""
    whiten: Flag = False
    """Shift and turn the inputs, x -> C^(-1/2) (x - mean), so that over the training set their covariance C becomes 1;
    directions in which no training sample differs from the others become 0."""
    standardise: Flag = False
    """Shift and scale each input so that over the training set its mean is 0 and its variance 1; one that is the same
    in all training samples becomes 0."""
    standardise_targets: Flag = False
    """The same as standardise, of the real targets: a loss is then in units of their variance."""
    augment: Augment | None = None
    """What is done to the images of minibatches: {flip: true, shift: 2}. The descent is then that of another loss than
    the one that is recorded, of the images as they are."""
    folder: Folder | None = None
    """Where a data set finds its files, if it has any."""

    def drawn(self, seed: int) -> DataSet:
        """The same of a study with that seed: a data set that is drawn at random overrides it."""
        return self.load()

    def fresh_samples(self) -> bool:
        """Whether there is such a supply."""
        return False

    def supply(self, seed: int) -> Supply | None:
        """What draws minibatches anew at every step; None where they are chosen among the training samples."""
        return None

    def load(self) -> DataSet:
        """The samples, not split unless they come so, and without `label_noise` and `noise`."""
        function: Callable[[DataSection], DataSet] = imported(self.LOAD)
        return function(self)

    def shape(self) -> DataShape | None:
        """Its size; None for one that must be loaded to be known."""
        return None

    def image(self) -> Image | None:
        """(channels, height, width) of samples that are images laid out flat; None of others."""
        return None

    def training_samples(self) -> int | None:
        """N, the number of training samples, where it is known without loading."""
        shape = self.shape()
        if shape is None:
            return self.train_size
        split = train_size(shape.samples, self.test_fraction)
        return split if self.train_size is None else min(split, self.train_size)

    def problems(self, name: str, *, data: KeyPath, batch_size: int, batch_size_at: KeyPath) -> Faults:
        """What is wrong with it in model `name`, whose section of it is at `data`, at minibatches of `batch_size`."""
        if (reason := self.folder_problem()) is not None:
            yield (*data, "folder"), reason
        shape = self.shape()
        if shape is not None and (fault := self.noise_problem(shape.classes)) is not None:
            yield (*data, fault[0]), fault[1]
        if self.augment is not None and self.shape() is not None and self.image() is None:
            yield (*data, "augment"), f"is of images, and samples of {self.name} are vectors; remove it"
        if self.standardise and self.whiten:
            yield (*data, "whiten"), "standardise is true too, which whitening includes; remove one"
        if shape is not None and (fault := self.target_problem(shape.classes)) is not None:
            yield (*data, fault[0]), fault[1]
        split = None if shape is None else train_size(shape.samples, self.test_fraction)
        if split is not None and self.train_size is not None and self.train_size > split:
            yield (
                (*data, "train_size"),
                f"{self.train_size} is more than the {split} that there are; give at most {split}",
            )
        samples = self.training_samples()
        if samples is not None and batch_size > samples:
            yield (
                batch_size_at,
                f"{batch_size} is more than the {samples} training samples of {name}; give at most {samples}",
            )

    def target_problem(self, classes: int | None) -> tuple[str, str] | None:
        """The key that asks of the targets what those of so many classes, or real ones, None, cannot have, and why."""
        if classes is not None and self.standardise_targets:
            return "standardise_targets", f"is of real numbers, but the targets of {self.name} are classes; remove it"
        return None

    def noise_problem(self, classes: int | None) -> tuple[str, str] | None:
        """The key of a noise that targets of so many classes, or real ones, None, cannot have, and why."""
        if classes is None and self.label_noise > 0:
            return "label_noise", f"replaces labels, but the targets of {self.name} are real numbers; give noise"
        if classes is not None and self.noise > 0:
            return "noise", f"is added to real numbers, but the targets of {self.name} are classes; give label_noise"
        return None

    def folder_problem(self) -> str | None:
        """Why the folder that is given is none for it; None if it is."""
        return None

    def absent(self, data: KeyPath) -> Faults:
        """Files of it that are not there, at keys below `data`."""
        yield from ()

    def code(self) -> tuple[str, ...]:
        """Code of the user's own that it names, each "module:attribute"."""
        return (self.name,) if ":" in self.name else ()
