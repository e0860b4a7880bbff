"""DNA++ in a run: teacher and supernet learn together, without labels; rating and resuming use what was learnt."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from helixnas.artifacts import RatingTable
from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli import main
from helixnas.data import TwoViewConfig
from helixnas.distill import ProjectorConfig
from helixnas.distill.config import CollapseConfig, LarsConfig
from helixnas.engine import job, load_checkpoint
from helixnas.engine.history import load_history
from helixnas.engine.progress import Reporter
from helixnas.errors import CollapseError, ConfigError, Interrupted
from helixnas.pipeline.ad_hoc.inherited import open_inherited
from helixnas.pipeline.context import Context
from helixnas.pipeline.plan import plan
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe, run_stage
from helixnas.pipeline.work.stitch import stitch
from helixnas.report.reading import read_run
from helixnas.report.run.consistency import consistency_section
from helixnas.report.run.summary import missing_rows
from helixnas.supernet import SupernetConfig

Digests = Callable[[Path], dict[str, str]]


def joint(tiny: Recipe) -> Recipe:
    """Return the recipe without labels and with a teacher that learns."""
    distill = replace(
        tiny.distill,
        objective="self-supervised",
        batch_size=128,
        projector=ProjectorConfig(expansion=32, widths=(32, 16)),
    )
    return replace(
        tiny,
        data=replace(tiny.data, labels=False),
        distill=distill,
        rating=replace(tiny.rating, scores=("embedding_distance",)),
        retrain=None,
    )


@pytest.fixture(scope="module")
def searched(tiny: Recipe, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Return a label-free run up to its search."""
    folder = RunFolder(tmp_path_factory.mktemp("joint") / "run")
    run_recipe(joint(tiny), folder, Reporter(), until="search")
    return folder


def test_a_run_without_labels_ends_with_the_searched_architecture(searched: RunFolder) -> None:
    stages = searched.load_record().stages
    assert stages["teacher"].facts["images"] == 0  # nothing was trained from labels
    assert "accuracy" not in stages["teacher"].facts
    assert stages["search:small"].facts["architecture"]


