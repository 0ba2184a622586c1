"""The softmax head's written-out gradient against autograd and torch's own Adam."""

import numpy as np
import torch

from crossalign.heads.softmax import balanced_rows, softmax_path
from crossalign.networks import initialise
from crossalign.training import Shuffle


def test_every_epoch_is_what_autograd_and_adam_give():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 150)
    codes = (rng.standard_normal((7, 5))[labels] + rng.standard_normal((150, 5))).astype(np.float32)
    settings = {"lr": 3e-3, "betas": (0.3, 0.999), "batch_size": 32}
    path = list(softmax_path(codes, labels, 7, epochs=4, seed=2, **settings))

    generator = torch.Generator().manual_seed(2)
    layer = torch.nn.Linear(5, 7)
    initialise(layer, generator, "xavier")
    adam = torch.optim.Adam(layer.parameters(), lr=3e-3, betas=(0.3, 0.999))
    x, y = torch.from_numpy(codes), torch.from_numpy(labels)
    for coef, intercept in path:
        for rows in Shuffle(32).epoch(150, None, generator):
            adam.zero_grad()
            torch.nn.functional.cross_entropy(layer(x[rows]), y[rows]).backward()
            adam.step()
        np.testing.assert_allclose(coef, layer.weight.detach().numpy().T, atol=2e-6)
        np.testing.assert_allclose(intercept, layer.bias.detach().numpy(), atol=2e-6)
    assert len(path) == 4


def test_balanced_rows_repeat_the_first_rows_of_a_short_class():
    labels = np.array([0, 1, 0, 1, 1, 0, 0])
    np.testing.assert_array_equal(balanced_rows(labels, 3), [0, 2, 5, 1, 3, 4])
    np.testing.assert_array_equal(balanced_rows(labels, 5), [0, 2, 5, 6, 0, 1, 3, 4, 1, 3])
