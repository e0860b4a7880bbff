"""Every family of timm as a teacher: the table of docs/guide/teachers.md, measured.

``python tests/teacher/test_families.py`` prints the table.
"""

import importlib.util
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import nn

from helixnas.errors import TeacherError
from helixnas.space.grids import grid_of, whole_ratio
from helixnas.teacher import Teacher, default_cut
from helixnas.teacher.cutting.choice import BESIDE

PAGE = Path(__file__).parents[2] / "docs/guide/teachers.md"
USUAL = (4, 8, 16, 32)
TOO_LARGE = {"deepseek_vit": "not tried: the smallest has 412 million parameters"}

SMALLEST = {
    "beit": "beit_base_patch16_224",
    "byoanet": "halonet_h1",
    "byobnet": "test_byobnet",
    "cait": "cait_xxs24_224",
    "coat": "coat_tiny",
    "convit": "convit_tiny",
    "convmixer": "convmixer_768_32",
    "convnext": "test_convnext",
    "cpubone": "cpubone_nano",
    "crossvit": "crossvit_tiny_240",
    "csatv2": "csatv2",
    "cspnet": "cs3darknet_focus_s",
    "cspnext": "cspnext_tiny",
    "davit": "davit_tiny",
    "deepseek_vit": "deepseek_vit_412m",
    "deit": "deit_tiny_patch16_224",
    "densenet": "densenet121",
    "dla": "dla46x_c",
    "dpn": "dpn48b",
    "edgenext": "edgenext_xx_small",
    "efficientformer": "efficientformer_l1",
    "efficientformer_v2": "efficientformerv2_s0",
    "efficientnet": "test_efficientnet",
    "efficientvim": "efficientvim_m1",
    "efficientvit_mit": "efficientvit_b0",
    "efficientvit_msra": "efficientvit_m0",
    "eva": "vit_tiny_patch16_dinov3_qkvb",
    "fasternet": "fasternet_t0",
    "fastvit": "fastvit_t8",
    "focalnet": "focalnet_tiny_srf",
    "gcvit": "gcvit_xxtiny",
    "gemma4_vit": "gemma4_vit_167m",
    "ghostnet": "ghostnet_050",
    "hardcorenas": "hardcorenas_b",
    "hgnet": "hgnetv2_b0",
    "hiera": "hiera_tiny_224",
    "hieradet_sam2": "sam2_hiera_tiny",
    "hrnet": "hrnet_w18_small",
    "iformer": "iformer_t",
    "inception_next": "inception_next_atto",
    "inception_resnet_v2": "inception_resnet_v2",
    "inception_v3": "inception_v3",
    "inception_v4": "inception_v4",
    "lcnetv2": "lcnetv2_small",
    "levit": "levit_128s",
    "lowformer": "lowformer_b0",
    "mambaout": "test_mambaout",
    "maxxvit": "test_coatnet",
    "metaformer": "poolformerv2_s12",
    "mlp_mixer": "gmlp_ti16_224",
    "mobilenetv3": "mobilenetv3_small_050",
    "mobilenetv5": "mobilenetv5_base",
    "mobilevit": "mobilevit_xxs",
    "mvitv2": "mvitv2_tiny",
    "naflexvit": "naflexvit_base_patch16_parfac_gap",
    "nasnet": "nasnetalarge",
    "nest": "nest_tiny",
    "nextvit": "nextvit_small",
    "nfnet": "test_nfnet",
    "pit": "pit_ti_224",
    "pnasnet": "pnasnet5large",
    "pvt_v2": "pvt_v2_b0",
    "qwen3_vit": "qwen3_vit_88m",
    "rdnet": "rdnet_tiny",
    "regnet": "regnetx_002",
    "repghost": "repghostnet_050",
    "repvit": "repvit_m1",
    "res2net": "res2next50",
    "resnest": "resnest14d",
    "resnet": "test_resnet",
    "resnetv2": "resnetv2_18",
    "rexnet": "rexnet_100",
    "selecsls": "selecsls42",
    "senet": "legacy_seresnet18",
    "sequencer": "sequencer2d_s",
    "shvit": "shvit_s1",
    "sknet": "skresnet18",
    "starnet": "starnet_s050",
    "swiftformer": "swiftformer_xs",
    "swin_transformer": "swin_tiny_patch4_window7_224",
    "swin_transformer_v2": "swinv2_tiny_window8_256",
    "swin_transformer_v2_cr": "swinv2_cr_tiny_224",
    "tiny_vit": "tiny_vit_5m_224",
    "tnt": "tnt_s_legacy_patch16_224",
    "tresnet": "tresnet_m",
    "twins": "twins_svt_small",
    "vgg": "vgg11",
    "visformer": "visformer_tiny",
    "vision_transformer": "test_vit",
    "vision_transformer_hybrid": "vit_tiny_r_s16_p8_224",
    "vision_transformer_relpos": "test_vit_relpos",
    "vision_transformer_sam": "samvit_base_patch16_224",
    "vitamin": "vitamin_small_224",
    "volo": "volo_d1_224",
    "vovnet": "ese_vovnet19b_slim_dw",
    "xception": "legacy_xception",
    "xception_aligned": "xception41p",
    "xcit": "xcit_nano_12_p8_224",
}
"""The member of each family with the fewest parameters in timm 1.0.31."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a family."""

    family: str
    size: int = 0
    strides: tuple[int, ...] = ()
    boundaries: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    """Boundaries beside which information flows."""

    reason: str = ""
    agrees: bool | None = None
    """Whether all features equal those of timm's ``forward_intermediates``; None if it does not give them."""

    def row(self) -> str:
        names = ", ".join(f"`{name}`{'*' if name in self.passed else ''}" for name in self.boundaries)
        what = f"strides {', '.join(map(str, self.strides))}: {names}" if self.boundaries else self.reason
        same = {True: "yes", False: "no", None: ""}[self.agrees]
        model = f"`{SMALLEST[self.family]}`" + (f", {self.size} pixels" if self.size else "")
        return f"| {self.family} | {model} | {'automatic' if self.boundaries else 'no'} | {what} | {same} |"


