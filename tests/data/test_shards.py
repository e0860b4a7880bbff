"""Classes of WebDataset shards: numbers or names, in .cls or .json files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helixnas.data import DataConfig, open_data
from helixnas.data.shards import Label, classes_of, index_shard
from helixnas.errors import DataError

Png = Callable[[int], bytes]


def labels_in(shard: Path, field: str = "") -> list[Label | None]:
    return [label for _, label in index_shard(str(shard), field=field)]


def test_classes_are_numbers_or_names_in_cls_files(make_tar: Any, png: Png) -> None:
    names = {
        "a/1.png": png(1),
        "a/1.cls": b"cat\n",
        "b/1.png": png(2),
        "b/1.CLS": b"d\xc3\xa9j\xc3\xa0",
        "3.png": png(3),
    }
    assert labels_in(make_tar("names.tar", names)) == ["cat", "déjà", None]
    numbers = {"1.cls": b" 7 ", "1.png": png(1), "2.png": png(2), "2.cls.txt": b"0", "3.png": png(3), "3.cls": b""}
    assert labels_in(make_tar("numbers.tar", numbers)) == [7, 0, None]


@pytest.mark.parametrize(
    ("description", "label"),
    [
        ({"label": "dog", "caption": "a dog"}, "dog"),
        ({"class_name": "cat", "url": "x"}, "cat"),
        ({"cls": 3, "label": "three"}, 3),
        ({"caption": "no class"}, None),
        ({"label": True, "target": 2}, 2),
        ([1, 2], None),
    ],
)
def test_classes_are_in_the_fields_of_json_files(
    description: object, label: Label | None, make_tar: Any, png: Png
) -> None:
    shard = make_tar("s.tar", {"1.png": png(1), "1.json": json.dumps(description).encode()})
    assert labels_in(shard) == [label]


def test_a_cls_file_goes_before_json_unless_the_set_names_a_field(make_tar: Any, png: Png) -> None:
    described = json.dumps({"label": "no", "species": "lynx"}).encode()
    shard = make_tar("s.tar", {"1.png": png(1), "1.json": described, "1.cls": b"cat"})
    assert labels_in(shard) == ["cat"]
    assert labels_in(shard, field="species") == ["lynx"]


def test_names_are_sorted_naturally_and_numbers_are_indices() -> None:
    labels, names = classes_of(["b", "a10", "a2", "b"], "s")
    assert labels is not None
    assert (labels.tolist(), names) == ([2, 1, 0, 2], ("a2", "a10", "b"))
    labels, names = classes_of([2, 0], "s")
    assert labels is not None
    assert (labels.tolist(), names) == ([2, 0], ("0", "1", "2"))
    assert classes_of([None, -1], "s") == (None, ())


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (["a", None, "b"], "1 of the 3 images of s have no class; give each a .cls file, or set data.labels to false"),
        (["a", 3], "the classes of s are numbers for some images, such as 3, and names for others, such as 'a'"),
        ([0, -3], "the classes of s are numbers from 0 on, not -3"),
    ],
)
def test_classes_that_contradict_each_other_are_one_sentence(found: list[Label | None], sentence: str) -> None:
    with pytest.raises(DataError, match=f"^{sentence}"):
        classes_of(found, "s")


@pytest.mark.parametrize("kind", ["cls", "json"])
def test_keys_of_a_database_are_no_numbers_of_classes(kind: str, make_tar: Any, png: Png) -> None:
    def shard(number: int) -> Any:
        text = str(number) if kind == "cls" else json.dumps({"label": number})
        return make_tar("s.tar", {"1.png": png(1), f"1.{kind}": text.encode()})

    with pytest.raises(
        DataError, match=r"the classes of s are numbers up to 1,234,567,890; number them 0, 1, 2, ..., below"
    ):
        classes_of(labels_in(shard(1_234_567_890)), "s")
    with pytest.raises(DataError, match=rf"s.tar!1.{kind} has the class {2**63}, which is no number of a class"):
        labels_in(shard(2**63))
    if kind == "cls":
        assert labels_in(shard(10**30)) == [str(10**30)]


def test_files_that_hold_no_class_are_named(make_tar: Any, png: Png) -> None:
    with pytest.raises(DataError, match=r"s.tar!1.json is not JSON$"):
        labels_in(make_tar("s.tar", {"1.png": png(1), "1.json": b"{"}))
    with pytest.raises(DataError, match=r"t.tar!1.cls is not a class, but 2 bytes that are no text"):
        labels_in(make_tar("t.tar", {"1.png": png(1), "1.cls": b"\xff\xfe"}))


@pytest.mark.parametrize("kind", ["cls", "json"])
def test_shards_with_class_names_are_opened_for_a_run(kind: str, make_tar: Any, png: Png) -> None:
    pytest.importorskip("webdataset", reason="webdataset is not installed")

    def members(names: tuple[str, ...], first: int = 0) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for number in range(12):
            name = names[number % len(names)]
            found[f"{number:02d}.png"] = png(first + number)
            found[f"{number:02d}.{kind}"] = name.encode() if kind == "cls" else json.dumps({"label": name}).encode()
        return found

    make_tar("train-0.tar", members(("dog", "cat")))
    make_tar("train-1.tar", members(("fox", "cat")))
    root = make_tar("test-0.tar", members(("fox", "dog"), 100)).parent
    splits = {"split": "train-{0..1}.tar", "evaluation_split": "test-0.tar"}
    config = DataConfig(name="wds/pets", root=str(root), num_rating=6, cache=False, **splits)
    found = open_data(config, image_size=8, seed=0)
    assert found.class_names == ("cat", "dog", "fox")
    assert found.evaluation is not None
    assert found.evaluation.labels is not None
    assert found.evaluation.labels.tolist() == [2, 1] * 6  # mapped by name
    batch = next(found.train.batches(batch_size=18, seed=0, augment=False, shuffle=False))
    assert batch.labels is not None
    for image, label in zip(batch.images, batch.labels.tolist(), strict=True):
        number = round(float(image.mean()) * 255)
        assert found.class_names[label] in (("cat",) if number % 2 else ("dog", "fox"))
