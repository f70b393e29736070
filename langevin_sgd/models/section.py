"""What every kind of model tells of itself: its keys, what it emits, how it is run, and the rules that it has.

A kind is one class with its keys as fields. It must have

- `run(points, context)`, or the path of such a function in `RUN`: the observables at every point of a scan;
- `DECLARES`: the observables that it has beside those of every ensemble (`observables.ensemble`);
- `emits()`: those of them, and of the others, that it is sure to have; the checks that can be made follow from it.

Everything else may be left as it is; what a kind of its own overrides most is `SCANNABLE`, `SGD_KEYS` (`()` without
SGD), `problems` and `engines`. For example, named in a config as `kind: "my_module:Drift"`:

    class Drift(ModelSection):
        SCANNABLE = ("speed",)
        SGD_KEYS = ()
        DECLARES = {"arrival": Variable(("replica",), "time of arrival")}
        speed: PositiveNumber = 1.0
        replicas: Replicas = 64

        def emits(self):
            return frozenset({"arrival"})

        def run(self, points, context):
            return [
                dataset({"arrival": np.arange(model.replicas) / model.speed}, coords={}, declares=model.DECLARES)
                for model, sgd in points
            ]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from langevin_sgd.config.errors import Faults, KeyPath, choice
from langevin_sgd.config.fields import Section
from langevin_sgd.config.kinds import is_own
from langevin_sgd.config.sgd import Sgd, SgdOverride, overridden
from langevin_sgd.devices import NUMPY, Engine
from langevin_sgd.families import imported
from langevin_sgd.models import own_kinds
from langevin_sgd.observables.variable import Declarations

if TYPE_CHECKING:
    import xarray as xr

    from langevin_sgd.laws import Point
    from langevin_sgd.laws.recomputed import Recomputed
    from langevin_sgd.models.context import Context, Points
    from langevin_sgd.models.failed import PointFailed
    from langevin_sgd.models.memory import Held
    from langevin_sgd.study.config import Study


class ModelSection(Section):
    """The base of all kinds of model; a kind overrides what is different with it, and nothing else names the kind."""

    SCANNABLE: ClassVar[tuple[str, ...]] = ()
    """Keys that a scan may reach, those inside them included."""
    SGD_KEYS: ClassVar[tuple[str, ...]] = ("learning_rate", "batch_size", "momentum")
    """Keys of the sgd that change its results; none if it has no sgd."""
    FUSED: ClassVar[tuple[str, ...]] = ()
    """Keys that scanned points which run in one launch may differ in, those inside them included: "sgd.learning_rate",
    "temperature". None: every point of a scan is a launch of its own. What is fused must change no bit of a result."""
    COMMON: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Observables that change with few keys only, by name with these keys (as in `FUSED`): a scan over others stores
    them once."""
    AT_MINIMUM: ClassVar[bool] = True
    """Whether what it takes by `from` is measured at the minimum of a network, which then starts there by default."""
    SIZE_KEY: ClassVar[str] = "kind"
    """The key from which `parameters` follow."""
    MEMBERS: ClassVar[str] = "replicas"
    """The key that says how many independent members there are, from which error bars come."""
    RUN: ClassVar[str]
    """The function that runs it at the points of a scan, "module:function" of (points, context), imported when it runs;
    see `run`."""
    PROCESS: ClassVar[str] = ""
    """The function that describes to the laws what ran, "module:function" of a `langevin_sgd.laws.Point`, imported when
    laws are evaluated; see `process`."""
    FOLLOWS: ClassVar[str] = ""
    """The function that works out again what a finished run holds beside its measurements, "module:function" of a
    `langevin_sgd.laws.Point`, imported when a run is checked; see `follows`."""
    TRIAL: ClassVar[str] = ""
    """The function that begins it to no avail, "module:function" of (study, name, device), imported before a study
    runs; see `trial`."""
    HELD: ClassVar[str] = ""
    """The function that says what it will hold in memory, "module:function" of (study, name), imported when asked."""
    DECLARES: ClassVar[Declarations] = {}
    """The observables that it may emit beside those of every ensemble, by name."""
    kind: str

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """What a class from elsewhere answers is taken through the door of the user's code."""
        super().__pydantic_init_subclass__(**kwargs)
        if is_own(cls):
            own_kinds.guard(cls)

    @property
    def sgd_override(self) -> SgdOverride | None:
        """What the model changes in the study's sgd."""
        override: SgdOverride | None = getattr(self, "sgd", None)
        return override

    def needs(self) -> tuple[tuple[str, str], ...]:
        """The models that it is measured on, as (key, name); the first one lends it its sgd and its steps."""
        return ()

    def need_at(self, key: str) -> KeyPath:
        """Where a need of this key names the model, within the section."""
        return key, "from"

    def refuses_to_lend(self, own_name: str, taker: str, others: list[str]) -> tuple[KeyPath | None, str] | None:
        """Why another model cannot take H and C from this one, with the key path of the mend if it is a key of its own.

        `others` are the models that could lend them. None if it can.
        """
        hint = choice(own_name, others, what="networks:")
        article = "an" if self.kind[0] in "aeiou" else "a"
        return None, f'"{own_name}" is {article} {self.kind} model; H and C are measured on a network; {hint}'

    @classmethod
    def lending(cls, written: Mapping[str, Any]) -> Mapping[str, Any]:
        """The mapping of the config, completed by the defaults of one that others are measured on."""
        return written

    def lends(self) -> bool:
        """Whether it is of a kind on which H and C can be measured."""
        return False

    def of_twin(self, changes: Mapping[str, Any]) -> Any:
        """Itself with other values of its keys, and nothing that runs beside, as its Langevin twin is run on it.

        None of a kind that has no twin.
        """
        return None

    def takes_all_from(self, source: str) -> bool:
        """Whether H and the full C are both as measured on that model, so that nothing but the dynamics differs."""
        return False

    def idle(self) -> tuple[str, ...]:
        """Keys of the sgd and of the model itself that change nothing, as the model stands."""
        return ()

    def takes_sgd(self) -> bool:
        """Whether the model depends on an sgd at all."""
        return bool(self.SGD_KEYS)

    def needs_sgd(self) -> bool:
        """Whether it cannot run in a study without sgd."""
        return self.takes_sgd()

    def instead_of_sgd(self) -> str:
        """What else would mend that it needs an sgd, to be added to what is said."""
        return ""

    def own_sgd(self) -> Sgd | None:
        """The sgd that it runs with in a study that has none, if it needs none."""
        return None

    def sgd_of(self, base: Sgd) -> Sgd:
        """The sgd that it runs with where the study, or the model that it is measured on, has `base`.

        Minibatches are drawn with replacement unless a kind says otherwise.
        """
        return overridden(base, self.sgd_override).model_copy(update={"sampling": "with_replacement"})

    def total_steps(self, sgd: Sgd, lent: int | None) -> int:
        """The number of steps it runs; `lent` is that of the model which it is measured on."""
        raise ValueError(f"a {self.kind} model has no steps")

    def parameters(self) -> int | None:
        """d, the number of coordinates, where it is known before anything is built."""
        return None

    def engines(self) -> tuple[Engine, ...]:
        """What can run it, the preferred one first: where that can run decides on which devices the model can."""
        return (NUMPY,)

    def declares(self) -> Declarations:
        """What it may emit beside those of every ensemble: what its kind declares, and what its own parts do."""
        return self.DECLARES

    def emits(self) -> frozenset[str]:
        """Observables that it is sure to have, as far as they decide which checks can be made of it."""
        return frozenset()

    def emits_in(self, study: Study) -> frozenset[str]:
        """The same within a study, of a kind that emits what another model of it does."""
        return self.emits()

    def run(self, points: Points, context: Context) -> Sequence[xr.Dataset | PointFailed] | xr.Dataset:
        """The observables of the points of one launch: of the only one, unless `FUSED` says what they may differ in.

        `points` holds the config of the model and its sgd at each. A point that failed is a `PointFailed` in the place
        of its Dataset. Many points may be one Dataset with the leading dimension `point` on whatever differs. Raises
        `Diverged` if numbers grow without bound, `UserError` if the model cannot be run as configured: of several
        points those are then found that it holds of.
        """
        function: Callable[[Points, Context], Sequence[xr.Dataset | PointFailed] | xr.Dataset] = imported(self.RUN)
        return function(points, context)

    def points_at_once(self, study: Study, name: str) -> int:
        """The most points of a scan that are run in one launch, where `FUSED` lets them; as many as memory holds, and
        few enough that a launch takes seconds."""
        return 10_000

    def work(self, study: Study, name: str) -> Mapping[str, int]:
        """What the time of a run grows with in proportion, beside what any run takes: each number by a name of its own.

        Of the steps, or without steps of the members, unless a kind says otherwise; nothing if it has neither, and its
        time is then not foretold.
        """
        numbers = {key: getattr(self, key, None) for key in ("steps", self.MEMBERS)}
        return dict([(key, number) for key, number in numbers.items() if isinstance(number, int)][:1])

    def shorter(self, study: Study, name: str, work: Mapping[str, int]) -> Mapping[str, Any]:
        """Its own keys, with the values that they have in a run of so much `work`, by which its time is measured.

        Those of the same names unless a kind says otherwise.
        """
        return work

    def tells_laws(self) -> bool:
        """Whether it describes a process to the laws at any point."""
        return bool(self.PROCESS) or type(self).process is not ModelSection.process

    def process(self, point: Point) -> Any:
        """The process that ran at a point, as the laws that are made for it take it; None if it tells them nothing."""
        return imported(self.PROCESS)(point) if self.PROCESS else None

    def follows(self, point: Point) -> Mapping[str, Recomputed]:
        """Variables of a point as they follow from the config and from what else is stored; none if it does not say.

        What laws say of the point is not among them.
        """
        if not self.FOLLOWS:
            return {}
        function: Callable[[Point], Mapping[str, Recomputed]] = imported(self.FOLLOWS)
        return function(point)

    def held(self, study: Study, name: str) -> Sequence[Held]:
        """What it will hold in memory, as far as its config tells; nothing if it does not say."""
        if not self.HELD:
            return ()
        function: Callable[[Study, str], Sequence[Held]] = imported(self.HELD)
        return function(study, name)

    def code(self) -> tuple[str, ...]:
        """Code of the user's own that it names, each "module:attribute"."""
        return ()

    def problems(self, study: Study, name: str) -> Faults:
        """What is wrong with it within the study, where it is called `name`."""
        yield from ()

    def problems_with_sources(self, study: Study, name: str) -> Faults:
        """The same, asked only once every model that it is measured on is known to be sound."""
        yield from ()

    def unrunnable(self) -> str | None:
        """Why a study with it cannot be run, only read; None if it can."""
        return None

    def absent(self) -> Faults:
        """What the config names outside of itself, such as files of data, and is not there, at keys of the model."""
        yield from ()

    def trial(self, study: Study, name: str, device: str) -> None:
        """Begin, and keep nothing: load what it loads, build what it builds, call code of the user's own once.

        It is asked of every model before a study writes anything. Raises `FaultWithin` at a key of the model, or
        `FaultAtKey` at one of the study, for what would fail anyhow.
        """
        if self.TRIAL:
            imported(self.TRIAL)(study, name, device)

    def withholds(self) -> Mapping[str, str]:
        """Of observables that it would emit but for one of its keys: why not, and what to do about it."""
        return {}

    def unscannable(self) -> str | None:
        """Why no scan can reach it as it stands; None if one can."""
        return None
