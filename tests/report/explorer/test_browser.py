"""The explorer in a real browser: its answers are those of a search, and clicks and keys do what they promise."""

import html
import json
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli import main
from helixnas.engine.progress import Reporter
from helixnas.errors import ConfigError
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe
from helixnas.report import build_report
from helixnas.search.amounts import LARGEST, parse_amount

pytestmark = pytest.mark.browser

Ask = Callable[[Path, str], Any]
BEGIN = """
const root = document.querySelector(".explorer");
const sliders = [...root.querySelectorAll("[data-resource]")];
const text = (role) => root.querySelector(`[data-role="${role}"]`).textContent;
const click = (role) => root.querySelector(`[data-role="${role}"]`).click();
const move = (slider, share) => {
  const range = slider.querySelector("[type=range]");
  range.value = Math.round(Number(range.min) + share * (Number(range.max) - Number(range.min)));
  range.dispatchEvent(new Event("input"));
};
const type = (slider, words) => {
  const field = slider.querySelector("[type=text]");
  field.value = words;
  field.dispatchEvent(new Event("change"));
};
const limit = (slider) => slider.querySelector("[type=text]").value;
const limits = () => Object.fromEntries(sliders.map((slider) => [slider.dataset.resource, limit(slider)]));
"""
END = """
document.body.append(Object.assign(document.createElement("pre"), { id: "said", textContent: JSON.stringify(said) }));
"""


@pytest.fixture
def ask(look_at: Callable[..., tuple[str, list[str]]]) -> Ask:
    """Return a function that runs a script on a page, after `BEGIN`, and returns what its last expression is."""

    def ask(page: Path, script: str) -> Any:
        asked = page.with_name("asked.html")
        asked.write_text(f"{page.read_text()}<script>{BEGIN}\nconst said = (() => {{ {script} }})();{END}</script>")
        dom, console = look_at(asked)
        assert console == []
        found = re.search(r'<pre id="said">(.*?)</pre>', dom, re.DOTALL)
        assert found is not None
        return json.loads(html.unescape(found.group(1)))

    return ask


def in_whole_units(limits: dict[str, str]) -> dict[str, int]:
    """Return limits as the page shows them in whole units of the search; empty ones are none."""
    units = {"latency_ns": 10**6}
    return {name: round(float(text) * units.get(name, 1)) for name, text in limits.items() if text}


def test_two_hundred_random_budgets_have_the_answer_of_a_search(
    tied: Any, searching: Callable[..., Any], ask: Ask
) -> None:
    shares = np.random.default_rng(0).uniform(0, 1.2, (200, 3)).clip(0, 1).round(3).tolist()
    found = ask(
        build_report(tied.folder),
        f"""return {json.dumps(shares)}.map((row) => {{
          row.forEach((share, place) => move(sliders[place], share));
          return [limits(), root.dataset.answer];
        }});""",
    )
    search = searching(tied)
    answers = [answer for _, answer in found]
    assert len(found) == 200
    for limits, answer in found:
        assert search(in_whole_units(limits)) == answer, limits
    assert len(set(answers)) > 8
    assert "" in answers


