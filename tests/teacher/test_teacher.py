import copy
from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from helixnas.engine.gpu import compiling
from helixnas.engine.gpu.compiling import compile_layers
from helixnas.errors import ConfigError, TeacherError, UnknownNameError
from helixnas.teacher import Teacher, TeacherConfig, build_teacher


def plain(*, inplace: bool = False) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=inplace),
        nn.Conv2d(4, 6, 3, stride=2, padding=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 5),
    )


def teach(model: nn.Module, *boundaries: str, **options: bool) -> Teacher:
    return Teacher(model, boundaries, input_size=(16, 16), **options)


def random_images(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(2))


# Every family of networks


def test_features_are_those_of_a_computation_without_hooks(family) -> None:
    teacher, images = family.build(), family.images()
    found = teacher.features(images)
    assert len(found) == len(family.strides) + 1
    assert torch.equal(found[0], teacher.normalize(images))
    for features, expected in zip(found[1:], family.expected_features(teacher, images), strict=True):
        assert torch.equal(features, expected)


def test_widths_and_sizes_are_known_before_the_first_image(family) -> None:
    teacher = family.build()
    shapes = [tuple(features.shape[1:]) for features in teacher.features(family.images())[1:]]
    assert [(width, *size) for width, size in zip(teacher.widths, teacher.feature_sizes, strict=True)] == shapes
    height, width = family.size
    assert teacher.feature_sizes == tuple((-(-height // stride), -(-width // stride)) for stride in family.strides)


def test_features_and_logits_take_one_forward_pass(family) -> None:
    teacher, passes = family.build(), Counter[str]()
    for name in ("", *teacher.boundaries):
        teacher.model.get_submodule(name).register_forward_pre_hook(lambda *_, name=name: passes.update([name]))
    _, logits = teacher.features_and_logits(family.images())
    assert passes == Counter(["", *teacher.boundaries])
    assert torch.equal(logits, teacher.model(teacher.normalize(family.images())))
    assert torch.equal(logits, teacher(family.images()))


def test_continuing_from_the_teachers_own_features_gives_its_logits_at_every_boundary(family) -> None:
    teacher, images = family.build(), family.images(3)
    features, logits = teacher.features_and_logits(images)
    for block in range(1, len(features)):
        for _ in range(2):  # the first call finds out what need not run, the second relies on it
            assert torch.equal(teacher.continue_from(images, block, features[block]), logits)


def test_finishing_gives_the_last_features_beside_the_logits(family) -> None:
    teacher, images = family.build(), family.images(3)
    features, logits = teacher.features_and_logits(images)
    for block in range(1, len(features)):
        last, found = teacher.finish_from(images, block, features[block])
        assert torch.equal(last, features[-1])
        assert torch.equal(found, logits)
    for _ in range(2):
        other, _ = teacher.finish_from(images, 1, torch.rand_like(features[1]))
        assert not torch.equal(other, features[-1])


def test_continuing_from_other_features_gives_other_logits_and_a_gradient(family) -> None:
    teacher, images = family.build(), family.images()
    features, logits = teacher.features_and_logits(images)
    for block in range(1, len(features)):
        if not teacher.depends_on(block):
            continue
        other = torch.rand_like(features[block]).requires_grad_()
        found = teacher.continue_from(images, block, other)
        assert not torch.equal(found, logits)
        (gradient,) = torch.autograd.grad(found.square().sum(), other)
        assert torch.isfinite(gradient).all()
        assert gradient.abs().sum() > 0
    assert torch.equal(teacher(images), logits)


def test_the_output_depends_on_every_boundary_but_the_last_of_a_class_token(family) -> None:
    teacher = family.build()
    found = [teacher.depends_on(block) for block in range(1, len(family.strides) + 1)]
    assert found == [True] * (len(found) - 1) + ["vit" not in family.model]


def test_a_frozen_teacher_is_not_changed_by_training_mode(family) -> None:
    teacher, images = family.build(), family.images()
    state = copy.deepcopy(teacher.state_dict())
    before = teacher.features(images)
    nn.Sequential(teacher).train()
    assert not any(module.training for module in teacher.model.modules())
    teacher.model.train()  # past the teacher's own `train`
    after = teacher.features(images)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(torch.equal(value, state[name]) for name, value in teacher.state_dict().items())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert not any(features.requires_grad for features in after)


def test_a_learnable_teacher_is_in_training_mode_and_collects_batch_statistics() -> None:
    teacher = teach(plain(), "1", frozen=False)
    before = teacher.state_dict()["model.1.running_mean"].clone()
    assert teacher.model.training
    teacher.features(random_images(2, 3, 16, 16))
    assert not torch.equal(teacher.state_dict()["model.1.running_mean"], before)
    assert all(parameter.requires_grad for parameter in teacher.parameters())


def test_detached_boundaries_keep_each_loss_inside_its_own_block(family) -> None:
    built = family.build(frozen=False)
    teacher = Teacher(
        built.model, built.boundaries, input_size=family.size, frozen=False, detach_boundaries=True
    ).eval()
    features, logits = teacher.features_and_logits(family.images())
    owners: dict[str, set[int]] = {}
    losses = [*(each.square().mean() for each in features[1:]), logits.square().mean()]
    for block, loss in enumerate(losses, start=1):
        teacher.zero_grad()
        loss.backward(retain_graph=True)
        for name, parameter in teacher.named_parameters():
            if parameter.grad is not None and parameter.grad.abs().sum() > 0:
                owners.setdefault(name, set()).add(block)
    assert all(len(blocks) == 1 for blocks in owners.values())
    assert {block for blocks in owners.values() for block in blocks} == set(range(1, len(losses) + 1))
    for block, boundary in enumerate(teacher.boundaries, start=1):
        inside = [blocks for name, blocks in owners.items() if name.startswith(f"model.{boundary}.")]
        assert inside
        assert all(blocks == {block} for blocks in inside)


def test_detaching_leaves_the_values_as_they_are(family) -> None:
    teacher, images = family.build(), family.images()
    apart = Teacher(
        copy.deepcopy(teacher.model),
        teacher.boundaries,
        mean=teacher.mean.flatten().tolist(),
        std=teacher.std.flatten().tolist(),
        input_size=family.size,
        frozen=False,
        detach_boundaries=True,
    ).eval()
    for features, expected in zip(apart.features(images), teacher.features(images), strict=True):
        assert torch.equal(features, expected)


def test_a_copy_of_a_teacher_stands_on_its_own(family) -> None:
    teacher, images = family.build(), family.images()
    expected = teacher.features(images)
    twin = copy.deepcopy(teacher)
    with torch.no_grad():
        for parameter in teacher.parameters():
            parameter.zero_()
    assert all(torch.equal(a, b) for a, b in zip(twin.features(images), expected, strict=True))


# Any network


def test_a_plain_network_is_normalised_as_imagenet_unless_told_otherwise() -> None:
    images = random_images(2, 3, 16, 16)
    features = teach(plain(), "2", "3").features(images)
    assert torch.allclose(features[0][:, 1], (images[:, 1] - 0.456) / 0.224)
    grey = Teacher(nn.Sequential(nn.MaxPool2d(2), nn.Flatten()), ("0",), mean=(0.5,), std=(0.25,), input_size=(4, 4))
    assert torch.equal(grey.features(torch.ones(1, 1, 4, 4))[1], torch.full((1, 1, 2, 2), 2.0))
    assert grey.num_classes == 4


def test_features_before_an_in_place_activation_stay_as_they_were() -> None:
    images, expected = random_images(2, 3, 16, 16), teach(plain(), "1").features(random_images(2, 3, 16, 16))[1]
    teacher = teach(plain(inplace=True), "1")
    features, logits = teacher.features_and_logits(images)
    assert features[1].min() < 0
    assert torch.equal(features[1], expected)
    for _ in range(2):
        assert torch.equal(teacher.continue_from(images, 1, features[1]), logits)
    assert torch.equal(features[1], expected)


def test_features_before_an_in_place_activation_have_their_gradient() -> None:
    teacher = teach(plain(inplace=True), "1", frozen=False, detach_boundaries=True)
    teacher.features(random_images(2, 3, 16, 16))[1].square().mean().backward()
    first = teacher.model.get_submodule("0").weight
    assert first.grad is not None


def test_continuing_a_chain_runs_only_what_comes_after_the_boundary() -> None:
    teacher, images, ran = teach(plain(), "2", "3"), random_images(2, 3, 16, 16), Counter[str]()
    features = teacher.features(images)
    teacher.continue_from(images, 2, features[2])
    for name, module in teacher.model.named_children():
        forward = module.forward
        module.forward = lambda x, name=name, forward=forward: ran.update([name]) or forward(x)
    teacher.continue_from(images, 2, features[2])
    assert sorted(ran) == ["4", "5", "6"]


class Bypassed(nn.Module):
    """Logits that depend on the image beside the boundary."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head, self.beside = nn.Conv2d(3, 4, 1), nn.Linear(4, 2), nn.Linear(3, 2)

    def forward(self, images: Tensor) -> Tensor:
        beside = self.beside(images.mean((2, 3)))
        return self.head(self.body(images).mean((2, 3))) + beside


def test_continuing_a_network_with_a_way_around_the_boundary_keeps_that_way() -> None:
    torch.manual_seed(0)
    teacher, images = teach(Bypassed(), "body"), random_images(2, 3, 16, 16)
    model = teacher.model
    other = random_images(2, 4, 16, 16)
    expected = model.head(other.mean((2, 3))) + model.beside(teacher.normalize(images).mean((2, 3)))
    for _ in range(2):
        assert torch.allclose(teacher.continue_from(images, 1, other), expected)


def test_continuing_leaves_the_network_as_it_was_even_when_it_fails() -> None:
    teacher, images = teach(plain(), "2"), random_images(2, 3, 16, 16)
    features, logits = teacher.features_and_logits(images)
    teacher.continue_from(images, 1, features[1])
    with pytest.raises(RuntimeError):
        teacher.continue_from(images, 1, features[1].double())
    assert all("forward" not in vars(module) for module in teacher.model.modules())
    assert torch.equal(teacher(images), logits)


def test_continuing_from_a_block_that_is_not_there_is_an_error() -> None:
    with pytest.raises(TeacherError, match=r"^the teacher has blocks 1 \.\. 1, not 2$"):
        teach(plain(), "1").continue_from(random_images(2, 3, 16, 16), 2, random_images(2, 4, 8, 8))


def test_continuing_from_features_of_another_shape_names_both_shapes() -> None:
    message = (
        r"^features of shape \(2, 3, 8, 8\) cannot replace the teacher's at boundary '1', "
        r"which have shape \(2, 4, 8, 8\)$"
    )
    with pytest.raises(TeacherError, match=message):
        teach(plain(), "1").continue_from(random_images(2, 3, 16, 16), 1, random_images(2, 3, 8, 8))


def test_an_unknown_boundary_gets_the_nearest_names(family) -> None:
    teacher = family.build()
    wrong = teacher.boundaries[0] + "x"
    with pytest.raises(UnknownNameError, match=f"unknown module of the teacher '{wrong}'; did you mean .*{wrong[:-1]}"):
        Teacher(teacher.model, (wrong,), input_size=family.size)


def test_boundaries_out_of_order_are_an_error() -> None:
    with pytest.raises(TeacherError, match="must be distinct and in the order of the forward pass: 1, 3; not 3, 1"):
        teach(plain(), "3", "1")


def test_no_boundary_at_all_is_an_error() -> None:
    with pytest.raises(TeacherError, match="a teacher needs at least one boundary"):
        teach(plain())


class Twice(nn.Module):
    """Runs one layer twice and another never."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.unused = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(self.layer(images)).mean((2, 3))


@pytest.mark.parametrize(("name", "times"), [("layer", "runs 2 times in"), ("unused", "does not run in")])
def test_a_boundary_must_run_exactly_once(name: str, times: str) -> None:
    with pytest.raises(TeacherError, match=f"module '{name}' {times} the teacher's forward pass"):
        teach(Twice(), name)


def test_a_boundary_without_a_feature_map_is_an_error() -> None:
    with pytest.raises(
        TeacherError, match=r"module '5' returns a tensor of shape \(1, 6\); a boundary needs a feature map"
    ):
        teach(plain(), "5")


def test_a_network_that_gives_no_logits_is_an_error() -> None:
    with pytest.raises(TeacherError, match="output must be logits"):
        teach(plain()[:4], "1")


def test_a_network_that_does_not_take_the_images_is_an_error() -> None:
    with pytest.raises(TeacherError, match="cannot take images of 16 x 16 pixels with 1 channels"):
        Teacher(plain(), ("1",), mean=(0.0,), std=(1.0,), input_size=(16, 16))


def test_a_frozen_teacher_cannot_learn_block_by_block() -> None:
    with pytest.raises(ConfigError, match="detach_boundaries needs frozen=False"):
        teach(plain(), "1", detach_boundaries=True)


def test_looking_for_boundaries_leaves_every_module_in_its_mode() -> None:
    model = plain().train()
    model[1].eval()
    Teacher(model, ("1",), input_size=(16, 16), frozen=False).train(False)
    model.train()
    model[1].eval()
    Teacher(model, ("1",), input_size=(16, 16), frozen=False)
    assert model[0].training


def test_a_compiled_teacher_gives_the_features_of_a_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "BACKEND", "eager")
    config = TeacherConfig(
        model="small_resnet", model_args={"channels": [4, 8], "layers": [1, 1], "strides": [2, 2], "stem_width": 4}
    )
    boundaries = ("layer1.0.act1", "layer2")  # within a layer, and behind one
    how = {"strides": (2, 4), "num_classes": 5, "input_size": (16, 16), "seed": 0}
    teacher = build_teacher(replace(config, boundaries=boundaries), **how)  # type: ignore[arg-type]
    compiled = compile_layers(copy.deepcopy(teacher))
    images = random_images(2, 3, 16, 16)
    for ours, theirs in zip(compiled.features(images), teacher.features(images), strict=True):
        torch.testing.assert_close(ours, theirs)
    features = teacher.features(images)[2]
    torch.testing.assert_close(compiled.continue_from(images, 2, features), teacher.continue_from(images, 2, features))
