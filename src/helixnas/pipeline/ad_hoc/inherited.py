"""The network of a search with the supernet's weights, as a model: what a run without retraining has to give."""

from typing import Any

from helixnas.models.opening import OpenedModel
from helixnas.pipeline.context import Context, import_extensions
from helixnas.pipeline.work.retrain import inherited_network
from helixnas.retrain import load_model

AS_FOUND = "inherited from the supernet; the classifier is random"
"""Source of the weights of a network that was not trained after the search."""

WITHOUT_CLASSES = "inherited from the supernet; without labels there is no classifier"
"""The same where no classes are known."""


def open_inherited(context: Context, name: str | None = None) -> OpenedModel:
    """Return the network of a search, the only one if no name is given, with weights inherited from the supernet.

    They are those after fine-tuning, where the run did so. Otherwise batch norms are measured and the classifier is random;
    without labels, there is no classifier, and the network returns pooled features.

    Raises:
        UnknownNameError: the run has no such search.
        ArtifactError: nothing is searched yet.
        ConfigError: the run has several searches, or the weights of this supernet cannot be inherited.
    """
    folder = context.folder
    chosen = folder.chosen_search(name, option="--name")
    found: dict[str, Any] = {"name": f"{folder.path.name}-{chosen}", "run": folder, "search": chosen}
    tuned = folder.inherited(chosen)
    if (tuned / "model.safetensors").is_file():
        return OpenedModel(model=load_model(tuned), trained=True, folder=tuned, **found)
    import_extensions(context.recipe)
    model = inherited_network(context, chosen).cpu().eval()
    return OpenedModel(model=model, trained=True, weights=AS_FOUND if model.num_classes else WITHOUT_CLASSES, **found)
