"""Request: a user's answers, from which a recipe is made."""

import shlex
from collections.abc import Mapping
from dataclasses import field, fields
from pathlib import Path
from typing import Annotated

from helixnas.costs.config import LIMITABLE, RUNTIMES
from helixnas.data.config import GIVEN_PREFIX, OPEN_PREFIXES, PARQUET, TORCH_NAMES, DataConfig
from helixnas.data.image_files import is_parquet
from helixnas.errors import ConfigError
from helixnas.search.amounts import LATENCY_LIMITS, parse_limits
from helixnas.search.config import Amount
from helixnas.settings import Ge, Gt, Le, OneOf, Unit, settings

AUTO = "auto"
STUDENTS = ("same", "mbconv", "vit")
SHARDS_PREFIX = "wds/"


@settings("")
class Request:
    """A teacher, images and limits, and what else a user may say beforehand.

    Raises:
        ConfigError: teacher, images or limits are missing, a limit is no amount, or an answer has nothing to act on.
    """

    teacher: str = ""
    """Name of a timm model."""

    weights: str = AUTO
    """Weights of the teacher: auto (timm's where there are any, else none), hub, package, none (the run trains it), or a
    file."""

    data: str = ""
    """Folder or tar of images, Parquet files with images, digits, or a name such as torch/cifar10."""

    max: Mapping[str, Amount] = field(default_factory=dict[str, Amount])
    """Upper limit per resource, as in a search."""

    student: Annotated[str, OneOf(STUDENTS)] = "same"
    """Kind of the searched networks: mbconv, vit, or same, which is vit if the teacher's features all have one grid."""

    hours: Annotated[float, Gt(0), Le(10_000), Unit("hours")] = 2.0
    """Time that the run may take on this machine."""

    image_size: Annotated[int, Ge(0), Le(4096), Unit("pixels")] = 0
    """Image height and width; 0 to choose by the teacher and the images."""

    latency_runtime: Annotated[str, OneOf(("", *RUNTIMES))] = ""
    """Runtime of a limit on latency; empty to choose one."""

    boundaries: tuple[str, ...] = ()
    """Names of the teacher's modules where blocks end; empty to choose."""

    imports: tuple[str, ...] = ()
    """Python modules to import first, which may register the teacher."""

    seed: Annotated[int, Ge(0)] = 0
    """Seed of the run."""

    given: tuple[str, ...] = ()
    """Answers that a program holds, which no command can name: teacher, data, or both."""

    def __post_init__(self) -> None:
        if not self.teacher:
            raise ConfigError("the teacher is missing; name a timm model, for example --teacher resnet18")
        if not self.data:
            raise ConfigError(
                "the images are missing; name a folder with one folder per class, for example --data photos"
            )
        if not self.max:
            raise ConfigError(
                "the limits are missing; give at least one, for example --max macs=40% (of the teacher's) or params=2M"
            )
        parse_limits(self.max, known=LIMITABLE, option="max")
        if self.latency_runtime and not self.limits_latency:
            raise ConfigError(
                f"--latency-runtime {self.latency_runtime} measures nothing, because no latency is limited; add --max "
                "latency_ms=8, for example, or leave it out"
            )
        if self.data.startswith(SHARDS_PREFIX):
            raise ConfigError(
                f"{self.data} names shards, whose folder only a recipe can give; name a folder of some of the images here, and "
                f"set data.name to {self.data} and data.root to the folder of the shards in the recipe"
            )

    @property
    def limits_latency(self) -> bool:
        """Whether latency is limited."""
        return any(name in LATENCY_LIMITS for name in self.max)

    @property
    def images(self) -> DataConfig:
        """The settings of the images as far as the answer gives them."""
        if self.data == "digits" or self.data.startswith((*OPEN_PREFIXES, GIVEN_PREFIX)):
            return DataConfig(name=self.data)
        if self.data in TORCH_NAMES:
            return DataConfig(name=self.data, root="data", download=True)
        return DataConfig(name=PARQUET if is_parquet(self.data) else "", root=self.data)

    @property
    def command(self) -> str:
        """The command that makes this request.

        >>> Request(teacher="resnet18", data="my photos", max={"macs": "40%"}).command
        "helixnas init --teacher resnet18 --data 'my photos' --max macs=40%"
        """
        words = ["helixnas", "init", "--teacher", self.teacher, "--data", self.data]
        for name, amount in self.max.items():
            words += ["--max", f"{name}={amount}"]
        for name, value in self._chosen().items():
            words += [f"--{name.replace('_', '-')}", f"{value:g}" if isinstance(value, float) else str(value)]
        for boundary in self.boundaries:
            words += ["--boundary", boundary]
        for module in self.imports:
            words += ["--imports", module]
        return shlex.join(words)

    @property
    def call(self) -> str:
        """The call that makes this request from a program; what only the program holds stands without quotes.

        >>> Request(teacher="given_net_1", data="photos", max={"macs": "40%"}, given=("teacher",), hours=1.0).call
        "helixnas.search_architecture(given_net_1, 'photos', max={'macs': '40%'}, hours=1.0)"
        """
        shown = [
            value if name in self.given else repr(value)
            for name, value in (("teacher", self.teacher), ("data", self.data))
        ]
        shown.append(f"max={dict(self.max)!r}")
        chosen = self._chosen()
        if "teacher" in self.given and self.weights != "none":
            chosen.pop("weights", None)  # the file that its weights are kept in
        chosen |= {"boundaries": list(self.boundaries)} if self.boundaries else {}
        return f"helixnas.search_architecture({', '.join([*shown, *(f'{name}={value!r}' for name, value in chosen.items())])})"

    def _chosen(self) -> dict[str, str | int | float]:
        """Return the answers with one value that are not the default."""
        default = {each.name: each.default for each in fields(self)}
        names = ("weights", "student", "hours", "image_size", "latency_runtime", "seed")
        return {name: value for name in names if (value := getattr(self, name)) != default[name]}

    @property
    def name(self) -> str:
        """Name of the recipe: teacher and images.

        >>> Request(teacher="resnet18.a1_in1k", data="../my photos/", max={"macs": "40%"}).name
        'resnet18-my-photos'
        """
        parts = [part for part in self.data.replace("\\", "/").split("/") if part.strip(".")]
        last = (parts or ["images"])[-1].removesuffix(".tar").removesuffix(".parquet")
        if last in ("images", "train") and len(parts) > 1:
            last = parts[-2]
        words = f"{self.teacher.rpartition('/')[2].partition('.')[0]}-{last}"
        return "-".join("".join(c if c.isalnum() or c in "-_" else " " for c in words).split())


def beside(folder: Path, ending: str) -> Path:
    """Return the file beside the folder of a run that has its name and an ending.

    Raises `ConfigError` for the root of the file system, beside which nothing can lie.

    >>> beside(Path("runs/mine"), ".yaml").as_posix(), beside(Path("/a/b/.."), ".yaml").as_posix()
    ('runs/mine.yaml', '/a.yaml')
    """
    named = folder if folder.name not in ("", "..") else folder.resolve()
    if not named.name:
        raise ConfigError(f"the folder of a run must have a name, for example runs/mine, not {folder}")
    return named.with_name(f"{named.name}{ending}")
