import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training.beside import Beside
from langevin_sgd.training.control import Control
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.view import Instruments, View

RECORD, EVALUATED = np.array([0, 1, 7, 30]), np.array([0, 7, 30])


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_the_control_is_full_batch_descent(make_network, samples, momentum):
    network = make_network(nn.Linear(9, 4))
    sgd = Sgd(learning_rate=0.5, batch_size=3, momentum=momentum, weight_decay=0.02)
    start = network.weights()[None]

    def make() -> Control:
        return Control(
            Beside.simple(
                network, samples, sgd, start=start, record=RECORD, instruments=instruments, workers=Workers(1)
            ),
            instruments.meter,
            EVALUATED,
        )

    instruments = Instruments(network, samples, None, weight_decay=0.02, workers=Workers(1))
    control, resumed = make(), make()
    for step in range(31):
        if step == 10:
            resumed.restore(control.state())
            control = resumed
        if step in control.steps:
            control.observe(View(step, start, instruments))
        control.advance(step, step + 1)

    parameters = [p.clone().requires_grad_() for p in network.parameters(start[0])]
    optimiser = torch.optim.SGD(parameters, lr=0.5, momentum=momentum, weight_decay=0.02)
    energies, squares = [], []
    for _ in range(31):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(network.outputs(parameters, samples.inputs), samples.labels)
        w = network.flatten(parameters).detach()
        energies.append(loss.item() + 0.01 * float(w @ w))
        squares.append(float(((w - start[0]) ** 2).sum()))
        loss.backward()
        optimiser.step()
    found = control.finish(View(30, start, instruments))
    seen = np.isin(RECORD, EVALUATED)
    np.testing.assert_allclose(found["control_energy"][seen], np.array(energies)[EVALUATED], rtol=1e-12)
    assert np.isnan(found["control_energy"][~seen]).all()
    np.testing.assert_allclose(found["control_squared_displacement"], np.array(squares)[RECORD], rtol=1e-11)
