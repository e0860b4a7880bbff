"""Modules of the user: imported once, and named where they cannot be."""

import re
import sys
from pathlib import Path

import pytest

from helixnas.errors import ConfigError
from helixnas.nn import Place, build_operation
from helixnas.nn.extensions import import_modules
from helixnas.space import Operation

MODULE = """
from helixnas.nn import register_operation
from torch import nn

@register_operation("extension_of_the_test")
def build(operation, place):
    return nn.Conv2d(place.in_width, place.out_width, 1, stride=place.stride)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("helixnas.nn.operations._BUILDERS", {})
    return tmp_path


def test_an_imported_module_registers_its_operation(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "extension_a.py").write_text(MODULE)
    import_modules(["extension_a"])
    monkeypatch.delitem(sys.modules, "extension_a")
    operation = Operation.of("mine", kind="extension_of_the_test")
    assert build_operation(operation, Place(in_width=3, out_width=8)).out_channels == 8


def test_a_module_that_is_missing_or_imports_a_missing_one_is_named(folder: Path) -> None:
    (folder / "extension_b.py").write_text("import no_such_module")
    searched = f" (searched: the current folder {Path.cwd()}, sys.path)"
    for name, missing, hint in (("no_such_extension",) * 2 + (searched,), ("extension_b", "no_such_module", "")):
        expected = f"cannot import '{name}', named in the recipe's imports: No module named '{missing}'{hint}"
        with pytest.raises(ConfigError, match=f"^{re.escape(expected)}$"):
            import_modules([name])


def test_a_module_is_imported_by_the_path_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "extension_e.py").write_text("import extension_f")
    (tmp_path / "nets" / "extension_f.py").write_text("")
    import_modules(["nets/extension_e.py"])
    assert sys.modules.pop("extension_e").__file__ == str(tmp_path / "nets" / "extension_e.py")
    sys.modules.pop("extension_f")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("extension_g.py", "there is no such file"),
        ("my-net.py", "its name must consist of letters, digits and '_'"),
        ("torch.py", "torch is already the module .*; rename the file"),
    ],
)
def test_a_file_that_cannot_be_imported_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, message: str
) -> None:
    import torch

    assert torch
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    if file != "extension_g.py":
        (tmp_path / file).write_text("")
    with pytest.raises(ConfigError, match=f"cannot import '{file}', named in the recipe's imports: {message}"):
        import_modules([file])


def test_an_error_of_the_module_itself_is_not_hidden(folder: Path) -> None:
    (folder / "extension_c.py").write_text("1 / 0")
    with pytest.raises(ZeroDivisionError):
        import_modules(["extension_c"])


def test_the_current_folder_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "extension_d.py").write_text("")
    import_modules(["extension_d"])
    assert sys.modules.pop("extension_d").__file__ == str(tmp_path / "extension_d.py")
    assert sys.path[-1] == str(tmp_path)


def test_a_file_that_changed_after_its_import_is_not_taken_for_the_imported_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    Path("extension_h.py").write_text("WIDTH = 1")
    import_modules(["extension_h.py"])
    import_modules(["extension_h.py"])
    Path("extension_h.py").write_text("WIDTH = 2")
    with pytest.raises(ConfigError, match="'extension_h.py', named in .*, has changed since this process imported it"):
        import_modules(["extension_h.py"])
    sys.modules.pop("extension_h")
