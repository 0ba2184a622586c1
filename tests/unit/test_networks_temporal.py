"""Attention with rotary positions, against loops, and the pooling of clips by it."""

import math

import numpy as np
import pytest
import torch

from crossalign.networks import RotaryLayer, TemporalAttention, rotated


@pytest.fixture
def draw():
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(*shape, generator=generator)


def all_real(x):
    return torch.ones(x.shape[:2], dtype=torch.bool)


def turned_by_hand(vector, position, base):
    """The rotation of RoFormer's equation 34, plane by plane, as complex numbers."""
    half = len(vector) // 2
    out = np.zeros(len(vector))
    for i in range(half):
        plane = complex(vector[i], vector[i + half])
        plane *= complex(math.cos(position * base ** (-i / half)),
                         math.sin(position * base ** (-i / half)))
        out[i], out[i + half] = plane.real, plane.imag
    return out


def test_a_rotation_is_that_of_the_paper(draw):
    x, positions = draw(2, 5, 6), torch.tensor([[0, 1, 2, 5, 9], [3, 3, 4, 0, 1]])
    found = rotated(x, positions, base=50.0)
    for n in range(2):
        for t in range(5):
            np.testing.assert_allclose(
                found[n, t], turned_by_hand(x[n, t].tolist(), int(positions[n, t]), 50.0),
                rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found.norm(dim=-1), x.norm(dim=-1))


def test_scores_depend_on_differences_of_positions_alone(draw):
    layer, query, key = RotaryLayer(8, heads=2), draw(3, 2, 6, 4), draw(3, 2, 6, 4)
    positions = torch.arange(6).expand(3, 6)
    scores = layer.scores(query, key, positions)
    torch.testing.assert_close(layer.scores(query, key, positions + 17), scores,
                               rtol=1e-4, atol=1e-5)
    turned = layer.scores(query, key, positions.flip(1))
    assert (turned - scores).abs().max() > 0.1
    at_one_place = layer.scores(query, key, torch.zeros_like(positions))
    torch.testing.assert_close(at_one_place, query @ key.transpose(-1, -2) / 2)


def layer_by_loops(layer, rows, real):
    """A sample's tokens (t, d) through the layer, token by token, looking at the real ones."""
    t, d = rows.shape
    each = d // layer.heads
    places = torch.tensor(real).cumsum(0).tolist()
    normal = layer.attention_norm(rows)
    query, key, value = (layer.query_key_value(normal)[:, i * d:(i + 1) * d] for i in range(3))
    out = []
    for i in range(t):
        parts = []
        for h in range(layer.heads):
            own = slice(h * each, (h + 1) * each)
            q = torch.tensor(turned_by_hand(query[i, own].tolist(), places[i], 100.0))
            seen = [j for j in range(t) if real[j]]
            weights = torch.stack([
                q @ torch.tensor(turned_by_hand(key[j, own].tolist(), places[j], 100.0))
                / each**0.5 for j in seen]).softmax(dim=0)
            parts.append(sum(w * value[j, own].double()
                             for w, j in zip(weights, seen, strict=True)))
        row = rows[i] + layer.out(torch.cat(parts).float())
        out.append(row + layer.hidden(layer.hidden_norm(row)))
    return torch.stack(out)


def test_a_layer_against_loops(draw):
    torch.manual_seed(0)
    layer, rows = RotaryLayer(8, heads=2).eval(), draw(2, 5, 8)
    mask = torch.tensor([[True] * 5, [True, False, True, True, False]])
    with torch.no_grad():
        found = layer(rows, ~mask)
        for n in range(2):
            expected = layer_by_loops(layer, rows[n], mask[n].tolist())
            torch.testing.assert_close(found[n][mask[n]], expected[mask[n]], rtol=1e-4, atol=1e-5)


def test_heads_need_planes():
    for dim, heads in ((6, 2), (8, 3)):
        with pytest.raises(ValueError, match=f"heads={heads} for the width dim={dim}"):
            RotaryLayer(dim, heads)


def test_order_changes_the_pooled_clip_and_padding_does_not(draw):
    torch.manual_seed(0)
    pool, clips = TemporalAttention(5, 8, heads=2).eval(), draw(3, 6, 5)
    with torch.no_grad():
        ordered = pool(clips, all_real(clips))
        assert ordered.shape == (3, 8)
        assert (pool(clips.flip(1), all_real(clips)) - ordered).abs().max() > 1e-3
        padded = torch.full((3, 9, 5), 7.0)
        places = torch.tensor([0, 2, 3, 5, 6, 8])
        padded[:, places] = clips
        mask = torch.zeros(3, 9, dtype=torch.bool)
        mask[:, places] = True
        torch.testing.assert_close(pool(padded, mask), ordered)
        assert pool(padded, torch.zeros_like(mask)).abs().sum() == 0


def test_a_clip_of_one_frame_has_no_order(draw):
    torch.manual_seed(0)
    pool, frame = TemporalAttention(5, 8, heads=2).eval(), draw(2, 1, 5)
    with torch.no_grad():
        still = pool(frame.expand(2, 4, 5), torch.ones(2, 4, dtype=torch.bool))
        torch.testing.assert_close(pool(frame, all_real(frame)), still, rtol=1e-4, atol=1e-5)


def test_weights_get_gradients_also_beside_an_empty_clip(draw):
    pool, clips = TemporalAttention(5, 8, heads=2), draw(2, 3, 5)
    mask = torch.tensor([[True, True, False], [False] * 3])
    pool(clips, mask).square().sum().backward()
    grads = [p.grad for p in pool.parameters()]
    assert all(g is not None and g.isfinite().all() for g in grads)
