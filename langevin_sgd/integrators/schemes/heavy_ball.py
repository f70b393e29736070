"""SGD with momentum, the discrete map as torch.optim.SGD writes it."""

from __future__ import annotations

from langevin_sgd.integrators.schemes.scheme import Dynamics, Scheme, State, Vector


def rule(model: Dynamics, state: State, draws: tuple[Vector, ...]) -> State:
    """m' = mu m - f(w) - b(w) xi/sqrt(eta), w' = w - eta m': time step eta, gradient noise b xi/sqrt(eta)."""
    w, m, (xi,) = state["position"], state["velocity"], draws
    h = model.time_step
    velocity = model.named(m * model.parameter("momentum") - model.drift(w) - model.noise(w, xi / model.root(h)))
    return {"position": w - velocity * h, "velocity": velocity}


SCHEME = Scheme(
    name="heavy_ball",
    rule=rule,
    interpretation="ito",
    # orders against the overdamped limit dw = (f dt + b dW)/(1 - mu) at fixed mu; against anything else it is a map
    strong_order={"additive": 0.5, "diagonal": 0.5, "general": 0.5},
    weak_order={"additive": 1.0, "diagonal": 1.0, "general": 1.0},
    sampling_order={"additive": 1.0, "diagonal": 1.0, "general": 1.0},
    increments=("gaussian", "three_point", "two_point"),
    state=("position", "velocity"),
    parameters={"momentum": None},
    map_of_sgd=True,
    momentum_step=True,
    mobility=lambda own: 1.0 / (1.0 - own["momentum"]),
    source="Polyak, USSR Computational Mathematics and Mathematical Physics 4 (1964) 1",
)
