"""A law, and what it is given: one point of a finished model, with the process that ran there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from langevin_sgd.errors import UserError

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import ArrayLike

    from langevin_sgd.config.sgd import Sgd

_Found = TypeVar("_Found")


class NoAnswer(UserError):
    """A law that does not reach this far, with the reason: its numbers are NaN, and the reason is told beside them."""


def _no_steps() -> int:
    raise ValueError("the model has no steps")


@dataclass(frozen=True)
class Point:
    """One point of a scan of a finished model, or its only one.

    `data` holds what was measured, `model` its config and `sgd` what it ran with (None without one); `others` are model
    and sgd at all points of the scan, `sources` the finished models that it is measured on, and `steps()` the number of
    its steps.
    """

    data: xr.Dataset
    model: Any
    sgd: Sgd | None = None
    others: Sequence[tuple[Any, Sgd | None]] = ()
    sources: Mapping[str, xr.Dataset] = field(default_factory=dict)
    steps: Callable[[], int] = _no_steps

    @cached_property
    def process(self) -> Any:
        """The process that ran, as its kind describes it to the laws; None if it does not.

        What several laws take of it is worked out once.
        """
        return self.model.process(self)

    @cached_property
    def _found(self) -> dict[Callable[[Point], Any], Any]:
        return {}

    def once(self, find: Callable[[Point], _Found]) -> _Found:
        """What `find` makes of this point, worked out when it is first asked for; what it raises is not kept."""
        if find not in self._found:
            self._found[find] = find(self)
        found: _Found = self._found[find]
        return found

    @property
    def names(self) -> frozenset[str]:
        """The variables and coordinates that there are."""
        return frozenset(map(str, self.data.variables))

    def array(self, name: str) -> Any:
        """A stored array, which must not be changed."""
        return self.data[name].values

    def values(self, name: str) -> Any:
        """A copy of a stored array, as float64."""
        return self.array(name).astype("float64")


class PointOfMany(Point):
    """A point among those that one launch has run: its `data` are taken out of theirs when they are asked for."""

    def __init__(
        self,
        take: Callable[[], xr.Dataset],
        model: Any,
        sgd: Sgd | None = None,
        others: Sequence[tuple[Any, Sgd | None]] = (),
        sources: Mapping[str, xr.Dataset] | None = None,
        steps: Callable[[], int] = _no_steps,
    ) -> None:
        self.__dict__.update(_take=take, model=model, sgd=sgd, others=others, sources=sources or {}, steps=steps)

    @cached_property
    def data(self) -> xr.Dataset:
        """What was measured at this point."""
        data: xr.Dataset = self.__dict__["_take"]()
        return data


class PointOfBlock(PointOfMany):
    """A point among those that lie along `point` in one Dataset: single arrays are taken without the others.

    `pick` gives an array by its name, and `every` are the names.
    """

    def __init__(
        self,
        take: Callable[[], xr.Dataset],
        pick: Callable[[str], Any],
        every: frozenset[str],
        *point: Any,
    ) -> None:
        super().__init__(take, *point)
        self.__dict__.update(_pick=pick, _every=every)

    @property
    def names(self) -> frozenset[str]:
        """The variables and coordinates that there are."""
        every: frozenset[str] = self.__dict__["_every"]
        return every

    def array(self, name: str) -> Any:
        """A stored array, which must not be changed."""
        return self.__dict__["_pick"](name)


Predictions = Mapping[str, "ArrayLike"]


def _always(point: Point) -> bool:
    return True


def _never(point: Point) -> bool:
    return False


def _nothing(point: Point) -> str:
    return ""


@dataclass(frozen=True)
class Law:
    """What theory says of a model's observables, from what was measured and what the model was run with.

    `name` is its label along the dimension `law`, `title` what tables call it, and legends with "law" behind it, `said`
    what a sentence calls it ("the discrete law of its H and C"; by default the title),
    `source` where it is from. A stored answer of another `version` is worked out again: raise it when the numbers
    change. The law is asked where the data hold the observables and coordinates of `requires`, the process is a
    `process`, "module:Class", which need not be imported to see that, and `applies`.

    `predict(point)` gives the predicted values by the names of the observables, shaped like them but for the replicas:
    `mode_variance` becomes a row of `mode_variance_law`, and `mode_variance_predicted` if the law is the process's own.
    It raises `NoAnswer` with the reason where the law does not reach. `exact_for(point)` says whether the law is
    claimed for the very process that ran: its comparisons then count, others are contrasts. `note(point)` says what it
    takes for granted.

    An answer that is `kept` takes what a run does not store: the run leaves it, and it is never worked out again. What
    it predicts of the names in `single` is one number for the model, although there is a variable of them by law too.
    `line` is how its curve is drawn: a colour of `reporting.plots.style.COLOURS`, and dashes of `DASHES` there.
    """

    name: str
    title: str
    source: str
    version: int
    predict: Callable[[Point], Predictions]
    requires: frozenset[str] = frozenset()
    process: str = ""
    applies: Callable[[Point], bool] = _always
    exact_for: Callable[[Point], bool] = _never
    note: Callable[[Point], str] = _nothing
    kept: bool = False
    single: frozenset[str] = frozenset()
    line: tuple[str, str] | None = None
    said: str = ""

    def __post_init__(self) -> None:
        """Raise `UserError` for what a law of somebody's own gives in another form."""
        version: object = self.version
        requires: object = self.requires
        if not isinstance(version, int) or isinstance(version, bool):
            raise UserError(f"law {self.name}: version must be a whole number, got {version!r}")
        if isinstance(requires, str):
            raise UserError(f"law {self.name}: requires must be a set of names, got the text {requires!r}")

    @property
    def home(self) -> str:
        """The module that predicts."""
        function: Any = self.predict
        while isinstance(function, partial):
            function = function.func
        return str(getattr(function, "__module__", ""))

    @property
    def identity(self) -> str:
        """What tells it from all other laws: those of one name may be of different processes."""
        return f"{self.home}:{self.name}"

    def made_for(self, process: object) -> bool:
        """Whether a process is of the class that the law is about."""
        classes = {f"{one.__module__}:{one.__qualname__}" for one in type(process).__mro__}
        return not self.process or self.process in classes

    @property
    def ours(self) -> bool:
        """Whether it is one of this package, whose failures are faults of ours."""
        return self.home.partition(".")[0] == "langevin_sgd"
