"""The plan of a training on the terminal."""

from rich.console import Console

from helixnas.cli.tables.training_plan import show_plan
from helixnas.engine.config import FitConfig
from helixnas.models.training_plan import TrainingPlan


def test_a_plan_is_shown_with_what_is_frozen_and_the_paper() -> None:
    console = Console(record=True, width=120)
    plan = TrainingPlan(
        images="10 of it",
        num_classes=3,
        steps_per_epoch=2,
        steps=6,
        params=1000,
        trained_params=900,
        macs=5000,
        memory=3 * 2**30,
        paper="40 %",
    )
    show_plan(console, "a title", plan, FitConfig(num_epochs=3, batch_size=4, microbatch_size=2))
    text = " ".join(console.export_text().split())
    for part in (
        "a title",
        "6: 3 epochs of 2, 4 images each",
        "1,000, 100 of them frozen",
        "about 3.0 GiB",
        "2 images at a",
        "40 %",
    ):
        assert part in text
