"""Small files that unpack to gigabytes cost nothing."""

import gzip
import os
import resource
import struct
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from snnlab.data import load
from snnlab.data.catalogue import CATALOGUE
from snnlab.data.published import files
from snnlab.errors import SnnlabError
from snnlab.files import MAX_ARRAYS, MAX_NPZ_BYTES, load_npz, npz, read_npz
from snnlab.runs import tables
from snnlab.runs.run import Run, load_weights
from snnlab.runs.schema import MAX_JSON_BYTES
from snnlab.runs.steps import COUNTS
from snnlab.runs.tables import MAX_CELLS, read_table


def bomb(path, claimed, real=None, compression=zipfile.ZIP_DEFLATED):
    """A genuine npz file of zeros whose header claims a shape."""
    head = BytesIO()
    about = {"descr": "<f8", "fortran_order": False, "shape": claimed}
    np.lib.format.write_array_header_1_0(head, about)
    with (
        zipfile.ZipFile(path, "w", compression) as archive,
        archive.open("layer_0.npy", "w") as member,
    ):
        member.write(head.getvalue())
        zeros, left = bytes(2**20), real if real is not None else 8 * int(np.prod(claimed))
        while left > 0:
            left -= member.write(zeros[:left])


@pytest.fixture
def small_memory():
    """One GB of address space more than there is in use: what does not keep to it dies."""
    if not sys.platform.startswith("linux"):
        yield
        return
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_an_npz_bomb_is_not_blown_up(tmp_path, small_memory):
    bomb(tmp_path / "bomb.npz", (2**13, 2**13))  # 512 MB of zeros
    assert (tmp_path / "bomb.npz").stat().st_size < 5_000_000
    before = peak()
    with pytest.raises(SnnlabError, match="would unpack to more than"):
        load_weights(tmp_path / "bomb.npz")
    with pytest.raises(SnnlabError, match=r"layer_0 has shape \(8192, 8192\), expected \(3,\)"):
        read_npz(tmp_path / "bomb.npz", "die", {"layer_0": (3,)})
    assert peak() - before < 20_000


@pytest.mark.parametrize(
    ("claimed", "real"),
    [((2**40, 2**20), 8), ((3,), 2**26), ((2**24,), 8), ((-1, 4), 32), ((0,), 2**26)],
)
def test_an_npz_that_lies_about_its_size_is_refused(tmp_path, claimed, real):
    bomb(tmp_path / "liar.npz", claimed, real)
    with pytest.raises(SnnlabError, match=r"liar\.npz: (not an npz file|would unpack)"):
        load_npz(tmp_path / "liar.npz", "weights", "layer_0")


def test_an_npz_packed_so_that_it_unfolds_at_once_is_refused(tmp_path):
    for compression in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        bomb(tmp_path / "bomb.npz", (2**10, 2**10), compression=compression)
        with pytest.raises(SnnlabError, match="not an npz file"):
            load_weights(tmp_path / "bomb.npz")


def test_an_npz_of_countless_files_is_refused(tmp_path, small_memory):
    with zipfile.ZipFile(tmp_path / "many.npz", "w") as archive:
        for k in range(MAX_ARRAYS + 1):
            archive.writestr(f"layer_{k}.npy", b"")
    with pytest.raises(SnnlabError, match=f"more than {MAX_ARRAYS} arrays"):
        load_weights(tmp_path / "many.npz")
    data = bytearray((tmp_path / "many.npz").read_bytes())
    end = data.rfind(b"PK\5\6")
    data[end + 12 : end + 16] = struct.pack("<I", 2**30)
    (tmp_path / "many.npz").write_bytes(data)
    with pytest.raises(SnnlabError, match="table of contents is too large"):
        load_weights(tmp_path / "many.npz")


def test_an_npz_longer_than_any_network_is_not_opened(tmp_path):
    with (tmp_path / "long.npz").open("wb") as file:
        file.truncate(MAX_NPZ_BYTES + 1)  # takes no place on disk
    with pytest.raises(SnnlabError, match=f"at most {MAX_NPZ_BYTES:,} are allowed"):
        load_weights(tmp_path / "long.npz")


@pytest.mark.skipif(os.name == "nt", reason="has neither")
def test_devices_and_pipes_are_not_read(tmp_path, small_memory):
    (tmp_path / "zeros.npz").symlink_to("/dev/zero")
    (tmp_path / "set" / "cat").mkdir(parents=True)
    (tmp_path / "set" / "cat" / "a.png").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.npz")
    held = os.open(tmp_path / "pipe.npz", os.O_RDWR)  # else to open it waits for a writer
    for name in ("zeros.npz", "pipe.npz"):
        with pytest.raises(SnnlabError, match=rf"{name}: a device or a pipe, not a file: copy"):
            load_weights(tmp_path / name)
    os.close(held)
    for path in ("/dev/zero", tmp_path / "set"):
        with pytest.raises(SnnlabError, match=r"(zero|a\.png): a device or a pipe, not a file"):
            load("folder", data_dir=path)


