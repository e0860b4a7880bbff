"""A network knows the names that it records, and ImageNet's where the images have them."""

import timm

from helixnas.nn.class_names import known_classes


def test_recorded_names_are_known_if_they_are_as_many_as_the_outputs() -> None:
    model = timm.create_model("test_vit", num_classes=2, pretrained_cfg_overlay={"label_names": ("cat", "dog")})
    assert known_classes(model, ("a", "b")) == ("cat", "dog")
    model.reset_classifier(3)
    assert known_classes(model, ("a", "b")) == ()


def test_a_network_of_imagenets_size_knows_its_wordnet_ids_if_the_images_have_such_classes() -> None:
    model = timm.create_model("test_vit")
    assert known_classes(model, ("n01443537",))[:2] == ("n01440764", "n01443537")
    assert known_classes(model, ("n01443537", "cat")) == ()
    assert known_classes(timm.create_model("test_vit", num_classes=10), ("n01443537",)) == ()
