import pytest
import torch

from crossalign.networks import MLP, CrossVAE, GaussianEncoder, initialise, reparametrise
from crossalign.networks.gaussian import noise_width


def count(module):
    return sum(p.numel() for p in module.parameters())


def draw(sampler, n=20000, d=8):
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(n, noise_width(sampler, d), generator=generator)
    return reparametrise(torch.zeros(n, d), torch.full((n, d), -2.0), noise, sampler)


def test_author_sampler_is_not_the_textbook_one():
    z = draw("author")
    assert z.std(dim=0).mean() == pytest.approx(0.135, abs=0.002)       # exp(-2)
    assert torch.corrcoef(z.T).min() > 0.9999
    z = draw("textbook")
    assert z.std(dim=0).mean() == pytest.approx(0.368, abs=0.003)       # exp(-1)
    off_diagonal = torch.corrcoef(z.T) - torch.eye(8)
    assert off_diagonal.abs().max() < 0.03


@pytest.mark.parametrize(("features", "side", "decoder", "expected"), [
    (2048, 312, 1660, 7_796_471), (2048, 102, 1660, 7_352_111), (2048, 85, 1660, 7_316_139)])
def test_cada_vae_has_the_published_number_of_parameters(features, side, decoder, expected):
    vae = CrossVAE({"image": features, "class": side}, 64,
                   {"image": (1560,), "class": (1450,)}, {"image": (decoder,), "class": (665,)})
    assert count(vae) == expected


def test_lcale_has_the_published_number_of_parameters():
    def millions(module):
        return round(count(module) / 1e6, 2)

    assert millions(GaussianEncoder(4096, (4096, 2048), 64)) == 25.43
    assert millions(GaussianEncoder(300, (4096, 2048), 64)) == 9.89
    assert millions(MLP(64, (4096, 2048, 4096))) == 17.05
    assert millions(MLP(64, (4096, 2048, 300))) == 9.27
    assert millions(MLP(4096, (4096, 4096, 300))) == 34.79
    assert millions(MLP(300, (4096, 4096, 300))) == 19.24


def test_stacked_decoding_equals_one_by_one():
    vae = CrossVAE({"a": 5, "b": 3}, 4, {"a": (6,), "b": (6,)}, {"a": (7,), "b": (7,)})
    codes = [torch.randn(9, 4, generator=torch.Generator().manual_seed(i)) for i in range(3)]
    for stacked, code in zip(vae.decode_all(codes, "b"), codes, strict=True):
        torch.testing.assert_close(stacked, vae.decode(code, "b"))


def test_initialisation_is_drawn_from_the_generator():
    nets = [MLP(30, (20, 10)) for _ in range(3)]
    for net, seed in zip(nets, (0, 0, 1), strict=True):
        initialise(net, torch.Generator().manual_seed(seed), "xavier")
    assert torch.equal(nets[0][0].weight, nets[1][0].weight)
    assert not torch.equal(nets[0][0].weight, nets[2][0].weight)
    bound = 0.5 * (6 / (30 + 20)) ** 0.5                                # Glorot & Bengio 2010
    assert nets[0][0].weight.abs().max() <= bound
    assert nets[0][0].weight.abs().max() > 0.9 * bound
    assert nets[0][0].bias.abs().max() == 0