def build(name: str) -> tuple[nn.Module, int]:
    """Return an untrained network and the smallest of some image sizes that it takes."""
    config = timm.get_pretrained_cfg(name)
    native = int(config.input_size[-1]) if config is not None else 224
    for size in (64, 112, 128, native):
        try:
            torch.manual_seed(0)
            try:
                model = timm.create_model(name, img_size=size)
            except TypeError:
                model = timm.create_model(name)
            with torch.no_grad():
                model.eval()(torch.zeros(1, 3, size, size))
        except (RuntimeError, AssertionError, ValueError):
            continue
        rest = {int(part["reduction"]) for part in getattr(model, "feature_info", None) or [] if isinstance(part, dict)}
        if size == native or all(size % stride == 0 for stride in rest if stride != 17):
            return model, size
    raise AssertionError(name)


def choices(model: nn.Module) -> list[tuple[int, ...]]:
    """Return strides to try: those of most networks, the network's own, four or three times its only one."""
    info: Any = getattr(model, "feature_info", None)
    own = sorted({int(part["reduction"]) for part in info} if isinstance(info, list) else ())
    if len(own) == 1:
        return [(own[0],) * 4, (own[0],) * 3]
    if own and own[-1] < 2 * own[0]:  # two branches
        return [(own[0],) * 3]
    return [USUAL, *(tuple(own[first:]) for first in range(len(own) - 1))]


def outcome(family: str) -> Outcome:
    if family in TOO_LARGE:
        return Outcome(family=family, reason=TOO_LARGE[family])
    model, size = build(SMALLEST[family])
    reason = ""
    for strides in choices(model):
        try:
            cuts = default_cut(model, strides, (size, size))
            names, layouts = [cut.boundary.name for cut in cuts], [cut.boundary.layout for cut in cuts]
            teacher = Teacher(model, names, input_size=(size, size), layouts=layouts)
        except TeacherError as error:
            reason = reason or str(error)
            continue
        expected = [grid_of((size, size), stride) for stride in strides]
        finer = len(set(strides)) == 1 and all(map(whole_ratio, teacher.feature_sizes, expected))
        if list(teacher.feature_sizes) == expected or finer:
            same = agrees(model, teacher, size)
            passed = tuple(cut.boundary.name for cut in cuts if BESIDE in cut.reason)
            return Outcome(
                family=family, size=size, strides=strides, boundaries=tuple(names), passed=passed, agrees=same
            )
        reason = (
            f"features of {', '.join(f'{rows} x {columns}' for rows, columns in teacher.feature_sizes)} pixels at strides "
            f"{', '.join(map(str, strides))}, which no student has (no padding)"
        )
    return Outcome(family=family, size=size, reason=reason.partition("; name")[0])


def agrees(model: Any, teacher: Teacher, size: int) -> bool | None:
    """Return whether the features are those of timm's `forward_intermediates`, which uses no hook."""
    names = [part.get("module") for part in model.feature_info] if hasattr(model, "forward_intermediates") else []
    if not set(teacher.boundaries) <= set(names):
        return None
    images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(3))
    found = teacher.features(images)[1:]
    indices = [names.index(name) for name in teacher.boundaries]
    with torch.no_grad():
        expected = model.forward_intermediates(
            teacher.normalize(images), indices=indices, output_fmt="NCHW", intermediates_only=True
        )
    return all(a.shape == b.shape and torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::UserWarning:timm")  # remarks on unusual image sizes
def test_nine_of_ten_families_of_timm_are_cut_without_being_told_where() -> None:
    rows = re.findall(r"^\| (\w+) \| `(.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    families = [name for name in timm.list_modules() if importlib.util.find_spec(f"timm.models.{name}")]  # not our zoo
    assert [name for name, _ in rows] == families == list(SMALLEST)
    outcomes = [outcome(family) for family in SMALLEST]
    assert [each.row() for each in outcomes] == [f"| {name} | `{rest}" for name, rest in rows]
    assert sum(bool(each.boundaries) for each in outcomes) >= 0.9 * len(outcomes)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for family in sys.argv[1:] or SMALLEST:
        print(outcome(family).row(), flush=True)
