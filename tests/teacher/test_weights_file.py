"""Files of weights are read by their content, and the true reason is told where they are not."""

import pickle
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from helixnas.errors import TeacherError
from helixnas.teacher.weights_file import read_content

STATE = {"weight": torch.arange(3.0)}


def test_the_content_decides_and_not_the_suffix(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "w.pth", metadata={"format": "pt"})
    torch.save(STATE, tmp_path / "w.safetensors")
    torch.save(STATE, tmp_path / "old.safetensors", _use_new_zipfile_serialization=False)
    for name in ("w.pth", "w.safetensors", "old.safetensors"):
        assert torch.equal(read_content(tmp_path / name)["weight"], STATE["weight"])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a pointer of Git LFS"),
        (b"\n<!DOCTYPE html>", "is a web page"),
        (pickle.dumps({"a": 1}), "it is a pickle that torch.save did not write$"),
        (b"nothing of the kind", "truncated"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file, as of Keras, not a file of torch or safetensors"),
        (b"GGUF\x03", "is a GGUF file, not"),
        (b"\x1f\x8b\x08", "is compressed by gzip, not"),
        (b"\x93NUMPY\x01", "is a NumPy array, not"),
    ],
)
@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_what_is_no_file_of_weights_is_told(content: bytes, reason: str, name: str, tmp_path: Path) -> None:
    if name == "w.safetensors" and reason.startswith("it is a pickle"):
        reason = "truncated"
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TeacherError, match=reason) as found:
        read_content(tmp_path / name)
    assert "weights_only" not in str(found.value)


def test_programs_and_arrays_are_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", weight=np.ones(1))
    with pytest.raises(TeacherError, match="is an archive of NumPy arrays"):
        read_content(tmp_path / "w.npz")
    torch.export.save(torch.export.export(torch.nn.Linear(1, 1), (torch.zeros(2, 1),)), tmp_path / "w.pt2")
    with pytest.raises(TeacherError, match=r"w.pt2 is a program of torch.export \(.pt2\), which is not read; save its"):
        read_content(tmp_path / "w.pt2")
    with zipfile.ZipFile(tmp_path / "w.zip", "w") as archive:
        archive.writestr("w.pth", b"inside")
    with pytest.raises(TeacherError, match="w.zip is a zip archive that torch.save did not write; unpack it"):
        read_content(tmp_path / "w.zip")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated
        torch.jit.save(torch.jit.trace(torch.nn.Linear(1, 1), torch.zeros(1, 1)), str(tmp_path / "w.pt"))
    with pytest.raises(TeacherError, match="is a TorchScript program, which is not read"):
        read_content(tmp_path / "w.pt")
