import pytest
import yaml

from helixnas.export import CardFacts, model_card
from helixnas.space import Architecture

SHOWN = {"input_size": (3, 32, 32), "mean": (0.5, 0.5, 0.5), "std": (0.2,), "crop_pct": 1.0, "interpolation": "bicubic"}
SEARCH = {
    "status": "optimal",
    "score": 0.125,
    "max": {"macs": "60%"},
    "min": {"params": 10},
    "costs": {"macs": 2000},
    "space_size": "24",
}


@pytest.fixture
def facts(searched: dict[str, Architecture]) -> CardFacts:
    return CardFacts(
        name="mine",
        architecture=searched["mbconv"],
        params=1234,
        macs=5678,
        shown=SHOWN,
        num_classes=3,
        data="digits",
        repo="me/mine",
        intervals={"accuracy": (0.404, 0.596)},
        accuracy={"accuracy": 0.5, "top5": 1.0, "loss": 1.25, "num_images": 100},
        search=SEARCH,
        certificate={"status": "optimal", "instance_hash": "abc"},
        facts={"recipe": "tiny", "teacher": "small_resnet"},
    )


@pytest.mark.parametrize(
    "line",
    [
        "| parameters | 1,234 |",
        "| multiply-adds | 5,678 for an image of 32 x 32 |",
        "32 x 32  image                       3",
        "  8 x 8  block 1  ########           8  mb2_k3, mb2_k5",
        "  4 x 4  block 2  ################  16  mb2_k3",
        "  1 x 1  head                        3  classes",
        "| recipe | tiny |",
        "| teacher | small_resnet |",
        "| budgets | macs <= 60% and params >= 10 |",
        "| score (lower is better) | 0.125 |",
        "| status | optimal among 24 architectures |",
        "| certificate | optimal, instance abc (certificate.json) |",
        "| trained on | digits |",
        "| top-1 | 50.00% (95 % interval over the choice of images: 40.4% to 59.6%) |",
        "| top-5 | 100.00% |",
        'model = timm.create_model("hf-hub:me/mine", pretrained=True).eval()',
        "Needs `helixnas` and timm.",
        "| images, used in neither training nor search | 100 |",
        "import helixnas.zoo  # registers the network",
    ],
)
def test_the_card_tells_what_the_run_knows(facts: CardFacts, line: str) -> None:
    assert line in model_card(facts).splitlines()


def test_the_header_is_what_the_hub_reads(facts: CardFacts) -> None:
    header = yaml.safe_load(model_card(facts).split("---\n")[1])
    assert header["library_name"] == "timm"
    assert header["pipeline_tag"] == "image-classification"
    (results,) = header["model-index"]
    assert [metric["value"] for metric in results["results"][0]["metrics"]] == [0.5, 1.0]


def test_what_is_not_known_is_left_out() -> None:
    bare = CardFacts(name="it", architecture=None, params=1, macs=2, shown=SHOWN, num_classes=3)
    card = model_card(bare)
    for word in ("Search", "Accuracy", "Architecture", "trained on", "model-index", "helixnas"):
        assert word not in card
    assert 'create_model("local-dir:FOLDER", pretrained=True).eval()  # or "hf-hub:OWNER/NAME"' in card


def test_a_licence_is_not_guessed(facts: CardFacts) -> None:
    card = model_card(facts)
    assert "license" not in yaml.safe_load(card.split("---\n")[1])
    assert "Not stated yet. Check the terms of the training images (digits), of the teacher's weights and of" in card
