"""A scheme: the explicit midpoint rule for additive noise."""

from langevin_sgd.integrators.schemes.scheme import Dynamics, Scheme, State, Vector


def rule(model: Dynamics, state: State, draws: tuple[Vector, ...]) -> State:
    """w' = w + f(w + f(w) h/2) h + b sqrt(h) xi."""
    w, (xi,) = state["position"], draws
    h = model.time_step
    halfway = model.named(w + model.drift(w) * h / 2)
    return {"position": w + model.drift(halfway) * h + model.noise(w, xi * model.root(h))}


MIDPOINT = Scheme(
    name="midpoint",
    rule=rule,
    interpretation="ito",
    strong_order={"additive": 1.0},
    weak_order={"additive": 1.0},
    sampling_order={"additive": 1.0},
    increments=("gaussian",),
)
