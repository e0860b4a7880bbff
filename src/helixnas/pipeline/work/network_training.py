"""Training of networks of a space from scratch, with the images and the teacher's normalisation of a recipe."""

from helixnas.engine import Fit, Runtime
from helixnas.nn import Normalization
from helixnas.pipeline.context import Context
from helixnas.pipeline.work.retrain import training_images
from helixnas.retrain import RetrainConfig, build_model
from helixnas.space import Architecture
from helixnas.teacher import normalization_of


class NetworkTrainer:
    """Starts the training of networks, all with the same settings."""

    def __init__(self, context: Context, config: RetrainConfig) -> None:
        self.context = context
        self.config = config
        self.mean, self.std = normalization_of(context.recipe.built_teacher)
        self.images = training_images(context, config)
        self.num_steps = self.images.num_batches(config.fit.batch_size, drop_last=True) * config.fit.num_epochs

    def begin(self, architecture: Architecture, *, seed: int, title: str) -> Fit:
        """Return the training of an architecture at its first step."""
        runtime = Runtime(self.context.recipe.runtime)  # fresh, because the loss scale belongs to one training
        model = runtime.place(
            build_model(
                architecture,
                num_classes=self.context.num_classes,
                image_size=self.context.image_size,
                mean=self.mean,
                std=self.std,
                config=self.config,
                seed=seed,
            )
        )
        return Fit(
            model,
            self.images,
            config=self.config.fit,
            runtime=runtime,
            normalize=Normalization(self.mean, self.std).to(runtime.device),
            seed=seed,
            title=title,
        )
