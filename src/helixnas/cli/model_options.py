"""Options of the verbs that take a finished model: export, finetune and validate."""

from jsonargparse import ArgumentParser

FORMATS = ("onnx", "pt2", "timm")


def add_model_options(parser: ArgumentParser, verb: str) -> None:
    """Give the parser of a verb its options."""
    parser.add_argument(
        "model", metavar="MODEL", help="the folder of a run, a model folder, a folder of timm's, or a name of timm's"
    )
    if verb == "export":
        _add_export_options(parser)
    if verb == "finetune":
        _add_finetune_options(parser)
    parser.add_argument("--name", type=str | None, default=None, help="of a run: which search's retrained network")
    parser.add_argument(
        "--weights", default="", metavar="WHERE", help="for a name of timm's: hub, package, none or a file of weights"
    )
    parser.add_argument("--arch", default="", metavar="FILE", help="for the model helixnas: its architecture.json")
    where = "" if verb == "finetune" else "; those of the run where it is not given"
    parser.add_argument(
        "--data",
        default="",
        metavar="WHERE",
        help=f"images: a folder, a tar, digits, torch/..., hfds/..., wds/...{where}",
    )
    parser.add_argument("--root", default="", metavar="FOLDER", help="where a data set of a name lies")
    split = "train" if verb == "finetune" else "validation"
    parser.add_argument("--split", default=split, help="split or sub-folder of the data")
    parser.add_argument("--image_size", "--image-size", type=int, default=0, help="side in pixels; 0 for the model's")
    parser.add_argument("--num_threads", "--num-threads", type=int, default=0, help="CPU threads; 0 for torch's choice")
    if verb == "validate":
        parser.add_argument(
            "--batch_size", "--batch-size", type=int, default=0, help="images at a time; 0 for 64, or all"
        )
    if verb in ("finetune", "validate"):
        parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")


def _add_export_options(parser: ArgumentParser) -> None:
    parser.add_argument("--format", choices=FORMATS, default="onnx", help="what to write")
    parser.add_argument("--out", type=str | None, default=None, help="the file or folder; in a run beside the model")
    parser.add_argument(
        "--tolerance", type=float, default=1e-4, help="largest difference of a logit from PyTorch that is accepted"
    )


def _add_finetune_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--recipe", default="small", metavar="NAME", help="a fine-tuning recipe (helixnas recipes) or YAML file"
    )
    parser.add_argument(
        "--out", type=str | None, default=None, help="folder of the model; finetuned/MODEL-DATA where it is not given"
    )
    parser.add_argument(
        "--evaluation_split",
        "--evaluation-split",
        default="validation",
        help="split for the final accuracy; a fifth of the images where there is none of that name",
    )
    parser.add_argument("--num_epochs", "--num-epochs", type=int, default=0, help="0 for the recipe's")
    parser.add_argument(
        "--microbatch_size", "--microbatch-size", type=int, default=0, help="images at a time; 0 for the recipe's"
    )
    parser.add_argument("--seed", type=int, default=0, help="decides splits, order, variation and the new head")
    parser.add_argument(
        "--precision", choices=("auto", "fp32", "bf16", "fp16"), default="fp32", help="of forward passes"
    )
