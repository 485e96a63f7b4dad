"""Images as arrays in npz files, recognised by their usual names; nothing is unpickled."""

import re
from math import isqrt
from pathlib import Path

import numpy as np

from snnlab.data.own.labelled import Found, Labelled, note_spare, parse_labels
from snnlab.data.places import Place
from snnlab.errors import SnnlabError
from snnlab.files import MAX_NPZ_BYTES, load_npz

PARTS = {"train": ("train", "training"), "test": ("test", "testing"),
         "spare": ("val", "valid", "validation")}  # fmt: skip
IMAGES = ("x", "image", "images", "img", "imgs", "data", "pixels", "features")
LABELS = ("y", "label", "labels", "target", "targets", "class")
CLASSES = ("names", "classes")
NAMES = "x_train, y_train, x_test and y_test, or images and labels"
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def read(place: Place, names: list[str]) -> Found:
    """Images and labels of one npz file, or of several that hold parts of them, as KMNIST's.

    Raises :class:`SnnlabError` if images or labels are missing or ambiguous.
    """
    roles: dict[tuple[str, str], np.ndarray] = {}
    for name in names:
        path = place.real(name)
        if path is None:
            raise SnnlabError(f"{name} is an archive within an archive: extract it")
        for key, array in _load(path).items():
            role = _role(key, array, Path(name).stem, alone=len(names) == 1)
            if role[1] and roles.setdefault(role, array) is not array:
                raise SnnlabError(f"{name}: {role[0]} {role[1]} found twice: name arrays {NAMES}")
    part = "train" if ("train", "images") in roles else "all"
    if not all((part, kind) in roles for kind in ("images", "labels")):
        raise SnnlabError(f"{', '.join(names[:4])}: no images and labels: name arrays {NAMES}")
    others = ("test", "spare") if part == "train" else ()
    others = [k for k in others if {(k, "images"), (k, "labels")} <= set(roles)]
    notes = ()
    if "spare" in others:
        notes = (note_spare(len(roles["spare", "labels"]), others == ["spare"]),)
    found = [_labelled(roles, which) for which in (part, *others[:1])]
    return Found(*found, names=_class_names(roles, found[0].labels), notes=notes)


def _load(path):
    def wanted(key):
        words = _words(key)
        return "arr" in words or bool(_kind(words))

    return load_npz(
        path, "file", f"arrays {NAMES}", kinds="biufUS", wanted=wanted, unpacked=MAX_NPZ_BYTES
    )


def _words(name):
    return set(re.findall("[a-z]+", name.lower()))


def _role(key, array, stem, alone):
    """Part and kind of an array by its name and, unless its file is alone, by that of the file."""
    words, of_file = _words(key), _words(stem)
    if "arr" in words:  # NumPy's default name
        words = of_file
        if not _kind(words):
            words |= {"images" if array.ndim > 2 else "labels"}
    part = _part(words)
    return _part(of_file) if part == "all" and not alone else part, _kind(words)


def _part(words):
    return next((part for part, names in PARTS.items() if words & {*names}), "all")


def _kind(words):
    """ "names" of classes, "labels" or "images"; empty for an array that is not needed."""
    if words & {*CLASSES}:
        return "names" if words & {"classes", *LABELS} else ""
    return "labels" if words & {*LABELS} else "images" if words & {*IMAGES} else ""


def _class_names(roles, labels):
    """Names of the classes by label, which count from 0 or 1, if each of the labels has one."""
    names = next((array for (_, kind), array in roles.items() if kind == "names"), None)
    numbers = np.asarray(labels)
    if names is None or numbers.dtype.kind not in "iu" or not len(numbers):
        return {}
    first = int(numbers.min() == 1 and numbers.max() == len(names))
    fits = names.ndim == 1 and numbers.min() >= 0 and numbers.max() < first + len(names)
    return dict(enumerate(map(_text, names.tolist()), first)) if fits else {}


def _text(word):
    return word.decode(errors="replace") if isinstance(word, bytes) else str(word)


def _labelled(roles, part):
    images, labels = (roles[part, kind] for kind in ("images", "labels"))
    if labels.ndim == 2 and labels.shape[1] > 1:
        labels = _from_one_hot(labels)
    labels = labels.reshape(-1)
    if labels.dtype.kind not in "biu":
        labels = parse_labels(map(_text, labels.tolist()))
    return Labelled(_grey(images), labels)


def _from_one_hot(labels):
    """Classes of labels with one column per class, a single 1 in each row."""
    is_one = labels == 1 if labels.dtype.kind in "biuf" else np.zeros(labels.shape, bool)
    if not ((is_one.sum(axis=1) == 1).all() and (is_one | (labels == 0)).all()):
        raise SnnlabError(
            f"labels are {labels.shape} but not one-hot: give one class per image, e.g."
            " labels[:, 0]"
        )
    return is_one.argmax(axis=1)


def _grey(images):
    """Brightness of images whose second or last axis may be colour : numbers[image, row, col]."""
    if images.ndim == 2 and (side := isqrt(images.shape[1])) ** 2 == images.shape[1]:
        return images.reshape(-1, side, side)
    if images.ndim != 4:
        return images
    axis = next((k for k in (3, 1) if images.shape[k] in (1, 3, 4)), None)
    if axis is None:
        return images
    bands = np.moveaxis(images, axis, -1)
    if bands.shape[-1] == 1:
        return bands[..., 0]
    parts = np.array_split(bands, max(1, len(bands) // 1000))
    return np.concatenate([part[..., :3].astype(np.float32) @ LUMA for part in parts])
