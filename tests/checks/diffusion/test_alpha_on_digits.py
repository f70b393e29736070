"""The exponent of the loss along training on digits: 64-32-10, tanh, cross-entropy, learning rate 0.1."""

import pytest
from made_up_networks import beside_linear_response

import langevin_sgd as lsgd

CONTROL, WITHIN = {"once": 1.215, "by length": 1.390}, {"once": 0.08, "by length": 0.03}
EXCESS = {"once": {4: 0.033, 16: 0.014, 128: 0.002}, "by length": {4: 0.003, 16: 0.002, 128: 0.000}}
EXCESS_WITHIN = {4: 0.05, 16: 0.035, 128: 0.015}


@pytest.mark.validate
def test_alpha_of_a_trajectory_is_that_of_the_descent():
    """From r = 2 to 20, which 40,000 steps go, at recorded steps equal in their logarithm: alpha of the trajectories
    differs from that of the descent without noise by less than the 0.1 of the row, which says descent.

    Alpha itself is no number of the network. Over six initial points, by another program on all the digits, it was
    1.215(15) of the control where pairs count once, and that of the trajectories more by 0.033(11), 0.014(7) and
    0.002(4) at B = 4, 16 and 128; 1.390(6) where they count by length of path, and more by 0.003(13), 0.002(9) and
    0.000(4). In brackets is the scatter of the points. About four of it are allowed here, from a seventh point; five of
    the control's where pairs count once, as three points before had scattered by 0.04.
    """
    module = {"kind": "module", "factory": "made_up_networks:perceptron", "arguments": {"start": 301}}
    roughness = {"kind": "roughness", "points": 129, "distances": [2.0, 20.0]}
    study = beside_linear_response(
        1, [4, 16, 128], architecture=module, replicas=8, steps=40_000, record_times=129
    )  # fmt: skip
    study["models"]["network"]["probes"] = [roughness]
    study["checks"] = [{"kind": "diffusion", "models": ["network"]}]
    run = lsgd.simulate(study)
    network = run["network"]
    found = lsgd.check(run).to_dataframe()
    found = found[found.quantity == "trajectory_alpha"].to_dict("records")
    ends = {"once": "", "by length": "_by_length"}
    control = {way: float(network[f"control_alpha{end}"]) for way, end in ends.items()}
    excess = {
        way: {int(b): float(network[f"trajectory_alpha{end}"].sel(batch_size=b)) - control[way] for b in (4, 16, 128)}
        for way, end in ends.items()
    }
    told = f"control {control}, trajectories less it {excess}"
    print(f"\n  {told}")
    for way in ends:
        assert control[way] == pytest.approx(CONTROL[way], abs=WITHIN[way]), told
        for b, expected in EXCESS[way].items():
            assert excess[way][b] == pytest.approx(expected, abs=EXCESS_WITHIN[b]), told
    assert excess["once"][4] > excess["once"][128], told
    assert len(found) == 3, told
    for row in found:
        assert row["verdict"] == "agrees", row
        assert "descent, by a difference of 0.1" in row["reason"], row
        assert "more than descent" not in row["reason"], row
    for end in ends.values():
        assert (network[f"trajectory_alpha{end}_stderr"] < 0.015).all(), told
