import pytest
import torch

from helixnas.nn import ProjectionHead, build_seeded


def maps(seed: int = 0, *, batch: int = 64, channels: int = 24, side: int = 5) -> torch.Tensor:
    return torch.randn(batch, channels, side, side, generator=torch.Generator().manual_seed(seed))


def head(**settings: object) -> ProjectionHead:
    chosen = {"expansion": 96, "widths": (48, 40, 32), **settings}
    return build_seeded(lambda: ProjectionHead(24, **chosen), (3,))  # type: ignore[arg-type]


def rank(vectors: torch.Tensor) -> int:
    return int(torch.linalg.matrix_rank(vectors.detach() - vectors.detach().mean(0), rtol=1e-4))


def test_embedding_has_the_width_of_the_last_layer_whatever_the_size_of_the_map() -> None:
    for side in (1, 3, 8):
        assert head()(maps(side=side)).shape == (64, 32)


def test_plain_pooling_caps_the_rank_of_the_projectors_input_at_the_channels() -> None:
    assert rank(head(expansion=0).pooled(maps())) == 24


def test_widening_before_pooling_lifts_the_cap() -> None:
    assert rank(head().pooled(maps())) > 48


def test_embeddings_do_not_change_with_the_scale_of_a_channel() -> None:
    model, scale = head(), torch.linspace(0.5, 4, 24)[:, None, None]
    model.widen[0].weight.data /= scale  # the widening could undo it exactly
    torch.testing.assert_close(model(maps() * scale), head()(maps()), rtol=1e-3, atol=1e-4)


def test_modes_agree_because_batch_norm_uses_the_batch_in_both() -> None:
    model, features = head(), maps()
    before = model.train()(features)
    model(3 * maps(1))
    assert torch.equal(model.eval()(features), before)
    assert not any("running" in name for name in model.state_dict())


def test_noise_has_the_given_share_of_each_channels_spread() -> None:
    model = head(noise=0.25)
    features = maps(batch=256) * torch.linspace(1, 10, 24)[:, None, None]
    seen: list[torch.Tensor] = []
    model.widen.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    model(features)
    share = (seen[0] - features).std((0, 2, 3)) / features.std((0, 2, 3))
    torch.testing.assert_close(share, torch.full((24,), 0.25), rtol=0.1, atol=0)


def test_noise_is_off_in_eval_mode() -> None:
    assert torch.equal(head(noise=0.25).eval()(maps()), head()(maps()))


def test_noise_differs_from_pass_to_pass_and_continues_from_saved_weights() -> None:
    model = head(noise=0.25, noise_seed=(7, 1))
    first = model(maps())
    saved = {name: value.clone() for name, value in model.state_dict().items()}
    second = model(maps())
    assert not torch.equal(first, second)
    resumed = head(noise=0.25, noise_seed=(7, 1))
    resumed.load_state_dict(saved)
    assert torch.equal(resumed(maps()), second)
    assert not torch.equal(head(noise=0.25, noise_seed=(7, 2))(maps()), first)


@pytest.mark.parametrize("expansion", [0, 96])
def test_gradients_reach_the_map_and_every_parameter(expansion: int) -> None:
    model, features = head(expansion=expansion), maps().requires_grad_()
    model(features).square().mean().backward()
    assert features.grad is not None
    assert all(parameter.grad is not None for parameter in model.parameters())
