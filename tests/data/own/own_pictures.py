"""Pictures of three classes as user-supplied data, in folders or alone."""

import io

import numpy as np
from PIL import Image

from snnlab.data import load

SIDE = 28


def drawn(label, k, side=SIDE):
    """A bright bar at a position given by the label, with some noise: easy to learn."""
    image = np.random.default_rng([label, k]).integers(0, 30, (side, side), np.uint8)
    image[3 + 5 * label : 7 + 5 * label, 4:-4] = 200 + k % 50
    return image


LABELS = np.arange(60) % 3
IMAGES = np.stack([drawn(label, k) for k, label in enumerate(LABELS)])
NAMES = ("ape", "bee", "cat")


def png(image, form="PNG", **options):
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(
        file, form, **options
    )
    return file.getvalue()


def put(folder, images=IMAGES, labels=LABELS, names=NAMES, form="PNG", suffix="png"):
    for k, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / names[label] / f"{k}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(image, form))
    return folder


def own(place, side=SIDE, name="folder"):
    return load(name, side, data_dir=place)


def seen(data):
    """All pairs of class and image in a data set, sorted."""
    parts = ((data.train_images, data.train_labels), (data.test_images, data.test_labels))
    return sorted(
        (data.classes[label], image.tobytes())
        for images, labels in parts
        for image, label in zip(images, labels, strict=True)
    )
