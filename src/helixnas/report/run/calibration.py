"""What calibration added: scores, sizes and proxies against networks that were trained shortly."""

from typing import Any

from helixnas.artifacts.agreement import Interval
from helixnas.report.elements.page import Section, section
from helixnas.report.elements.wording import figure_text, interval_text, listed, name_of, signed
from helixnas.report.reading import RunFiles

LEFT_OUT, SCORES = "calibrated, each pair left out", "scores"
"""Rankings of the trained networks: of each pair by a fit without both, and by the scores to correct."""

BEGINNINGS = {"scratch": "from scratch", "inherited": "from the supernet's weights"}
"""Initial weights in words."""


def calibration_section(run: RunFiles) -> Section | None:
    """Return how calibrated and other scores rank the trained networks; None where none were trained.

    Earlier versions left out one network at a time, which gave too low a figure; their runs have no section.
    """
    found = run.calibration
    if found is None or LEFT_OUT not in found["kendall"]:
        return None
    figures = found["kendall"]
    names = {SCORES: " + ".join(map(name_of, found["scores"])), LEFT_OUT: LEFT_OUT}
    rows = [
        [names.get(name, name_of(name)), signed(each["value"]), interval_text(each["interval"])]
        for name, each in sorted(figures.items(), key=lambda item: -item[1]["value"])
    ]
    stage = run.record.stages.get("calibrate")
    minutes = None if stage is None or stage.cost is None else f"{stage.cost / 60:.1f}"
    epochs = f"{found['num_epochs']} {'epoch' if found['num_epochs'] == 1 else 'epochs'}"
    shown = {
        "number": len(found["networks"]),
        "images": f"{found['num_images']:,}",
        "minutes": minutes,
        "training": f"for {epochs} {BEGINNINGS[found['init']]}",
    }
    return section("calibration", "Calibration", "run/calibration", verdict=verdict(figures), rows=rows, **shown)


def verdict(figures: dict[str, Any]) -> str:
    """Return in words whether the fit predicts networks it has not seen better than the scores alone do."""
    scores, fit = (figures[name] for name in (SCORES, LEFT_OUT))
    texts = [figure_text(each["value"], _interval(each)) for each in (fit, scores)]
    claim = f"Fitted to the others, it ranks pairs with a Kendall tau of {texts[0]}; the scores alone with {texts[1]}."
    free = {name: each["value"] for name, each in figures.items() if name not in (SCORES, LEFT_OUT)}
    better = [name_of(name) for name, value in free.items() if value >= fit["value"]]
    if better:
        return f"{claim} Calibration ranks these networks no better than what costs nothing: {listed(better)}."
    if fit["value"] <= scores["value"]:
        return f"{claim} Calibration added nothing here; more networks or longer trainings may."
    if fit["interval"][0] <= scores["value"]:
        return f"{claim} The intervals overlap, so the gain is not certain."
    return claim


def _interval(values: dict[str, Any]) -> Interval:
    low, high = values["interval"]
    return (float(low), float(high))
