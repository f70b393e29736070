"""What data sets that are drawn at random have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, ClassVar, NamedTuple

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import Flag, PositiveWholeNumber
from langevin_sgd.families import imported
from langevin_sgd.training.data.section import DataSection, Supply

if TYPE_CHECKING:
    from langevin_sgd.training.data.dataset import DataSet

Inputs = Annotated[PositiveWholeNumber, Field(le=2**20)]


class Needs(NamedTuple):
    """How many random numbers it takes: uniform and normal ones a sample, and normal ones that all samples share."""

    uniforms: int
    normals: int
    shared: int


class SyntheticSection(DataSection):
    """The base of data sets that are drawn from the study's own generator: sample n is the same in a larger set.

    What all samples share, such as the weights of a teacher, is drawn too, from the seed alone.
    """

    LOAD: ClassVar[str] = "langevin_sgd.training.data.synthetic:of_seed_zero"
    MAKE: ClassVar[str]
    """The function that makes samples of random numbers, "module:function" of (section, `Numbers`), imported then."""
    samples: Annotated[PositiveWholeNumber, Field(le=2**31)] = 1000
    """How many samples are drawn, of which test_fraction go to the test set."""

    fresh: Flag = False
    """Every minibatch consists of samples that were never drawn before, with `noise` of their own: one pass over an
    endless set. Energy, accuracy, H and C are those of the `samples`, which estimate the distribution's."""

    def needs(self) -> Needs:
        """How many random numbers it takes."""
        raise NotImplementedError

    def drawn(self, seed: int) -> DataSet:
        """The samples of a study with that seed."""
        function: Callable[[SyntheticSection, int], DataSet] = imported("langevin_sgd.training.data.synthetic:drawn")
        return function(self, seed)

    def fresh_samples(self) -> bool:
        """As the key says."""
        return self.fresh

    def supply(self, seed: int) -> Supply | None:
        """New samples, if they are to be fresh."""
        build: Callable[[SyntheticSection, int], Supply] = imported("langevin_sgd.training.data.fresh:build")
        return build(self, seed) if self.fresh else None

    def problems(self, name: str, *, data: KeyPath, batch_size: int, batch_size_at: KeyPath) -> Faults:
        """What needs a training set that stays."""
        if self.fresh:
            for key in ("label_noise", "standardise", "whiten", "standardise_targets"):
                if getattr(self, key):
                    yield (*data, key), "is of a training set, and with fresh: true there is none; remove one"
        yield from super().problems(name, data=data, batch_size=batch_size, batch_size_at=batch_size_at)

    def folder_problem(self) -> str | None:
        """It is drawn."""
        return None if self.folder is None else f"{self.name} is drawn at random and reads no folder; remove it"
