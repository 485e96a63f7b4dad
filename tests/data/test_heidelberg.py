"""Spiking Heidelberg Digits, read from made files of their format over a loopback host."""

import threading
import zipfile
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from recordings import flat, write_hdf5
from refusal import refused

from snnlab import Config, Trainer
from snnlab.data import load
from snnlab.data.published import download, shd

NOBODY = "http://127.0.0.1:1"  # a port nothing listens on


def zipped(folder, name, arrays):
    plain = write_hdf5(folder / name.removesuffix(".zip"), arrays)
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(plain, plain.name)
    plain.unlink()
    return (folder / name).read_bytes()


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Both archives by name, and an empty cache."""
    arrays = {
        "shd_train.h5.zip": flat(n=40, spikes=400),
        "shd_test.h5.zip": flat(n=20, seed=1, spikes=400),
    }
    for n, given in enumerate(arrays.values()):
        given["labels"] = (np.arange(len(given["labels"])) * 7 + n) % 20
        given["speakers"] = np.arange(len(given["labels"])) % 12
    (tmp_path / "made").mkdir()
    contents = {name: zipped(tmp_path / "made", name, given) for name, given in arrays.items()}
    monkeypatch.setattr(shd, "FILES", {n: md5(c).hexdigest() for n, c in contents.items()})
    monkeypatch.setattr(download, "PAUSE", 0.0)
    monkeypatch.delenv("SNNLAB_DATA", raising=False)
    monkeypatch.setenv("SNNLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SNNLAB_MIRROR", NOBODY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return contents


@pytest.fixture
def host(files, monkeypatch):
    """A host that breaks off each file once, in the middle."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name, wanted = self.path.rpartition("/")[2], self.headers.get("Range")
            asked.append((name, wanted))
            body = files[name][int(wanted[6:-1]) if wanted else 0 :]
            self.send_response(206 if wanted else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if wanted else body[: len(body) // 2])

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("SNNLAB_MIRROR", f"http://127.0.0.1:{server.server_port}")
    yield asked
    server.shutdown()
    server.server_close()


def test_both_files_are_fetched_verified_and_read(files, host, tmp_path):
    dataset = load("shd")
    assert [name for name, _ in host] == [name for name in files for _ in range(2)]
    assert (len(dataset.train), len(dataset.test)) == (40, 20)
    assert (dataset.train.n_channels, dataset.n_channels, len(dataset.classes)) == (700, 70, 20)
    assert dataset.classes[10] == "null"
    assert len(dataset.groups) == 12
    again = load("shd")  # from the cache
    assert len(host) == 4
    assert [a.tolist() for a in again.arrays()] == [a.tolist() for a in dataset.arrays()]
    by_folder = load("shd", data_dir=tmp_path / "made")
    assert [a.tolist() for a in by_folder.arrays()] == [a.tolist() for a in dataset.arrays()]


def test_the_published_network_takes_them(files, tmp_path):
    config = Config.checked(dataset="shd", hidden=[186], batch=10, epochs=1, duration=0.2)
    trainer = Trainer(config, load("shd", data_dir=tmp_path / "made"))
    assert str(trainer.mapping) == "70-186-20"
    assert np.isfinite(trainer.advance().loss)


def test_another_content_is_refused_and_removed(files, host, tmp_path, monkeypatch):
    monkeypatch.setattr(shd, "FILES", dict.fromkeys(files, "0" * 32))
    refused(lambda: load("shd"), "expected MD5 " + "0" * 32)
    assert not list((tmp_path / "cache" / "shd").iterdir())


def test_missing_files_are_one_line(tmp_path, files):
    refused(lambda: load("shd"), "data set shd is not available", "--data-dir")
    refused(lambda: load("shd", data_dir=tmp_path), "expected shd_train.h5.zip and shd_test.h5.zip")
