"""Every mistake is one sentence that says what, where and what would be right, and exit code 2."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

Complaint = Callable[..., str]

BENCH = ("bench", "build", "--recipe", "tiny.yaml")
SPOS = ("baseline", "my run", "spos", "--bench", "x", "--num-networks", "3")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["serch", "run"], "unknown command 'serch'; did you mean search"),
        (["-x"], "unknown option -x; see --help"),
        (["run"], "RECIPE is missing; see helixnas run --help"),
        (["search"], "RUN is missing; see helixnas search --help"),
        (["run", "digit"], "unknown recipe 'digit'; did you mean digits, digits-vit or digits-plus?"),
        (["run", "nowhere.yaml"], "there is no recipe file nowhere.yaml"),
        (["run", "tiny.yaml", "digits"], "unexpected argument 'digits'; see helixnas run --help"),
        (["run", "tiny.yaml", "--until", "foo"], "--until must be one of teacher, costs,"),
        (["run", "tiny.yaml", "--distil.lr", "1"], "unknown option --distil.lr; did you mean --distill.lr"),
        (["run", "tiny.yaml", "--distill.lrr", "1"], "unknown option --distill.lrr; did you mean --distill.lr"),
        (["run", "tiny.yaml", "--dryrun", "1"], "unknown option --dryrun; did you mean"),
        (["run", "tiny.yaml", "--distill.num_epochs", "many"], "distill.num_epochs must be a whole number, not 'many'"),
        (["run", "tiny.yaml", "--distill.num_epochs", "1.5"], "distill.num_epochs must be a whole number, not 1.5"),
        (["run", "tiny.yaml", "--distill.num_epochs", "0"], "distill.num_epochs must be at least 1, not 0"),
        (["run", "tiny.yaml", "--distill.num-epochs=0"], "--distill.num-epochs must be at least 1, not 0"),
        (["run", "tiny.yaml", "--retrain.fit.optimizer", "adamww", "--dry-run"], "unknown optimizer 'adamww'; did you"),
        (["run", "tiny.yaml", "--teacher-fit.optimizer", "adamww"], "unknown optimizer 'adamww'; did you mean adamw"),
        (["run", "tiny.yaml", "--distill.sampling", "x"], "distill.sampling must be one of uniform, strict-fair"),
        (["run", "tiny.yaml", "--distill.strategy", "x"], "distill.strategy must be one of concurrent, progressive-a, pro"),
        (["run", "tiny.yaml", "--distill.lr"], "--distill.lr needs a value"),
        (["run", "tiny.yaml", "--distill.lr", "[1"], "--distill.lr '[1' is not YAML"),
        (["run", "tiny.yaml", "--distill", "nowhere.yaml"], "--distill is 'nowhere.yaml', but there is no such file; give a"),
        (["run", "tiny.yaml", "--generations", "two"], "no such file; give their number, null for one search, or a YAML"),
        (["run", "tiny.yaml", "--retrain.fit.lr", "high"], "retrain.fit.lr must be a number, not 'high'"),
        (["run", "tiny.yaml", "--retrain", "3"], "retrain must hold settings (fit, drop_rate, drop_path_rate"),
        (["run", "tiny.yaml", "--searches.small.max.macs", "lots"], "'lots' is not an amount; write 5300000, 5.3M"),
        (["run", "tiny.yaml", "--rating.scores", "[task]"], "unknown --rating.scores 'task'; did you mean task_kl"),
        (
            ["run", "tiny.yaml", "--searches.small.scores", "[naswot]"],
            "search small adds up the score naswot, but proxies.num_networks is 0; choose a number of untrained networks,",
        ),
        (
            ["run", "tiny.yaml", "--proxies.num_networks", "5", "--searches.small.scores", "[snip]"],
            "search small adds up the score snip, but proxies.scores names naswot",
        ),
        (["run", "tiny.yaml", "--searches.small.scores", "[final_error]"], "search small adds up the score final_error,"),
        (["run", "tiny.yaml", "--searches.a/b.max.macs", "1M"], "search name 'a/b' must consist of letters"),
        (["run", "tiny.yaml", "--name.x", "1"], "--name.x: name is 'tiny', which holds no settings"),
        (["run", "tiny.yaml", "--data.name", "digit"], "unknown data set 'digit'; did you mean digits"),
        (["run", "tiny.yaml", "--data.labels", "false"], "retraining needs labels, but data.labels is false"),
        (["run", "tiny.yaml", "--imports", "[no_such_module]", "--dry-run"], "cannot import 'no_such_module'"),
        (["run", "tiny.yaml", "--distill.lr", "2026-99-99"], "--distill.lr '2026-99-99' is not YAML: month must be in"),
        (["run", "tiny.yaml", "--seed", "9" * 5000], "is not YAML: Exceeds the limit"),
        (["run", "tiny.yaml", "--searches.small.max.macs="], "searches.small.max.macs must be text or a number, not null"),
        (["run", "tiny.yaml", "--price-per-hour", "cheap"], "--price-per-hour must be a number, not 'cheap'"),
        (["run", "tiny.yaml", "--price-per-hour", "-2"], "--price-per-hour must be at least 0, not -2"),
        (["run", "tiny.yaml", "--distill.lr", "1e400"], "distill.lr must be a finite number"),
        (["run", "tiny.yaml", "--teacher.model_args.in_chans", "1"], "in_chans is 1, but every image has 3 channels"),
        (["run", "tiny.yaml", "--searches.small.max.macs", "1k", "--dry-run"], "search small: no architecture has params <="),
        (["run", "tiny.yaml", "--distill.batch_size", "1", "--data.image_size", "2", "--dry-run"], "raise distill.batch_size"),
        (["run", "tiny.yaml", "--out", "tiny.yaml"], "tiny.yaml is a file, not the folder of a run"),
        (["search", "nowhere"], "no run in nowhere; start one with: helixnas run RECIPE --out nowhere"),
        (["search", "tiny.yaml"], "no run in tiny.yaml"),
        (["status", "tiny.yaml"], "no run in tiny.yaml"),
        (["retrain", "."], "no run in ."),
        (["rank", "nowhere", "--bench", "x.json"], "no run in nowhere"),
        (["bench"], "ACTION, --recipe is missing; see helixnas bench --help"),
        (["bench", "make", "--recipe", "tiny.yaml"], "ACTION must be one of build, not 'make'"),
        (["bench", "build", "--recipe", "digit"], "unknown recipe 'digit'; did you mean digits, digits-vit or digits-plus?"),
        ([*BENCH, "--space", "marco"], "unknown space 'marco'; did you mean macro"),
        ([*BENCH, "--num-networks", "x"], "--num-networks must be a whole number, not 'x'"),
        ([*BENCH, "--num-networks", "2"], "--num-networks must be at least 3, not 2"),
        ([*BENCH, "--nmu", "2"], "unknown option --nmu; "),
        ([*BENCH, "--num-networks", "3", "--max", "macs"], "--max 'macs' must be RESOURCE="),
        ([*BENCH, "--num-networks", "3", "--min", "mcs=1k"], "unknown resource in --min 'mcs'"),
        ([*BENCH, "--num-networks", "3", "--network", "9:mb3_k3"], "space 'tiny' has 2 blocks"),
        ([*BENCH, "--seed", "-1"], "--seed must be at least 0 and below 2^63, not -1"),
        ([*BENCH, "--retrain", "null"], "the recipe 'tiny' leaves retraining out"),
        (["baseline", "nowhere", "spos", "--bench", "x.json"], "no run in nowhere"),
        (["baseline", "nowhere", "sops", "--bench", "x.json"], "METHOD must be one of spos, fairnas, darts, mnasnet"),
        (["baseline", "nowhere", "spos"], "--bench is missing; see helixnas baseline --help"),
        (["rank", "nowhere"], "--bench is missing; see helixnas rank --help"),
        (["report", "nowhere"], "no run in nowhere"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(tiny: str, complaint: Complaint, words: list[str], sentence: str) -> None:
    assert sentence in complaint(*words)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["search", "my run", "--max", "macs=foo"], "'foo' is not an amount; write 5300000, 5.3M, 350M or 60%"),
        (["search", "my run", "--max", "macs"], "--max 'macs' must be RESOURCE=AMOUNT, for example macs=350M"),
        (["search", "my run", "--max", "macs=1M", "--max", "macs=2M"], "--max limits macs twice"),
        (["search", "my run", "--max", "paramters=3"], "unknown resource in max 'paramters'; did you mean params?"),
        (["search", "my run", "--max", "latency=0.25"], "unknown resource in max 'latency'; did you mean latency_ms?"),
        (["search", "my run", "--max", "macs=1e400"], "'1e400' is too large for an amount"),
        (["search", "my run", "--max", "macs=1e40"], "max macs=1e40 is too large; it must be below 2^63"),
        (["search", "my run", "--max", "macs=nan"], "'nan' is not an amount"),
        (["search", "my run", "--max", "macs=-5"], "'-5' is not an amount"),
        (["search", "my run", "--max", "mcs=3", "--name", "small"], "unknown resource in max 'mcs'; did you mean macs?"),
        (["search", "my run", "--top", "-3"], "--top must be at least 1, not -3"),
        (["search", "my run", "--diverse", "-1"], "--diverse must be at least 0, not -1"),
        (["search", "my run", "--time-limit", "inf"], "--time-limit must be a finite number, not 'inf'"),
        (["search", "my run", "--time-limit", "1e400"], "--time-limit must be a finite number, not '1e400'"),
        (["verify", "my run", "--time-limit", "nan"], "--time-limit must be a finite number, not 'nan'"),
        (["export", "my run", "--tolerance", "nan"], "--tolerance must be a finite number, not 'nan'"),
        (["search", "my run", "--max", "latency_ms=3"], "latency was not measured in this run; measure it first, for"),
        (["costs", "my run", "--latency", "pytorch"], "unknown costs.latency 'pytorch'; did you mean pytorch-eager"),
        (["costs", "my run", "--latency", "x", "--read-csv", "y"], "--latency and --read-csv exclude each other"),
        (["costs", "my run", "--again"], "the recipe of this run measures no latency; add --latency RUNTIME to --again"),
        (["costs", "my run", "--again", "--export-onnx", "x"], "--again measures latency again, but --export-onnx"),
        (["costs", "my run", "--image-size", "8"], "--image-size is for measuring latency; add --latency RUNTIME"),
        (["costs", "my run", "--read-csv", "x", "--batch-size", "8"], "--batch-size changes nothing with --read-csv; leave"),
        (["costs", "my run", "--export-onnx", "x", "--num-rounds", "3"], "--num-rounds changes nothing with --export-onnx;"),
        (["costs", "my run", "--read-csv", "none.csv"], "cannot read none.csv: there is no such file"),
        (["costs", "my run", "--latency", "pytorch-eager", "--batch-size", "0"], "--batch-size must be at least 1, not 0"),
        (["search", "my run", "--scores", "relativ_l1"], "unknown score 'relativ_l1'; did you mean relative_l1?"),
        (["search", "my run", "--max", "macs=1k"], "no architecture has macs <= 1,000; the space reaches macs"),
        (["search", "my run", "--weights", "1,x"], "--weights '1,x' must be numbers, one per block"),
        (["search", "my run", "--weights", "1"], "the space has 2 blocks, so give as many block weights, not 1"),
        (["search", "my run", "--front", "macz"], "unknown resource in front 'macz'; did you mean macs"),
        (["search", "my run", "--diverse", "2", "--distance", "0"], "--distance must be at least 1, not 0"),
        (["search", "my run", "--distance", "3"], "--distance changes nothing without --diverse; add --diverse, or leave"),
        (["search", "my run", "--compare-limit", "3"], "--compare-limit changes nothing without --compare; add --compare,"),
        (["search", "my run", "--compare", "--compare-limit", "-1"], "--compare-limit must be at least 0, not -1"),
        (["search", "my run", "--time-limit", "-1"], "--time-limit must be at least 0, not -1"),
        (["verify", "my run", "--time-limit", "-1"], "--time-limit must be at least 0, not -1"),
        (["search", "my run", "--max", "mcs=5 M"], "unknown resource in max 'mcs'; did you mean macs?"),
        (["verify", "my run", "--name", "smal"], "unknown search 'smal'; did you mean small?"),
        (["search", "my run", "--top", "all"], "--top must be a whole number, not 'all'"),
        (["search", "my run", "--nme", "x"], "unknown option --nme; did you mean --name"),
        (["search", "my run", "--name", "smal"], "unknown search 'smal'; did you mean small?"),
        (["search", "my run", "--name", "small", "--max", "macs=1M"], "holds a search with other limits; choose"),
        (["search", "my run", "--name", "../out", "--max", "macs=1M"], "search name '../out' must consist of letters"),
        (["retrain", "my run", "--name", "smal"], "unknown search 'smal'; did you mean small?"),
        (["distill", "my run", "--blocks", "two"], "--blocks 'two' must be numbers of blocks, for example 2 or 1,3"),
        (["distill", "my run", "--blocks", "9"], "the space has blocks 1 .. 2, not 9"),
        (["baseline", "my run", "spos", "--bench", "none.json"], "cannot read none.json: there is no such file"),
        (["baseline", "my run", "spos", "--bench", "x", "--num-networks", "2"], "--num-networks must be at least 3, not 2"),
        ([*SPOS, "--weight-decay", "-1"], "--weight-decay must be at"),
        ([*SPOS, "--momentum", "-1"], "--momentum must be at least 0 and"),
        ([*SPOS, "--momentum", "1"], "--momentum must be at least 0 and"),
        ([*SPOS, "--num-seeds", "2"], "--num-seeds is for methods that do not train, but spos does; leave it out"),
        (["baseline", "my run", "snip", "--bench", "x", "--lr", "1"], "--lr is for methods that train, and snip does not;"),
        ([*SPOS, "--lr", "0"], "--lr must be above 0, not 0"),
        (["rank", "my run", "--bench", "none.json"], "cannot read none.json: there is no such file"),
        (["rank", "my run", "--bench", "tiny.yaml"], "tiny.yaml is not a benchmark: it is no JSON"),
        (["rank", "my run", "--bench", "my run/record.json"], "record.json is not a benchmark: its field 'format' must"),
        (["rank", "my run", "--bench", "x", "--num-resamples", "many"], "--num-resamples must be a whole number, not 'many'"),
        (["rank", "my run", "--bench", "x", "--seed", "-1"], "--seed must be at least 0, not -1"),
        (["run", "digits", "--out", "my run"], "my run holds a run of recipe 'tiny', not of 'digits'; choose"),
    ],
)  # fmt: skip
def test_a_mistake_about_a_run_is_one_sentence(run: str, complaint: Complaint, words: list[str], sentence: str) -> None:
    assert sentence in complaint(*words)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "must hold settings such as 'teacher:' and 'space:', not nothing"),
        ("- 1", "must hold settings such as 'teacher:' and 'space:', not list"),
        ("a: [", "is not YAML"),
        ("\x00", "is not YAML"),
        ("distill: {num_epoch: 3}", "unknown setting in mine.yaml under distill: 'num_epoch'; did you mean num_epochs"),
        ("distil: {}", "unknown setting in mine.yaml: 'distil'; did you mean distill"),
        ("searches: {a: {maxx: 1}}", "unknown setting in mine.yaml under searches.a: 'maxx'; did you mean max"),
        ("searches: {a: 1}", "searches.a must hold settings (max, min, weights, ...), not 1"),
        ("distill: 3", "distill must hold settings (num_epochs, batch_size, first_block_lr, ...), not 3"),
        ("distill: null", "distill must hold settings"),
        ("stitching: null", "not null; to leave the check out, set stitching.num_architectures to 0"),
        ("space: 3", "space must be text or a mapping of names to values, not 3"),
        ("space: mbcnov", "mbcnov"),
        ("teacher: {model: efficientnet_b00}", "efficientnet_b00"),
        ("3: 4", "unknown setting in mine.yaml: '3'"),
    ],
)
def test_a_broken_recipe_is_one_sentence(tiny: str, complaint: Complaint, content: str, sentence: str) -> None:
    Path("mine.yaml").write_text(content)
    assert sentence in complaint("run", "mine.yaml", "--dry-run")


@pytest.mark.parametrize("file", ["config.yaml", "costs.parquet", "ratings/block-1.parquet"])
@pytest.mark.parametrize("keep", [0, 0.5])
def test_a_truncated_artifact_is_one_sentence_that_names_it(
    run: str, complaint: Complaint, file: str, keep: float
) -> None:
    path = Path(run) / file
    os.truncate(path, int(path.stat().st_size * keep))
    assert str(path) in complaint("search", run, "--max", "macs=80%")


@pytest.mark.parametrize("file", ["teacher/model.safetensors", "teacher/teacher.json", "config.yaml"])
def test_a_truncated_file_is_named_by_the_stage_that_reads_it(run: str, complaint: Complaint, file: str) -> None:
    path = Path(run) / file
    os.truncate(path, path.stat().st_size // 3)
    said = complaint("retrain", run)
    assert str(path) in said or file == "config.yaml"  # a third of a YAML file may well be a YAML file


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"distill": {"num_epochs": "many"}}, "distill.num_epochs must be a whole number"),
        ({"distil": {}}, "unknown setting in my run/config.yaml: 'distil'"),
        ({"searches": 3}, "searches must hold settings"),
    ],
)
def test_settings_changed_by_hand_are_checked(
    run: str, complaint: Complaint, change: dict[str, object], sentence: str
) -> None:
    path = Path(run) / "config.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **change}))
    assert sentence in complaint("status", run)


@pytest.mark.parametrize("missing", ["data", "searches", "space"])
def test_a_search_says_which_settings_were_removed_by_hand(run: str, complaint: Complaint, missing: str) -> None:
    path = Path(run) / "config.yaml"
    settings = yaml.safe_load(path.read_text())
    del settings[missing]
    path.write_text(yaml.safe_dump(settings))
    assert f"was changed by hand and lacks settings ('{missing}')" in complaint("search", run)


def test_ratings_of_other_settings_are_not_taken_for_a_search_of_the_recipe(run: str, complaint: Complaint) -> None:
    path = Path(run) / "config.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["rating"]["batch_size"] = 20
    path.write_text(yaml.safe_dump(settings))
    said = complaint("search", run)
    assert "needs the rate stage, which must be redone (rating.batch_size changed from 30 to 20)" in said
    assert said.endswith("helixnas rate 'my run'")


def test_a_record_without_the_teachers_figures_is_one_sentence(run: str, complaint: Complaint) -> None:
    path = Path(run) / "record.json"
    values = json.loads(path.read_text())
    values["stages"]["teacher"]["facts"] = {}
    path.write_text(json.dumps(values))
    assert "lacks the teacher's parameters" in complaint("search", run)


def test_a_read_only_folder_is_one_sentence(run: str, complaint: Complaint, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    assert "cannot write" in (said := complaint("search", run, "--max", "macs=80%"))
    assert "read-only" in said


def test_a_full_disk_is_one_sentence_and_leaves_the_run_as_it_was(
    run: str, complaint: Complaint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        assert "the disk is full" in complaint("search", run, "--max", "macs=80%")
    assert not list(Path(run).rglob(".*.tmp"))
