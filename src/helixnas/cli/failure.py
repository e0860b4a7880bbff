"""Errors that are not a `HelixError`, explained in one sentence; the traceback goes to a file.

An error of a library is explained by the setting that usually mends it, as far as `ADVICE` knows it. An error that HelixNAS
itself raises without meaning to is a defect.
"""

import os
import re
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

import helixnas
from helixnas.artifacts.files import write_text
from helixnas.errors import ArtifactError, Stage, on_one_line, stage_of

FILE = "traceback.txt"
"""Name of the file in the folder of a run; elsewhere it is called helixnas-traceback.txt."""

BATCH = {
    "teacher": "teacher_fit.batch_size",
    "proxies": "proxies.batch_size",
    "distill": "distill.batch_size",
    "rate": "data.num_rating or rating.batch_size",
    "stitch": "stitching.batch_size",
    "calibrate": "calibration.fit.batch_size",
    "retrain": "retrain.fit.batch_size",
    "inherit": "retrain.fit.batch_size",
    "baseline": "--batch-size",
    "bench": "--retrain.fit.batch_size",
    "validate": "--batch-size",
    "finetune": "--microbatch-size",
    "transfer": "--microbatch-size or --image-size",
    "predict": "the size of the images",
}
"""The setting of the batch size, by stage or command."""

ADVICE: tuple[tuple[str, str], ...] = (
    (
        r"more than 1 value per channel",
        "batch norm needs more than one value per channel: raise {batch}, or data.image_size",
    ),
    (
        r"DataLoader worker.*(killed|exited)|Bus error|shared memory|\bshm\b|</?torch_\d+",
        "a process that reads images died, usually because /dev/shm is too small: set data.num_workers to 0, or give the "
        "container more shared memory (docker run --shm-size=8g)",
    ),
    (
        r"Too many open files|received 0 items of ancdata",
        "too many files are open: set data.num_workers to 0, or raise the limit (ulimit -n)",
    ),
    (r"out of memory|not enough memory|Cannot allocate memory|bad_alloc", "the memory is full: lower {batch}"),
    (
        r"can't start new thread|Resource temporarily unavailable|[Cc]annot fork",
        "no further thread or process may start: lower runtime.num_threads and data.num_workers",
    ),
    (r"home directory|getpwuid|uid not found", "this user has no home folder: set the environment variable HOME"),
    (
        r"BFloat16|bf16|not implemented for 'Half'",
        "the operation does not exist in this precision: set runtime.precision to fp32",
    ),
    (r"CUDA|cuDNN|CUBLAS|no kernel image", "the GPU failed: set runtime.device to cpu to see whether it is the cause"),
    (r"to have \d+ channels, but got", "images have 3 channels: the network must take 3 (teacher.model_args.in_chans)"),
    (
        r"[Kk]ernel size can't be greater|[Oo]utput size is too small|[Ss]izes of tensors must match",
        "the images may be too small for the network: raise data.image_size",
    ),
)
"""Pattern of an error's text, and what to do; {batch} stands for the setting of the batch size."""

DEFECTS = (AssertionError, TypeError, AttributeError, LookupError, NameError, ArithmeticError, NotImplementedError)
"""Errors that are defects where HelixNAS itself raises them."""


def explain(error: Exception, words: Sequence[str]) -> tuple[str, bool]:
    """Return a sentence about an error that a command, given by its words, did not expect, and whether it is a defect.

    The traceback is written to a file, which the sentence names.
    """
    stage, command = stage_of(error), words[0] if words else "helixnas"
    where = f"{command}, {stage.name}" if stage is not None and stage.name.partition(":")[0] != command else command
    file = _keep(error, words, stage)
    kept = f"; traceback: {file}" if file is not None else ""
    origin = _origin(error)
    if origin.startswith("helixnas") and isinstance(error, DEFECTS):
        kept = f"; please report it with the traceback in {file}" if file is not None else "; please report it"
        return f"{where} met a defect of HelixNAS: {_named(error)} in {origin}{kept}", True
    advice = _advice(error, command, stage) or (
        "mend that file" if origin.startswith(os.sep) else _settings(command, stage)
    )
    return f"{where} stopped at an error of {origin}: {_named(error)}; {advice}{kept}", False


def _advice(error: Exception, command: str, stage: Stage | None) -> str:
    """Return what to do about an error that is known, empty for another."""
    kind = command if stage is None else stage.name.partition(":")[0]
    text = "out of memory" if isinstance(error, MemoryError) else str(error)
    for pattern, advice in ADVICE:
        if re.search(pattern, text):
            return advice.format(batch=BATCH.get(kind, "the batch size"))
    return ""


def _settings(command: str, stage: Stage | None) -> str:
    if stage is not None and stage.sections:
        return f"the settings of this stage are in {', '.join(stage.sections)}"
    return f"see helixnas {command} --help for what can be set"


def _named(error: Exception) -> str:
    """Return class and text of an error on one line; of an error in a worker process, the text of its last line."""
    text = str(error).strip()
    if "Traceback (most recent call last)" in text:
        text = text.splitlines()[-1]
    return f"{type(error).__name__}: {on_one_line(Exception(text))}" if text else type(error).__name__


def _origin(error: Exception) -> str:
    """Return what raised an error: a library, a file of HelixNAS with its line, or a file of the user."""
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    file = Path(frame.f_code.co_filename)
    own = Path(helixnas.__file__).parent
    if file.is_relative_to(own):
        inside = f"helixnas/{file.relative_to(own)}, line {line}"
        return inside if isinstance(error, DEFECTS) else _library(error, inside)
    parts = file.parts
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1].removesuffix(".py")
    if file.is_relative_to(sys.base_prefix):
        return "Python"
    return f"{file}, line {line}"


def _library(error: Exception, inside: str) -> str:
    """Return the library of compiled code that raised an error: that of its class; RuntimeError is mostly torch's."""
    name = type(error).__module__.partition(".")[0]
    if name not in ("builtins", "helixnas"):
        return name
    return "torch" if isinstance(error, RuntimeError) else f"a library called in {inside}"


def _keep(error: Exception, words: Sequence[str], stage: Stage | None) -> Path | None:
    """Write the traceback into the folder of the run, else the current or a temporary one; None where none can be written."""
    text = f"helixnas {' '.join(words)}\n\n{''.join(traceback.format_exception(error))}"
    runs = [stage.folder] if stage is not None else [Path(word) for word in words[1:]]
    places = [run / FILE for run in runs if (run / "record.json").is_file()]
    for file in (*places, Path(f"helixnas-{FILE}"), Path(tempfile.gettempdir()) / f"helixnas-{FILE}"):
        try:
            write_text(file, text)
        except (ArtifactError, UnicodeError):
            continue
        return file
    return None