@pytest.mark.skipif(os.name == "nt", reason="has neither")
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_no_file_of_a_run_is_read_from_a_device_or_a_pipe(tmp_path, make):
    (tmp_path / "runs" / "odd").mkdir(parents=True)
    for name in ("config.json", "notes.json", "metrics.json", "steps.parquet"):
        make(tmp_path / "runs" / "odd" / name)
    # In a process of its own, as to open a pipe waits for a writer.
    code = (
        "import sys; from pathlib import Path; from snnlab.runs.run import Run, list_runs\n"
        "run = Run(folder := Path(sys.argv[1], 'odd'), {})\n"
        "print(*list_runs(folder.parent)[1])\n"
        "for read in run.notes, run.epochs, run.steps:\n"
        "  try: read()\n"
        "  except Exception as error: print(error)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "runs")]
    said = subprocess.check_output(command, text=True, timeout=120).splitlines()
    odd = tmp_path / "runs" / "odd"
    assert said == [
        *(f"run {odd}: {name}.json is a device or a pipe, not a file: copy it to a file"
          for name in ("config", "notes", "metrics")),
        f"table {odd}/steps.parquet: a device or a pipe, not a file: copy it to a file",
    ]  # fmt: skip


def test_what_is_written_is_read_to_the_bit(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        "layer_0": rng.normal(size=(5, 3)),
        "layer_1": np.asfortranarray(rng.normal(size=(3, 2))),
    }
    with (tmp_path / "w.npz").open("wb") as file:
        npz(arrays)(file)
    for read in (load_weights(tmp_path / "w.npz"), load_npz(tmp_path / "w.npz", "w", "x").values()):
        for found, kept in zip(read, arrays.values(), strict=True):
            np.testing.assert_array_equal(found, kept)
            assert found.flags.writeable
    np.savez_compressed(tmp_path / "z.npz", **arrays)
    np.testing.assert_array_equal(load_weights(tmp_path / "z.npz")[0], arrays["layer_0"])


def test_a_gzip_bomb_in_place_of_a_data_set_is_not_blown_up(tmp_path, small_memory):
    file = CATALOGUE["mnist"].files[0]
    with gzip.open(tmp_path / "train", "wb") as stream:
        for _ in range(512):
            stream.write(bytes(2**20))
    before = peak()
    with pytest.raises(SnnlabError, match="found more"):
        files.read(tmp_path / "train", file)
    assert peak() - before < 250_000


def test_a_table_that_unfolds_is_not_read(tmp_path, small_memory):
    zeros = pyarrow.array(np.zeros(2**20, np.int8)).dictionary_encode().dictionary_decode()
    with parquet.ParquetWriter(
        tmp_path / "t.parquet", pyarrow.schema([("a", pyarrow.int8())])
    ) as w:
        for _ in range(20):
            w.write_table(pyarrow.table({"a": zeros}))
    assert (tmp_path / "t.parquet").stat().st_size < 100_000
    with pytest.raises(SnnlabError, match=f"at most {MAX_CELLS:,} are read"):
        read_table(tmp_path / "t.parquet")
    long = pyarrow.table({"a": ["x" * 2**24] * 8})
    parquet.write_table(long, tmp_path / "s.parquet")
    with pytest.raises(SnnlabError, match="other than numbers"):
        read_table(tmp_path / "s.parquet")
    parquet.write_table(
        pyarrow.table({"a": np.zeros(9)}), tmp_path / "z.parquet", compression="zstd"
    )
    with pytest.raises(SnnlabError, match="packed by ZSTD"):
        read_table(tmp_path / "z.parquet")


def test_a_long_training_is_read_whatever_its_length(tmp_path, monkeypatch):
    """One image a batch: most columns are small whole numbers."""
    monkeypatch.setattr(tables, "MAX_CELLS", 1000)
    n, draw = 20_000, np.random.default_rng(1)
    columns = {name: np.arange(n) for name in COUNTS} | {
        "accuracy": draw.integers(0, 2, n).astype(float), "loss": draw.random(n),
        "spikes": draw.integers(0, 90, n).astype(float), "seconds": draw.random(n),
    }  # fmt: skip
    tables.write_table(tmp_path / "steps.parquet", columns)
    assert read_table(tmp_path / "steps.parquet")["loss"] == columns["loss"].tolist()
    tables.write_table(tmp_path / "zeros.parquet", dict.fromkeys("abcdefghi", np.zeros(n)))
    with pytest.raises(SnnlabError, match="180,000 values in"):
        read_table(tmp_path / "zeros.parquet")


def test_a_record_without_end_is_not_read(tmp_path):
    (tmp_path / "config.json").write_bytes(b" " * (MAX_JSON_BYTES + 1))
    with pytest.raises(SnnlabError, match="bytes read"):
        Run.open(tmp_path)


def test_the_reader_of_nir_files_has_little_memory():
    code = (
        "from snnlab.nir import reader as r; from snnlab.data.hdf5 import limit_memory\n"
        "limit_memory(r.MOST_MEMORY); import numpy as np\n"
        "try: np.ones(r.MOST_MEMORY, np.uint8)\n"
        "except MemoryError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "refused", done.stderr
