"""The exceptions for a run whose numbers grew without bound, or are none."""

from __future__ import annotations


class Diverged(ArithmeticError):
    """Training or simulation left the finite numbers, or provably would.

    `step` is the step at which it was noticed (0: known before the first step), `eta_lambda_max` the learning rate
    times the largest Hessian eigenvalue where that is known, `momentum` the momentum, `model` the name of the model in
    its study, and `detail` what was seen. Heavy-ball SGD on a quadratic is stable below 2 (1 + momentum). `points` are
    the places of those points of a launch that are lost, as far as it is known; the others are as if alone.
    """

    points: tuple[int, ...] = ()

    def __init__(
        self,
        step: int,
        eta_lambda_max: float | None = None,
        *,
        momentum: float = 0.0,
        model: str | None = None,
        detail: str = "",
    ) -> None:
        self.step = step
        self.eta_lambda_max = eta_lambda_max
        self.momentum = momentum
        self.model = model
        self.detail = detail
        super().__init__(step, eta_lambda_max, momentum, model, detail)

    def __str__(self) -> str:
        text = f"{self.model} diverged" if self.model else "diverged"
        text += f" at step {self.step}"
        if self.detail:
            text += f": {self.detail}"
        if self.eta_lambda_max is None or (self.step == 0 and self.detail):
            return text  # what is known before the first step is the limit itself, and `detail` says it
        limit = 2.0 * (1.0 + self.momentum)
        text += f"; learning rate x largest Hessian eigenvalue is {self.eta_lambda_max:.4g}"
        if self.eta_lambda_max >= limit:
            return f"{text}, and stability needs less than 2 (1 + momentum) = {limit:.4g}"
        return f"{text}, below the stability limit 2 (1 + momentum) = {limit:.4g} of a quadratic"

    def __reduce__(self) -> tuple[object, ...]:
        # the default would drop the keyword-only arguments when a worker process sends the exception back
        return _restore, (self.step, self.eta_lambda_max, self.momentum, self.model, self.detail)


class NotFinite(Diverged):
    """A recorded quantity, or a condition looked at, was no number where positions were finite.

    `quantity` says which, `step` when, `where` in how many trajectories, with the mend.
    """

    def __init__(self, step: int, quantity: str, where: str = "", *, model: str | None = None) -> None:
        self.quantity = quantity
        self.where = where
        super().__init__(step, model=model, detail=f"{quantity} is not finite {where}")

    def __reduce__(self) -> tuple[object, ...]:
        return _restore_quantity, (self.step, self.quantity, self.where, self.model)


def _restore_quantity(step: int, quantity: str, where: str, model: str | None) -> NotFinite:
    return NotFinite(step, quantity, where, model=model)


def _restore(step: int, eta_lambda_max: float | None, momentum: float, model: str | None, detail: str) -> Diverged:
    return Diverged(step, eta_lambda_max, momentum=momentum, model=model, detail=detail)
