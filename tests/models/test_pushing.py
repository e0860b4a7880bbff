"""Uploads to the hub, here a stub: what is sent, and what is said when it is refused."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import timm

from helixnas.artifacts.run_folder import RunFolder
from helixnas.data import DataConfig, ImageSet, open_images
from helixnas.errors import ConfigError, ExportError
from helixnas.models.exporting import Origin
from helixnas.models.opening import OpenedModel, open_model
from helixnas.models.pushing import Hub, check_repo, push


class AnswerError(Exception):
    """An error of the hub's client."""

    def __init__(self, status: int | None) -> None:
        super().__init__("first line\nsecond line")
        self.response = None if status is None else type("Response", (), {"status_code": status})()


class Stub:
    """Keeps what is uploaded in a folder."""

    def __init__(self, kept: Path, error: Exception | None = None) -> None:
        self.kept, self.error, self.calls = kept, error, list[Any]()

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> None:
        """Note the repository."""
        self.calls.append((repo_id, private, exist_ok))

    def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> None:
        """Keep the files, or fail."""
        if self.error is not None:
            raise self.error
        self.calls.append((repo_id, commit_message))
        shutil.copytree(folder_path, self.kept)


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helixnas.models.pushing.get_token", lambda: "hf_a")


@pytest.fixture(scope="module")
def digits() -> ImageSet:
    return open_images(DataConfig(name="digits"), image_size=8)


@pytest.fixture
def opened(finished: RunFolder) -> OpenedModel:
    return open_model(str(finished.path))


def test_the_network_of_a_run_is_uploaded_with_its_card_and_loads(
    opened: OpenedModel, digits: ImageSet, tmp_path: Path
) -> None:
    hub = Stub(tmp_path / "kept")
    assert isinstance(hub, Hub)
    address = push(opened, digits, "me/digits", hub, private=True, origin=Origin(data="digits"))
    assert address == "https://huggingface.co/me/digits"
    assert hub.calls == [("me/digits", True, True), ("me/digits", "finished-small, from HelixNAS")]
    card = (hub.kept / "README.md").read_text(encoding="utf-8")
    for words in (
        'create_model("hf-hub:me/digits", pretrained=True)',
        "| trained on | digits |",
        "image",
        "of the teacher",
    ):
        assert words in card
    assert "(95 % interval over the choice of images: " in card
    assert "| command | `helixnas run RECIPE --out RUN`, with this recipe; search small |" in card
    assert str(opened.run.path if opened.run else "") not in card
    model = timm.create_model(f"local-dir:{hub.kept}", pretrained=True)
    assert model.num_classes == 10


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (AnswerError(401), "the hub does not accept the token; make another"),
        (AnswerError(403), "the token may not write there; it needs the permission"),
        (AnswerError(500), r"the hub answered with status 500 \(first line\)"),
        (AnswerError(None), r"the hub cannot be reached \(first line\)"),
        (ConnectionError("no route to host"), r"the hub cannot be reached \(no route to host\)"),
    ],
)
def test_a_refused_upload_is_one_sentence(
    opened: OpenedModel, digits: ImageSet, tmp_path: Path, error: Exception, sentence: str
) -> None:
    with pytest.raises(ExportError, match=f"me/digits cannot be uploaded: {sentence}"):
        push(opened, digits, "me/digits", Stub(tmp_path / "kept", error), private=False, origin=None)


@pytest.mark.parametrize(
    ("repo", "sentence"),
    [
        ("digits", "REPO must be OWNER/NAME, not 'digits'"),
        ("me/a--b", "REPO 'me/a--b' is not a name of the hub: "),
        ("a/b/c", "REPO 'a/b/c' is not a name of the hub: "),
    ],
)
def test_a_name_that_is_not_valid_is_refused_before_anything_is_exported(repo: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        check_repo(repo)


def test_a_missing_token_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helixnas.models.pushing.get_token", lambda: None)
    with pytest.raises(ConfigError, match="there is no token for the Hugging Face hub; log in with: hf auth login"):
        check_repo("me/digits")
