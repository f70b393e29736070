"""The rows beside linear response on digits, in full: 64-32-10, tanh, cross-entropy, learning rate 0.1."""

import pandas as pd
import pytest
from made_up_networks import beside_linear_response

import langevin_sgd as lsgd

STARTS, REPLICAS = (1, 2), 8
PARTS = (range(1, 6), range(6, 11), range(11, 16), range(16, 21))
MLP = {"kind": "mlp", "hidden": [32], "activation": "tanh"}


def of_seed(seed: int, start: int) -> pd.DataFrame:
    module = {"kind": "module", "factory": "made_up_networks:perceptron", "arguments": {"start": start}}
    study = beside_linear_response(seed, [16, 128], architecture=module, replicas=REPLICAS, steps=3000)
    return lsgd.check(lsgd.simulate(study)).to_dataframe()


@pytest.mark.validate
@pytest.mark.parametrize("seeds", PARTS, ids=lambda seeds: f"seeds_{seeds[0]}_to_{seeds[-1]}")
@pytest.mark.parametrize("start", STARTS)
def test_what_is_claimed_of_linear_response_holds(start, seeds):
    """Until step 3,000, five seeds of the noise from one of two initial points: in all 20 seeds from both.

    With 8 replicas the spread over linear response has an error of 0.012 at B = 128 and of 0.03 at B = 16 in one seed,
    0.005 and 0.013 in the mean of five, and the exponent of the rest 0.13 and 0.06. At B = 16 the spread falls short by
    0.06, so that the mean of five lies within 0.10 by three errors. Of 25 law rows none disagrees, so that at most one
    in fifty of all 200 does. In all 40 runs: drift 1.0079(1) and 1.0009(0) of the control's at B = 16 and 128, spread
    0.973(6) and 0.994(2), exponent 0.987(7); 168 rows agree and 32 are inconclusive.
    """
    found = pd.concat([of_seed(seed, start) for seed in seeds])
    law = found[found.role == "law"]
    assert len(law) == 5 * len(seeds)
    assert not (law.verdict == "disagrees").any()
    for batch, drift, spread in ((16, 0.02, 0.10), (128, 0.01, 0.05)):
        own = law[law.batch_size == batch]
        within(own, "drift_over_control", drift)
        within(own, "spread_over_tangent", spread)
    within(law, "tangent_residual_exponent", 0.15)


def within(rows: pd.DataFrame, quantity: str, tolerance: float) -> None:
    values = rows[rows.quantity.str.startswith(quantity)].measured.to_numpy()
    assert abs(values.mean() - 1.0) <= tolerance, (quantity, values)


@pytest.mark.validate
@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"loss": "mse", "batches": [32], "learning_rate": 0.2, "steps": 1000}, "at the edge of stability"),
        ({"architecture": {**MLP, "activation": "relu"}, "steps": 400}, "the loss has kinks"),
        ({"data": {"name": "digits", "label_noise": 1.0}, "steps": 1000}, "noise changes the path"),
    ],
    ids=["mse", "relu", "random_labels"],
)
def test_where_linear_response_does_not_hold_the_reason_is_told(changed, told):
    """Eight replicas at the temperature of B = 16 and 0.1: no row of the spread agrees, and the conclusion says why."""
    study = beside_linear_response(**{"seed": 1, "batches": [16], "architecture": MLP, "replicas": 8, **changed})
    found = lsgd.check(lsgd.simulate(study)).to_dataframe()
    spread = found[found.quantity.str.startswith("spread_over_tangent") & (found.role == "law")]
    assert len(spread) == 1
    assert spread.verdict.iloc[0] != "agrees"
    (reason,) = found[found.quantity == "conclusion"].reason
    assert told in reason
    assert not reason.startswith(("drift", "linear response", "barriers"))
