"""Inputs with real targets, made of random numbers; the equations stand with the keys of each."""

from __future__ import annotations

import numpy as np

from langevin_sgd.training.data.harmonics import HarmonicsData
from langevin_sgd.training.data.linear_regression import LinearRegressionData
from langevin_sgd.training.data.sinusoids import SinusoidsData
from langevin_sgd.training.data.synthetic import Array, Numbers
from langevin_sgd.training.data.teacher_student import TeacherStudentData


def linear_regression(section: LinearRegressionData, numbers: Numbers) -> tuple[Array, Array]:
    """A linear function of inputs with a power-law spectrum."""
    inputs = numbers.normal * np.arange(1, section.inputs + 1) ** (-0.5 * section.decay)
    weights = numbers.shared / np.sqrt(section.inputs)
    return inputs, (inputs * weights).sum(1)


def teacher_student(section: TeacherStudentData, numbers: Numbers) -> tuple[Array, Array]:
    """A network of two layers."""
    first, second = np.split(numbers.shared, [section.inputs * section.hidden])
    weights = first.reshape(section.inputs, section.hidden) / np.sqrt(section.inputs)
    hidden = np.tanh(
        np.einsum("nd,dh->nh", numbers.normal, weights)
    )  # a product would round by how many samples there are
    return numbers.normal, (hidden * second).sum(1) / np.sqrt(section.hidden)


def sinusoids(section: SinusoidsData, numbers: Numbers) -> tuple[Array, Array]:
    """A sum of sines and cosines."""
    x = 2.0 * numbers.uniform - 1.0
    phase = 2.0 * np.pi * x * np.asarray(section.frequencies)
    sines, cosines = numbers.shared.reshape(2, -1)
    return x, (sines * np.sin(phase) + cosines * np.cos(phase)).sum(1) / np.sqrt(len(section.frequencies))


def harmonics(section: HarmonicsData, numbers: Numbers) -> tuple[Array, Array]:
    """Waves on a circle, of phases that are those of points of the plane drawn from a Gaussian."""
    turn = numbers.uniform
    if section.spacing == "equal":
        turn = np.arange(len(turn))[:, None] / len(turn)
    angle = 2.0 * np.pi * turn
    phases = np.arctan2(*numbers.shared.reshape(2, -1))
    waves = np.sin(angle * np.asarray(section.wave_numbers) + phases)
    return np.concatenate([np.cos(angle), np.sin(angle)], axis=1), waves.sum(1) * np.sqrt(2.0 / len(phases))
