"""What the laws predict for the basins model: occupancy, density, current, relaxation and escape.

A law that does not apply says why, and its numbers are NaN.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.laws import NoAnswer
from langevin_sgd.models.basins import line as basins_line
from langevin_sgd.models.basins import moments
from langevin_sgd.models.basins import plane as basins_plane
from langevin_sgd.models.basins.domain import energy_box, law_box
from langevin_sgd.models.basins.line import CELLS, LineAnswers, rebinned, relaxation, resolved
from langevin_sgd.models.basins.process import Process
from langevin_sgd.theory import domain, escape, fokker_planck
from langevin_sgd.theory import occupancy as theory

Array = NDArray[np.float64]

_LAWS = ("fokker_planck", "chain", "boltzmann", "laplace", "finite_step", "slide", "eyring_kramers")
_REACH = 36.0  # thermal energies above the lowest minimum that the laws' box holds
_NEAR = 12.0  # the same where the correction of a finite step is still small
_RASTER = 4  # points along each side of a cell that tell how basins share it
_PLANE_CELLS = 30  # along a coordinate of the plane where no density is measured
_QUADRATURE_ERROR = 1e-3
_STEP_CELLS = {1: 2000, 2: 150, 3: 40}
_LOST = 1e-5  # probability at the ends of the box: above it the corrected energy has no minimum there


def _asked(function: Callable[[], Any], nothing: Any) -> tuple[Any, str]:
    """The answer and "", or `nothing` and why there is none."""
    try:
        return function(), ""
    except UserError as reason:
        return nothing, str(reason)


@dataclass(frozen=True)
class Answers:
    """What the laws say of one process: what several of them take is solved once.

    `edges` are the cells of the density, `cores` the energies (basin,) below which a walker is in a core, None without.
    """

    process: Process
    edges: tuple[Array, ...]
    cores: Array | None

    def says(self, law: str) -> dict[str, ArrayLike]:
        """All that a law says, NaN where it has no answer."""
        answer, _ = self._answer(law)
        fields = {name: values[law] for name, values in self._fields.items()} if self.edges else {}
        if self.process.alone:
            return {"position_mean": answer[0], "position_variance": answer[1], **fields}
        if not self.escaping:
            return {"mean_occupancy": answer, **fields}
        return {"escape_time": answer * (1.0 - self.process.momentum), **fields}  # momentum divides it, with T

    def pace(self) -> dict[str, ArrayLike]:
        """Relaxation time and hopping rates of the equation itself, the rates only where they are known."""
        quicker = 1.0 - self.process.momentum
        values: dict[str, ArrayLike] = {"relaxation_time": quicker * _asked(self.relaxation_time, np.nan)[0]}
        if self.cores is not None:
            rates, why = _asked(partial(self.hopping_rates, self.cores), None)
            values |= {} if why else {"hopping_rate_predicted": rates / quicker}
        return values

    def remark(self, law: str) -> str:
        """Why a law has no answer, or what it takes for granted."""
        why = self._answer(law)[1]
        if law == "chain" and not why and self.d == 1 and self.process.momentum_steps:
            error = self.line.momentum_chain[1]
            return f"{self.note(law)} in the plane of position and velocity, to {error:.1g} by two grids"
        return why or self.note(law)

    def claimed(self, law: str) -> bool:
        """Whether a law has an answer and is claimed of this very process."""
        return self.exact(law) and not self._answer(law)[1]

    @property
    def escaping(self) -> bool:
        """Whether first passages are measured and not where replicas stay."""
        return self.process.target is not None

    def _answer(self, law: str) -> tuple[Any, str]:
        if law not in self._known:
            several = len(self.process.basins.labels)
            nothing = np.nan if self.escaping else np.full((2, self.d) if self.process.alone else several, np.nan)
            ask: Callable[[str], Any] = self.escape if self.escaping else self.staying
            self._known[law] = _asked(partial(ask, law), nothing)
        return self._known[law]

    @cached_property
    def _known(self) -> dict[str, tuple[Any, str]]:
        return {}

    @property
    def d(self) -> int:
        return self.process.landscape.dimension

    @cached_property
    def box(self) -> tuple[tuple[float, float], ...]:
        return law_box(self.process, _REACH)

    @cached_property
    def line(self) -> LineAnswers:
        if self.d > 1:
            raise NoAnswer("known in one dimension only")
        return LineAnswers(self.process, self.box[0])

    @cached_property
    def plane(self) -> fokker_planck.Stationary:
        self._need_no_inertia()
        if self.d != 2:
            raise NoAnswer("no solver reaches this dimension with such noise")
        cells = self.edges
        if not cells:
            box = law_box(self.process, _NEAR, loss=_LOST)
            cells = tuple(np.linspace(*side, _PLANE_CELLS + 1) for side in box)
        return basins_plane.stationary(self.process, cells, lambda solved: self._refined(solved.density))

    @cached_property
    def linear_steps(self) -> basins_plane.LinearSteps:
        """The law of the map in the plane, where it is linear. Raises `NoAnswer` where it is not."""
        if not self.has_chain:
            raise NoAnswer("in the plane the law of the map is known where it is linear")
        return basins_plane.LinearSteps.of(self.process)

    @property
    def has_chain(self) -> bool:
        """Whether the law of the map itself is known: on a line, and of linear steps in the plane."""
        return self.d == 1 or (not self.escaping and basins_plane.has_linear_steps(self.process))

    def _need_no_inertia(self) -> None:
        if self.process.inertial:
            raise NoAnswer(
                f"{self.process.scheme} has inertia: its times and currents are not those of the overdamped equation"
            )

    def exact(self, law: str) -> bool:
        """Whether the law is claimed of this very process."""
        continuum = self.process.model.time_step is not None and self.process.momentum == 0.0
        return law == "chain" or (law == "fokker_planck" and continuum)

    def note(self, law: str) -> str:
        """What the law takes for granted."""
        continuum = "the step taken to zero" + (", T raised by 1/(1 - momentum)" if self.process.momentum else "")
        return {
            "fokker_planck": continuum,
            "chain": "the map itself",
            "boltzmann": f"exp(-2E/T), {continuum}",
            "laplace": f"every basin a paraboloid, {continuum}",
            "finite_step": "leading correction in the step",
            "slide": "the lecture slides' exponent exp(-E/(2T)), wrong by a factor of 4",
            "eyring_kramers": f"theta far below the barrier, {continuum}",
        }[law]

    def staying(self, law: str) -> Array:
        """Occupancy (basin,) by a law, of a single well mean and variance (2, d). Raises `NoAnswer`."""
        p = self.process
        if law == "chain" and self.d == 2:
            return self.linear_steps.moments() if p.alone else self._labelled(self.linear_steps.density())
        if law == "chain":
            return self.line.chain_staying()
        if law == "fokker_planck" and not self._gibbsian:
            self._need_no_inertia()
            return self.line.staying() if self.d == 1 else self._told(self.plane.density)
        self._need_equilibrium()
        if law == "laplace":
            if not np.isfinite(p.basins.minima).all():
                raise NoAnswer("a basin has no minimum in the box")
            if p.alone:
                return np.stack([p.basins.minima[0], p.thermal_energy * np.diag(np.linalg.inv(p.basins.hessians[0]))])
            return theory.laplace_occupancy(p.basins.energies, p.basins.hessians, p.thermal_energy)
        if law == "finite_step":
            return self._finite_step()
        return self._gibbs(4.0 if law == "slide" else 1.0)

    @property
    def _gibbsian(self) -> bool:
        return self.process.isotropic and not self.process.landscape.force

    def _need_equilibrium(self) -> None:
        """Refuse a law of the energy alone where the process has no such law."""
        p = self.process
        if p.landscape.force and self.d == 1:
            raise NoAnswer("there is a force beside -E', so the density is no function of the energy alone")
        if p.landscape.force:
            raise NoAnswer("has a probability current, the drift being no gradient, so no Boltzmann law of the energy")
        if not p.additive and self.d == 1:
            raise NoAnswer("the noise depends on the position, so the density is no function of the energy alone")
        if not p.additive:
            raise NoAnswer("the noise depends on the position: in general a probability current, so no Boltzmann law")
        if not p.isotropic and self.d > 1:
            raise NoAnswer(_anisotropy(p))

    def _told(self, law: theory.Density) -> Array:
        """What is compared of a density: how much basins hold, mean and variance where there is one alone."""
        return moments.of_density(law) if self.process.alone else self._labelled(law)

    def _refined(self, law: theory.Density) -> Array:
        """What tells whether cells are small enough for it."""
        return moments.relative(law) if self.process.alone else self._labelled(law)

    def _labelled(self, law: theory.Density) -> Array:
        """Occupancy under a density; cells of the plane are shared by a raster of points in each."""
        found, points = self.process.basins, law.points
        inner = np.array([0.0]) if self.d != 2 else (np.arange(_RASTER) + 0.5) / _RASTER - 0.5
        size = [float(edge[1] - edge[0]) for edge in law.edges]
        shares = []
        for offset in itertools.product(inner, repeat=self.d):
            moved = points + np.multiply(offset, size).reshape(-1, *(1,) * self.d)
            labels = found.membership(moved.reshape(self.d, -1)).reshape(law.values.shape)
            shares.append(theory.occupancy(law, labels, len(found.labels)))
        return np.asarray(np.mean(shares, axis=0))

    def _breaks(self) -> Sequence[ArrayLike]:
        return [self.line.ends] if self.d == 1 else ()

    def _gibbs(self, times: float) -> Array:
        """Occupancy under exp(-E/(times theta))."""
        p = self.process
        theta, box = times * p.thermal_energy, energy_box(p, times * _REACH)
        if self.d == 1:
            breaks = self._breaks()
            return self._told(
                resolved(lambda cells: theory.quadrature(p.energy, theta, box, cells, breaks=breaks), self._refined)
            )
        if p.alone:
            return moments.of_density(theory.quadrature(p.energy, theta, box, _STEP_CELLS[self.d]))
        if p.transverse:
            return self._reduced(theta, box[0])
        basins = len(p.basins.labels)
        found = theory.exact_occupancy(p.energy, theta, box, p.basins.membership, basins, tolerance=1e-4)
        if not found.error.max() <= _QUADRATURE_ERROR:
            raise NoAnswer(f"the cells of the quadrature do not resolve the density: error {found.error.max():.2g}")
        return found.values

    def _reduced(self, theta: float, box: tuple[float, float]) -> Array:
        """The same, all coordinates but the first integrated out."""
        law = theory.quadrature(lambda points: self.process.line_energy(points, theta), theta, [box], 20 * CELLS)
        points = np.zeros((self.d, law.values.size))
        points[0] = law.centres[0]
        return theory.occupancy(law, self.process.basins.membership(points), len(self.process.basins.labels))

    def _finite_step(self) -> Array:
        p = self.process
        if not p.euler_steps:
            raise NoAnswer(f"the correction is that of euler_maruyama, not of {p.scheme}")
        if p.model.increments == "two_point":
            raise NoAnswer("the correction is that of noise with a fourth moment of 3, not of two_point noise")
        if self.d not in _STEP_CELLS:
            raise NoAnswer("quadrature reaches 3 dimensions")
        gradient = p.landscape.gradient_at
        energy = theory.finite_step_energy(p.energy, gradient, p.laplacian, p.time_step, p.thermal_energy)
        box = energy_box(p, _NEAR)
        law = theory.quadrature(energy, p.thermal_energy, box, _STEP_CELLS[self.d], breaks=self._breaks(), walls=True)
        if law.boundary_probability > _LOST:
            raise NoAnswer("the step is too large for a first correction: the corrected energy falls beyond the basins")
        return self._told(law)

    def relaxation_time(self) -> float:
        """Of the slowest mode; where transverse coordinates are integrated out, of the motion along the first."""
        self._need_no_inertia()
        p = self.process
        if self.d == 1:
            return self.line.relaxation_time()
        if p.transverse and self._gibbsian:
            return relaxation(p.line_drift, p.thermal_energy, self.box[0])
        time = self.plane.relaxation_time
        return np.nan if time is None else time

    def hopping_rates(self, cores: Array) -> Array:
        """Between cores. Raises `NoAnswer`."""
        self._need_no_inertia()
        return self.line.hopping_rates(cores)

    def escape(self, law: str) -> float:
        """Mean time of first passage by a law. Raises `NoAnswer`."""
        p = self.process
        assert p.model.escape is not None
        self._need_no_inertia()
        origin, to = (p.basins.number(label) for label in (p.model.escape.origin, p.model.escape.to))
        start = np.array(p.model.start.get(p.model.escape.origin, p.basins.minima[origin]), float)
        if law == "chain":
            return self.line.chain_passage(float(start[0]))
        if law == "fokker_planck" and self.d == 1:
            return basins_line.passage(p, float(start[0]))
        if law == "fokker_planck" and self.d == 2:
            return basins_plane.passage(p, start, float(p.energy(start[:, None])[0]))
        if law == "fokker_planck":
            raise NoAnswer("no solver of escapes reaches this dimension")
        self._need_equilibrium()
        saddle = p.basins.lowest_saddle(origin, to)
        if saddle is None:
            raise NoAnswer("no saddle lies between just those two basins")
        barrier = saddle.energy - float(p.basins.energies[origin])
        return escape.eyring_kramers_time(p.basins.hessians[origin], saddle.hessian, barrier, p.thermal_energy)

    @cached_property
    def _fields(self) -> dict[str, dict[str, Any]]:
        """Density by law on the measured cells, and current and circulation in the plane."""
        shape = tuple(edge.size - 1 for edge in self.edges)
        laws = _LAWS
        flat = (shape[0], shape[1] if self.d == 2 else 1)
        densities = {law: np.full(flat, np.nan) for law in laws}
        if self._gibbsian:
            gibbs, why = _asked(self._gibbs_density, None)
            densities |= {} if why else {"boltzmann": gibbs.reshape(flat), "fokker_planck": gibbs.reshape(flat)}
        if self.d == 1:
            line, on = self.line, self.edges[0]
            smooth, why = _asked(lambda: rebinned(line.density.edges[0], line.density.probabilities, on), None)
            if not why and (self._gibbsian or not self.process.inertial):
                densities["fokker_planck"] = smooth[:, None]
            chain, why = _asked(lambda: line.chain_density(on), None)
            densities |= {} if why else {"chain": chain[:, None]}
            return {"density": densities}
        currents = {law: np.full((2, *flat), np.nan) for law in laws}
        turns = dict.fromkeys(laws, np.nan)
        solved, why = _asked(lambda: self.plane, None)
        if not why:
            densities["fokker_planck"] = _averaged(solved.density.values, shape)
            currents["fokker_planck"] = self.process.pace * np.stack([_averaged(j, shape) for j in solved.current])
            turns["fokker_planck"] = 0.0 if self._gibbsian else self.process.pace * solved.circulation()
        steps, why = _asked(lambda: self.linear_steps, None)
        if not why:
            densities["chain"], currents["chain"] = steps.on_cells(self.edges), steps.current_on_cells(self.edges)
            turns["chain"] = steps.circulation
        return {"density": densities, "current": currents, "circulation": turns}

    def _gibbs_density(self) -> Array:
        box = [(float(edge[0]), float(edge[-1])) for edge in self.edges]
        cells = [edge.size - 1 for edge in self.edges]
        energy, theta = self.process.energy, self.process.thermal_energy
        inside = theory.quadrature(energy, theta, box, cells, walls=True).values
        return inside / (1.0 + domain.boltzmann_loss(energy, theta, box))


def _anisotropy(process: Process) -> str:
    """Why constant noise with D not a multiple of I has no Boltzmann law."""
    d = process.diffusion(np.zeros((process.landscape.dimension, 1)))[..., 0]
    commute = all(
        np.allclose(h @ d, d @ h, rtol=1e-9, atol=1e-9 * np.abs(h @ d).max()) for h in process.basins.hessians
    )
    if commute:
        return "the noise is not the same in all directions, so the density is no function of the energy alone"
    return "has a probability current, H and C not commuting at a minimum, so no Boltzmann law"


def _averaged(values: Array, shape: tuple[int, ...]) -> Array:
    """Means over blocks of cells."""
    a, b = shape
    return np.asarray(values.reshape(a, values.shape[0] // a, b, values.shape[1] // b).mean(axis=(1, 3)))