def test_the_commands_make_the_shown_network_in_a_real_run(
    tiny: Recipe, tmp_path: Path, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RunFolder(tmp_path / "real run")
    run_recipe(replace(tiny, seed=1), folder, Reporter())  # with seed 0 one network is the best under every limit
    found = ask(
        build_report(folder.path),
        """const out = [];
        const note = () => out.push([root.dataset.answer, text("search"), text("retrain"), text("export")]);
        click("best"); note();
        for (const share of [0.1, 0.3, 0.6]) { move(sliders[0], share); move(sliders[1], 1 - share / 2); note(); }
        return out;""",
    )
    for answer, *commands in found:
        search, retrain, export = (shlex.split(command)[1:] for command in commands)
        assert main(search) == 0
        assert retrain == ["retrain", str(folder.path), "--name", export[-1]]
        assert export == ["export", str(folder.path), "--name", export[-1]]
        assert json.loads((folder.search(export[-1]) / "result.json").read_text())["architecture"] == answer
    assert len({answer for answer, *_ in found}) > 1


def test_a_click_on_a_point_makes_it_the_answer(tied: Any, ask: Ask) -> None:
    clicked, answer, limit = ask(
        build_report(tied.folder),
        """click("best");
        const plot = sliders[1].querySelector("svg");
        const dots = [...plot.querySelectorAll("circle:not(.mark)")];
        const box = dots[1].getBoundingClientRect();
        const at = { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2, bubbles: true };
        const title = dots[1].textContent;
        dots[1].dispatchEvent(new MouseEvent("click", at));
        return [title, text("answer"), limits().macs];""",
    )
    cost, score = re.fullmatch(r"(\d+), score (.*)", clicked).groups()
    assert limit == cost
    assert f"score {score}," in answer


def test_limits_are_typed_as_on_the_command_line(tied: Any, ask: Ask) -> None:
    typed, wrong, none = ask(
        build_report(tied.folder),
        """const out = [];
        type(sliders[1], "2%"); type(sliders[0], "0.0123k"); out.push(limits());
        type(sliders[2], "many"); out.push(sliders[2].querySelector("[type=text]").getAttribute("aria-invalid"));
        type(sliders[0], "0"); out.push([text("answer"), root.querySelector('[data-role="found"]').hidden]);
        return out;""",
    )
    assert typed == {"latency_ns": "12.3", "macs": "8000", "params": ""}
    assert wrong == "true"
    assert none[0].startswith(
        "No network meets these limits. With the other limits as they are, a network needs predicted latency of"
    )
    assert none[1]


def test_typed_amounts_have_the_grammar_of_the_command_line(tied: Any, ask: Ask) -> None:
    texts = ("1e6", "1.5E-3M", "5,300,000", "5300000", " 12 k ", "60%", "1e2%", "1e400", "0e9999", "1e19", "1.", "-3")
    found = ask(
        build_report(tied.folder),
        f"""return {json.dumps(texts)}.map((words) => [sliders[0], sliders[1]].map((slider) => {{
          type(slider, "");
          type(slider, words);
          return slider.querySelector("[aria-invalid]").getAttribute("aria-invalid") === "true" ? "" : limit(slider);
        }}));""",
    )

    def read(text: str, **how: int) -> int | None:
        try:
            amount = parse_amount(text, **how)
        except ConfigError:
            return None
        return amount if amount < LARGEST else None

    for text, (latency, macs) in zip(texts, found, strict=True):
        shown = in_whole_units({"latency_ns": latency, "macs": macs})
        assert shown.get("latency_ns") == read(text, unit=10**6), text
        assert shown.get("macs") == read(text, reference=400_000), text


def test_a_click_where_no_network_is_left_does_nothing(tied: Any, ask: Ask) -> None:
    before, after = ask(
        build_report(tied.folder),
        """type(sliders[0], "0");
        const before = limits();
        sliders[1].querySelector("svg").dispatchEvent(new MouseEvent("click", { clientX: 5, clientY: 5, bubbles: true }));
        return [before, limits()];""",
    )  # an exception would be on the console
    assert before == after


def test_two_networks_stand_side_by_side_with_their_differences_marked(tied: Any, ask: Ask) -> None:
    alone, same, differences, heads, marked, places, dropped = ask(
        build_report(tied.folder),
        """const place = (role) => {
          const { left, top, width } = root.querySelector(`[data-role="${role}"] svg`).getBoundingClientRect();
          return [left, top, width];
        };
        click("best");
        const alone = root.querySelector('[data-role="network"]').getBoundingClientRect().width;
        click("keep");
        const same = text("differences");
        move(sliders[1], 0);
        const heads = [...root.querySelectorAll('[data-role="figures"] thead th')].map((cell) => cell.textContent);
        const marked = root.querySelectorAll('[data-role="network"] .differs').length;
        const differences = text("differences");
        const places = [place("network"), place("kept-network")];
        click("drop");
        return [alone, same, differences, heads, marked, places, root.querySelector('[data-role="kept"]').hidden];""",
    )
    assert same == "Both are the same network."
    assert re.match(r"This network differs from the kept one in block \d: \S+ instead of \S+", differences)
    assert heads == ["", "this network", "kept network"]
    assert marked > 0
    (left, top, width), (other_left, other_top, _) = places
    assert top == other_top
    assert left + width <= other_left
    assert alone > 2 * width
    assert dropped


def test_a_click_copies_a_command(tied: Any, ask: Ask) -> None:
    copied, selected, command = ask(
        build_report(tied.folder),
        """const copied = [];
        Object.defineProperty(navigator, "clipboard", { value: { writeText: async (text) => copied.push(text) } });
        click("best");
        root.querySelector("[data-copy]").click();
        return [copied, String(getSelection()), text("search")];""",
    )
    assert copied == [command]
    assert selected.strip() == command
    assert command.startswith("helixnas search ")


def test_a_page_without_a_clipboard_still_copies(tied: Any, ask: Ask) -> None:
    asked = ask(
        build_report(tied.folder),
        """const asked = [];
        document.execCommand = (name) => asked.push([name, String(getSelection()).trim()]);
        Object.defineProperty(navigator, "clipboard", { value: undefined });
        click("best");
        root.querySelector("[data-copy]").click();
        return [asked, text("search")];""",
    )
    assert asked[0] == [["copy", asked[1]]]
