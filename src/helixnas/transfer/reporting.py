"""Writing the page of a transferred network from its files."""

from pathlib import Path

from helixnas.engine.history import load_history
from helixnas.report.transfer.page import TransferFacts, build_transfer_page
from helixnas.transfer.pictures import class_color
from helixnas.transfer.record import TransferFolder, TransferRecord


def write_page(folder: TransferFolder, record: TransferRecord) -> Path:
    """Write the page and return its path; raises `ArtifactError` if a file is missing or damaged."""
    facts = TransferFacts(
        model=record.model,
        weights=record.weights,
        task=str(record.settings["task"]),
        data=record.data,
        evaluation=record.evaluation,
        settings=record.settings,
        figures=folder.load_figures(),
        losses=load_history(folder.history),
        colors=tuple(class_color(index) for index in range(len(record.class_names))),
        pictures=tuple(sorted(folder.pictures.glob("*.jpg"))),
    )
    return build_transfer_page(facts, folder.report)