def test_the_found_network_is_written_with_the_weights_of_the_supernet(
    searched: RunFolder, tiny: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["export", str(searched.path), "--format", "timm", "--out", str(tmp_path / "model")]
    assert main([*command, "--weights", "inherited"]) == 0
    assert "weights: inherited from the supernet; the classifier is random" in " ".join(capsys.readouterr().out.split())
    written = timm.create_model(f"local-dir:{tmp_path / 'model'}", pretrained=True).eval()
    images, found = torch.rand(2, 3, 8, 8), open_inherited(Context(joint(tiny), searched, Reporter())).model
    torch.testing.assert_close(written(images), found(images))
    assert main(command) == 2
    assert "leaves retraining out, and --weights inherited takes" in " ".join(capsys.readouterr().err.split())
    missing = [text for text, _ in missing_rows(read_run(searched.path))]
    assert not any("accuracy" in text or "fine-tuning" in text for text in missing)


def test_the_teacher_and_the_heads_are_files_of_distillation_with_digests(searched: RunFolder) -> None:
    files = searched.load_record().stages["distill"].files
    learned = {"supernet/teacher/model.safetensors", "supernet/teacher/teacher.json"}
    assert learned | {f"supernet/heads-{number}.safetensors" for number in (1, 2)} <= set(files)
    first, last = (load_file(folder / "model.safetensors") for folder in (searched.teacher, searched.learned_teacher))
    assert first.keys() == last.keys()
    assert not first["layer1.0.conv1.weight"].equal(last["layer1.0.conv1.weight"])
    assert not first["layer2.0.bn1.running_mean"].equal(last["layer2.0.bn1.running_mean"])
    assert first["fc.weight"].equal(last["fc.weight"])


@pytest.mark.slow
def test_a_teacher_with_given_weights_learns_on_from_them(tiny: Recipe, tmp_path: Path) -> None:
    torch.manual_seed(7)
    given = timm.create_model("small_resnet", **tiny.teacher.model_args).state_dict()
    save_file(given, tmp_path / "mine.safetensors")
    recipe, folder = joint(tiny), RunFolder(tmp_path / "run")
    teacher = replace(recipe.teacher, weights=str(tmp_path / "mine.safetensors"))
    record = run_recipe(replace(recipe, teacher=teacher), folder, Reporter(), until="rate")
    assert "mine.safetensors" in record.stages["teacher"].facts["weights"]
    first, last = (load_file(place / "model.safetensors") for place in (folder.teacher, folder.learned_teacher))
    assert first["layer1.0.conv1.weight"].equal(given["layer1.0.conv1.weight"])
    moved = (last["layer1.0.conv1.weight"] - given["layer1.0.conv1.weight"]).abs().max()
    assert 0 < moved < 0.1  # a few steps of Adam from there


def test_every_path_is_rated_by_its_embeddings(searched: RunFolder) -> None:
    for number in (1, 2):
        table = RatingTable.load(searched.rating(number))
        assert set(table.scores) == {"embedding_distance"}
        assert (table.mean("embedding_distance") > 0).all()


def test_the_dry_run_says_what_learns(tiny: Recipe) -> None:
    described = {one.name: one.stage.describe(joint(tiny), "") for one in plan(joint(tiny).to_dict())}
    assert described["teacher"] == "random weights, which learn with the supernet"
    assert described["distill"] == "1 epoch of batch 128 of teacher and supernet together"


@pytest.mark.parametrize("number", [4, 0])
def test_stitching_without_labels_says_why_it_is_unavailable(searched: RunFolder, tiny: Recipe, number: int) -> None:
    recipe = replace(joint(tiny), stitching=replace(tiny.stitching, num_architectures=number))
    result = stitch(Context(recipe, searched, Reporter()), "key", "")
    assert result.facts["check"].startswith("unavailable: with distill.objective=self-supervised the teacher has no")
    assert "needs labels, which these images do not have" in json.loads(searched.stitching.read_text())["unavailable"]


@pytest.mark.slow
def test_with_labels_a_linear_readout_stitches_networks_and_judges_the_teacher(
    tiny: Recipe, tmp_path: Path, listener: Any
) -> None:
    folder = RunFolder(tmp_path / "run")
    recipe = replace(joint(tiny), data=tiny.data)
    record = run_recipe(recipe, folder, listener, until="rate")
    told = [text.split(":")[0] for text in listener.said if text.startswith("  embeddings of ")]
    assert told == [f"  embeddings of block {block} {side}" for block in (1, 2) for side in ("teacher", "student")]
    found = json.loads(folder.stitching.read_text())
    assert len(found["architectures"]) == 4
    assert all(row["accuracy"] is not None and row["divergence"] > 0 for row in found["architectures"])
    assert set(found["agreement"]) > {"score", "macs", "params", "depth"}
    facts = record.stages["stitch"].facts
    assert facts["num_probed"] == tiny.data.num_rating
    assert facts["probe"] > 0.3  # of ten classes
    assert facts["probe_before"] > 0.3
    page = consistency_section(read_run(folder.path)).body
    assert f"is right for {facts['probe']:.1%} of 60 rating images" in page
    assert "a linear classifier on these is the head" in " ".join(page.split())


def test_signs_of_collapse_are_facts_of_distillation(searched: RunFolder) -> None:
    facts = searched.load_record().stages["distill"].facts
    assert len(facts["embeddings"]) == 12  # two blocks, two sides, three signs
    spreads = [value for name, value in facts["embeddings"].items() if name.endswith("spread")]
    assert facts["least_spread"] == min(spreads) > 0.1
    assert facts["least_effective_rank"] > 1


@pytest.mark.slow
def test_after_a_collapse_lower_limits_continue_from_the_checkpoint(
    searched: RunFolder, tiny: Recipe, tmp_path: Path, digests: Digests, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, folder = joint(tiny), RunFolder(tmp_path / "run")
    collapse = replace(recipe.distill.collapse, min_spread=50.0, every=2)
    strict = replace(recipe, distill=replace(recipe.distill, collapse=collapse))
    monkeypatch.setattr(job, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    with pytest.raises(
        CollapseError,
        match=r"have collapsed in step 2: their mean standard deviation is .*min_spread=50.*training stops",
    ):
        run_recipe(strict, folder, Reporter(), until="search")
    assert not list(folder.path.glob("supernet/*"))
    kept = load_checkpoint(folder.checkpoint("distill"), torch.device("cpu"))
    assert kept["job"]["step"] == 1
    run_recipe(recipe, folder, Reporter(), until="search")
    assert digests(folder.path) == digests(searched.path)


def test_too_few_images_are_refused_before_the_first_stage(tiny: Recipe, tmp_path: Path) -> None:
    recipe = joint(replace(tiny, data=replace(tiny.data, num_rating=1400)))
    with pytest.raises(
        ConfigError, match=r"needs at least 128 training images, but there are only \d+; give more images or"
    ):
        run_recipe(recipe, RunFolder(tmp_path / "run"), Reporter(), until="search")
    assert not RunFolder(tmp_path / "run").load_record().stages


def test_curves_have_one_line_per_block(searched: RunFolder) -> None:
    assert set(load_history(searched.history("distill"))["name"]) == {"block 1 cell 1", "block 2 cell 1"}


def test_a_run_that_is_finished_does_nothing_and_a_lost_file_redoes_the_stage(
    searched: RunFolder, tiny: Recipe, digests: Digests, listener: Any, copy: Any
) -> None:
    before = digests(searched.path)
    run_recipe(joint(tiny), searched, listener, until="search")
    assert digests(searched.path) == before
    searched.supernet_heads(1).unlink()
    run_recipe(joint(tiny), searched, Reporter(), until="search")
    assert digests(searched.path) == before


@pytest.mark.slow
@pytest.mark.parametrize("at", [3, 9])
def test_an_interrupted_run_ends_as_one_that_was_not(
    searched: RunFolder, tiny: Recipe, tmp_path: Path, digests: Digests, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, states = RunFolder(tmp_path / "run"), iter([False] * at + [True])

    class Asking:
        def __enter__(self):
            return lambda: next(states)

        def __exit__(self, *details: object) -> None:
            pass

    with monkeypatch.context() as patch:
        patch.setattr(job, "stop_requests", Asking)
        with pytest.raises(Interrupted):
            run_recipe(joint(tiny), folder, Reporter(), until="search")
    assert folder.checkpoint("distill").is_file()
    run_recipe(joint(tiny), folder, Reporter(), until="search")
    assert digests(folder.path) == digests(searched.path)


def test_no_block_is_trained_alone(searched: RunFolder, tiny: Recipe) -> None:
    with pytest.raises(ConfigError, match=r"distill.objective=self-supervised trains .*; leave --blocks out"):
        run_stage(joint(tiny), searched, Reporter(), verb="distill", name=None, blocks=(2,))


@pytest.mark.parametrize(
    ("part", "settings", "message"),
    [
        (
            "rating",
            {"scores": ("relative_l1",)},
            r"rating.scores must be \[embedding_distance\], not \['relative_l1'\]",
        ),
        ("rating", {"readout": "linear"}, "rating.readout=linear fits outputs to the teacher's features"),
        ("distill", {"sampling": "sandwich"}, "distill.sampling=sandwich needs supernet.slimmable=true"),
        ("data", {"augmentation": "none"}, "compares two augmented views of each image, but data.augmentation is none"),
    ],
)
def test_settings_that_contradict_the_objective_are_refused(
    tiny: Recipe, part: str, settings: dict[str, Any], message: str
) -> None:
    recipe = joint(tiny)
    with pytest.raises(ConfigError, match=message):
        replace(recipe, **{part: replace(getattr(recipe, part), **settings)})


def test_two_views_need_the_objective_and_an_augmentation_of_their_own_for_retraining(tiny: Recipe) -> None:
    with pytest.raises(ConfigError, match="data.augmentation=two-view makes two different views"):
        replace(tiny, data=replace(tiny.data, augmentation="two-view"))
    recipe, retrain = joint(tiny), tiny.retrain
    assert retrain is not None
    data = replace(tiny.data, augmentation="two-view")
    with pytest.raises(ConfigError, match="name another in retrain.augmentation"):
        replace(recipe, data=data, retrain=retrain)
    assert replace(recipe, data=data, retrain=replace(retrain, augmentation="shift")).retrain


def test_the_strength_of_two_views_redoes_nothing_with_another_augmentation(tiny: Recipe) -> None:
    def key(recipe: Recipe) -> str:
        return plan(recipe.to_dict())[0].key

    weak = TwoViewConfig(jitter=0.0)
    assert key(replace(tiny, data=replace(tiny.data, two_view=weak))) == key(tiny)
    two = joint(replace(tiny, data=replace(tiny.data, augmentation="flip-crop")))
    two = replace(two, data=replace(two.data, augmentation="two-view"))
    assert key(replace(two, data=replace(two.data, two_view=weak))) != key(two)


def test_a_teacher_that_learns_without_labels_cannot_teach_the_whole_network(tiny: Recipe) -> None:
    recipe, retrain = joint(tiny), tiny.retrain
    assert retrain is not None
    with pytest.raises(ConfigError, match="retrain.teach=soft needs a teacher that classifies"):
        replace(recipe, data=tiny.data, retrain=replace(retrain, teach="soft"))


def test_settings_of_another_objective_or_optimizer_redo_nothing(tiny: Recipe) -> None:
    def key(recipe: Recipe) -> str:
        return next(stage.key for stage in plan(recipe.to_dict()) if stage.name == "distill")

    others = {"projector": ProjectorConfig(expansion=8), "lars": LarsConfig(base_lr=0.1)}
    assert key(replace(tiny, distill=replace(tiny.distill, **others))) == key(tiny)
    learning = joint(tiny)
    assert key(replace(learning, distill=replace(learning.distill, projector=others["projector"]))) != key(learning)
    limits = CollapseConfig(every=7, min_spread=0.01)
    assert key(replace(learning, distill=replace(learning.distill, collapse=limits))) == key(learning)


def test_learning_rates_that_lars_does_not_use_redo_nothing(tiny: Recipe) -> None:
    def key(**settings: Any) -> str:
        recipe = replace(tiny, distill=replace(tiny.distill, num_epochs=2, **settings))
        return next(stage.key for stage in plan(recipe.to_dict()) if stage.name == "distill")

    unused: list[dict[str, Any]] = [
        {"lr": 0.1},
        {"first_block_lr": 0.1},
        {"lr_schedule": "cosine"},
        {"lr_decay": 0.5},
        {"weight_decay": 0.1},
    ]
    assert {key(optimizer="lars", **each) for each in unused} == {key(optimizer="lars")}
    assert len({key(optimizer="adam", **each) for each in unused} | {key(optimizer="adam")}) == 6


def test_embeddings_need_a_teacher_that_learns(tiny: Recipe) -> None:
    with pytest.raises(ConfigError, match="embedding_distance, which needs distill.objective=self-supervised"):
        replace(tiny, rating=replace(tiny.rating, scores=("embedding_distance",)))


@pytest.mark.slow
def test_transformers_that_share_weights_learn_from_a_teacher_that_learns(tiny: Recipe, tmp_path: Path) -> None:
    recipe, folder = joint(tiny), RunFolder(tmp_path / "run")
    transformers = {"family": "vit", "dimensions": [8, 12], "head_dim": 4, "mlp_ratios": [1, 2], "layers": [1, 2]}
    sliced = replace(
        recipe,
        data=tiny.data,
        teacher=replace(recipe.teacher, model_args={**recipe.teacher.model_args, "strides": [2, 1]}),
        space={**transformers, "strides": [1, 1], "patch": 2, "image_size": 8, "stem_width": 16},
        supernet=SupernetConfig(slimmable=True, slices="two-sided"),
        distill=replace(recipe.distill, sampling="sandwich", num_random=1, optimizer="lars", num_epochs=2),
    )
    run_recipe(sliced, folder, Reporter(), until="search")
    table = RatingTable.load(folder.rating(2))
    assert len(set(table.mean("embedding_distance").tolist())) == len(table.path) == 16
    assert len({row["divergence"] for row in json.loads(folder.stitching.read_text())["architectures"]}) == 4
    assert folder.load_record().stages["search:small"].facts["architecture"]
