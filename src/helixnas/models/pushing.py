"""Uploading a model to the Hugging Face hub, from where `timm.create_model("hf-hub:OWNER/NAME")` loads it."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from huggingface_hub import get_token
from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled
from huggingface_hub.utils import validate_repo_id

from helixnas.data import ImageSet
from helixnas.errors import ConfigError, ExportError, HelixError, first_line
from helixnas.models.exporting import Origin, export
from helixnas.models.opening import OpenedModel

REASONS = {
    401: "the hub does not accept the token; make another at https://huggingface.co/settings/tokens and: hf auth login",
    403: "the token may not write there; it needs the permission to write, and you need to be the owner",
    409: "there is something else of this name",
    429: "the hub asks to wait, since there were too many requests; try again later",
}
"""What an answer of the hub with this status means, and what to do."""


@runtime_checkable
class Hub(Protocol):
    """The part of `huggingface_hub.HfApi` that an upload needs."""

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> Any:
        """Make a repository for a model."""
        ...

    def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> Any:
        """Upload all files of a folder in one commit."""
        ...


def push(opened: OpenedModel, images: ImageSet, repo: str, hub: Hub, *, private: bool, origin: Origin | None) -> str:
    """Export a model for timm, checked on real images, upload it with its card, and return its address.

    An existing repository of this name gets a new commit; `private` holds for a new one.

    Raises:
        ConfigError: the name is not valid, or there is no token.
        ExportError: the model cannot be exported, or the hub does not take it or cannot be reached.
    """
    check_repo(repo)
    with tempfile.TemporaryDirectory(prefix="helixnas-") as folder:
        path = Path(folder) / "model"
        export(opened, images, format="timm", path=path, origin=replace(origin or Origin(), repo=repo))
        try:
            hub.create_repo(repo, private=private, exist_ok=True)
            hub.upload_folder(repo_id=repo, folder_path=str(path), commit_message=f"{opened.name}, from HelixNAS")
        except HelixError:
            raise
        except Exception as error:  # the client and its transport raise anything
            raise ExportError(f"{repo} cannot be uploaded: {reason(error)}") from error
    return f"https://huggingface.co/{repo}"


def check_repo(repo: str) -> None:
    """Raise `ConfigError` unless a name is that of a repository with its owner, and there is a token."""
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise ConfigError(f"REPO {repo!r} is not a name of the hub: {first_line(error).rstrip('.')}") from error
    if "/" not in repo:
        raise ConfigError(
            f"REPO must be OWNER/NAME, not {repo!r}; the owner is your name on the hub or an organisation"
        )
    if get_token() is None:
        raise ConfigError("there is no token for the Hugging Face hub; log in with: hf auth login, or set HF_TOKEN")


def reason(error: Exception) -> str:
    """Return in words why the hub did not take an upload.

    >>> reason(TimeoutError("timed out"))
    'the hub cannot be reached (timed out)'
    """
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, which forbids any connection; unset it"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is None:
        return f"the hub cannot be reached ({first_line(error)})"
    return REASONS.get(status, f"the hub answered with status {status} ({first_line(error)})")
