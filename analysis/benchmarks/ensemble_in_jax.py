"""The ensembles of ensemble.py in JAX: `vmap` over replicas, `lax.scan` over steps, all in one compiled function.

Convolution and pooling are XLA's own, which on a CPU make R groups of one convolution; everything is in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from langevin_sgd.config.sgd import Sgd

Parameters = list[jax.Array]
Indices = jax.Array


def _dense(x: jax.Array, weight: jax.Array, bias: jax.Array) -> jax.Array:
    return x.reshape(len(x), -1) @ weight.T + bias


def _convolution(x: jax.Array, weight: jax.Array, bias: jax.Array) -> jax.Array:
    layout = ("NCHW", "OIHW", "NCHW")
    return lax.conv_general_dilated(x, weight, (1, 1), "SAME", dimension_numbers=layout) + bias[:, None, None]


def _pooled(x: jax.Array) -> jax.Array:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def _softmax(p: Parameters, x: jax.Array) -> jax.Array:
    return _dense(x, *p)


def _mlp(p: Parameters, x: jax.Array) -> jax.Array:
    return _dense(jnp.tanh(_dense(x, *p[:2])), *p[2:])


def _cnn(p: Parameters, x: jax.Array) -> jax.Array:
    for layer in (p[0:2], p[2:4]):
        x = jax.nn.relu(_pooled(_convolution(x, *layer)))
    return _dense(x, *p[4:])


NETWORKS = {"softmax": _softmax, "mlp": _mlp, "cnn": _cnn}


class JaxEnsemble:
    """Replicas of one network, from the parameters (replica, ...) that they start with."""

    def __init__(
        self, name: str, start: list[NDArray[Any]], inputs: NDArray[Any], labels: NDArray[Any], sgd: Sgd
    ) -> None:
        self.parameters = [jnp.asarray(part) for part in start]
        shape = (len(start[0]), sgd.batch_size)
        step = _step(NETWORKS[name], jnp.asarray(inputs), jnp.asarray(labels), sgd)

        @partial(jax.jit, donate_argnums=0)
        def given(parameters: Parameters, indices: Indices) -> Parameters:
            return lax.scan(lambda p, index: (step(p, index), None), parameters, indices)[0]

        @partial(jax.jit, donate_argnums=0)
        def drawn(parameters: Parameters, keys: jax.Array) -> Parameters:
            def one(p: Parameters, key: jax.Array) -> tuple[Parameters, None]:
                return step(p, jax.random.randint(key, shape, 0, len(inputs))), None

            return lax.scan(one, parameters, keys)[0]

        self._given, self._drawn = given, drawn

    def advance(self, indices: NDArray[Any]) -> None:
        """Steps on minibatches of the given samples (steps, replica, B)."""
        self.parameters = jax.block_until_ready(self._given(self.parameters, jnp.asarray(indices)))

    def train(self, steps: int, seed: int) -> None:
        """Steps on minibatches that are drawn with replacement on the way, as an ensemble draws its own."""
        keys = jax.random.split(jax.random.key(seed), steps)
        self.parameters = jax.block_until_ready(self._drawn(self.parameters, keys))

    def weights(self) -> NDArray[Any]:
        """(replica, d), in the order of the parameters."""
        return np.concatenate([np.asarray(part).reshape(len(part), -1) for part in self.parameters], axis=1)


def _step(
    network: Callable[[Parameters, jax.Array], jax.Array], inputs: jax.Array, labels: jax.Array, sgd: Sgd
) -> Callable[[Parameters, Indices], Parameters]:
    """One step of all replicas: w <- w - eta (g + decay w), g the mean over the replica's minibatch."""

    def loss(parameters: Parameters, index: Indices) -> jax.Array:
        logits = jax.nn.log_softmax(network(parameters, inputs[index]))
        return -jnp.take_along_axis(logits, labels[index][:, None], 1).mean()

    def one(parameters: Parameters, index: Indices) -> Parameters:
        slopes = jax.grad(loss)(parameters, index)
        moved = zip(parameters, slopes, strict=True)
        return [w - sgd.learning_rate * (slope + sgd.weight_decay * w) for w, slope in moved]

    return jax.vmap(one)
