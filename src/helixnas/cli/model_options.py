"""Options of the verbs that take a finished model: export and validate."""

from jsonargparse import ArgumentParser

FORMATS = ("onnx", "pt2", "timm")


def add_model_options(parser: ArgumentParser, verb: str) -> None:
    """Give the parser of a verb its options."""
    parser.add_argument(
        "model", metavar="MODEL", help="the folder of a run, a model folder, a folder of timm's, or a name of timm's"
    )
    if verb == "export":
        parser.add_argument("--format", choices=FORMATS, default="onnx", help="what to write")
        parser.add_argument(
            "--out", type=str | None, default=None, help="the file or folder; in a run beside the model"
        )
        parser.add_argument(
            "--tolerance", type=float, default=1e-4, help="largest difference of a logit from PyTorch that is accepted"
        )
    parser.add_argument("--name", type=str | None, default=None, help="of a run: which search's retrained network")
    parser.add_argument(
        "--weights", default="", metavar="WHERE", help="for a name of timm's: hub, package, none or a file of weights"
    )
    parser.add_argument("--arch", default="", metavar="FILE", help="for the model helixnas: its architecture.json")
    parser.add_argument(
        "--data",
        default="",
        metavar="WHERE",
        help="images: a folder, a tar, digits, torch/..., hfds/..., wds/...; those of the run where it is not given",
    )
    parser.add_argument("--root", default="", metavar="FOLDER", help="where a data set of a name lies")
    parser.add_argument("--split", default="validation", help="split or sub-folder of the data")
    parser.add_argument("--image_size", "--image-size", type=int, default=0, help="side in pixels; 0 for the model's")
    parser.add_argument("--num_threads", "--num-threads", type=int, default=0, help="CPU threads; 0 for torch's choice")
    if verb == "validate":
        parser.add_argument(
            "--batch_size", "--batch-size", type=int, default=0, help="images at a time; 0 for 64, or all"
        )
        parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
