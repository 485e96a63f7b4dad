"""What comes from outside is data and nothing else: it never runs, fills the memory, leaves its
folder or becomes markup."""

import ast
import gzip
import json
import os
import re
import resource
import struct
import subprocess
import sys
import textwrap
import zipfile
import zlib
from importlib import metadata
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import audit
import numpy as np
import pyarrow
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image
from pyarrow import parquet

import snnlab_app
from snnlab.commands.main import main
from snnlab.config import Config
from snnlab.data.catalogue import CATALOGUE
from snnlab.data.published import files
from snnlab.errors import SnnlabError, plain
from snnlab.files import MAX_ARRAYS, MAX_NPZ_BYTES, load_npz, npz, read_npz
from snnlab.install import DISTRIBUTION
from snnlab.runs.run import Run, find_run, list_runs, load_weights, run_in
from snnlab.runs.schema import MAX_JSON_BYTES
from snnlab.runs.tables import MAX_CELLS, csv_of, read_table
from snnlab_app.controls import upload
from snnlab_app.views.pins import Pin, table_of

MARKUP = '<img src=x onerror="alert(1)">'
HERE = Path(__file__).parents[3]
SOURCES = sorted(
    path for folder in ("snnlab", "app", "benchmarks") for path in (HERE / folder).rglob("*.py")
)

# ── nothing from outside is run ──

FORBIDDEN = {
    "eval", "exec", "compile", "os.system", "os.popen", "pickle.load", "pickle.loads",
    "cPickle.load", "dill.load", "dill.loads", "joblib.load", "marshal.load", "marshal.loads",
    "shelve.open", "yaml.load", "yaml.unsafe_load", "pandas.read_pickle", "pd.read_pickle",
    "subprocess.getoutput", "subprocess.getstatusoutput", "torch.load", "torch.hub.load",
    "ctypes.CDLL", "__import__", "input", "tempfile.mktemp",
}  # fmt: skip
UNPICKLER = HERE / "snnlab/data/published/wheel.py"
"""The one unpickler: of a file whose checksum is known, and it can build arrays and no more."""


def complaints(path):
    """What a source does that it must not, with its line."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given = {word.arg: word.value for word in node.keywords}
            if name in FORBIDDEN:
                yield f"{name}, line {node.lineno}"
            if "shell" in given and ast.unparse(given["shell"]) != "False":
                yield f"a shell, line {node.lineno}"
            if "allow_pickle" in given and ast.unparse(given["allow_pickle"]) != "False":
                yield f"allow_pickle, line {node.lineno}"
            if name in ("np.load", "numpy.load") and "allow_pickle" not in given:
                yield f"np.load without allow_pickle=False, line {node.lineno}"
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
            for name in {"pickle", "dill", "shelve", "marshal", "yaml", "joblib"} & set(names):
                if path != UNPICKLER:
                    yield f"import of {name}, line {node.lineno}"


def test_there_are_sources_to_look_at():
    assert len(SOURCES) > 100
    assert UNPICKLER in SOURCES


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(HERE)))
def test_no_source_runs_what_it_is_given(path):
    assert list(complaints(path)) == []


@pytest.mark.parametrize(
    "code",
    [
        "eval(x)", "os.system(x)", "pickle.load(f)", "np.load(f)", "np.load(f, allow_pickle=True)",
        "np.load(f, allow_pickle=given)", "subprocess.run(x, shell=True)", "torch.load(f)",
        "yaml.load(f)", "import pickle", "from pickle import load",
    ],
)  # fmt: skip
def test_the_search_finds_what_it_is_for(tmp_path, code):
    (tmp_path / "bad.py").write_text(f"import os\n{code}\n")
    assert len(list(complaints(tmp_path / "bad.py"))) == 1


def test_a_run_with_a_pickle_inside_is_refused_unread(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    trap = np.array([Trap()], object)
    for name in ("weights", "frames", "die"):
        np.savez(tmp_path / f"{name}.npz", layer_0=trap, step=trap, tau_mem=trap)
    for read in (
        lambda: load_weights(tmp_path / "weights.npz"),
        lambda: load_npz(tmp_path / "frames.npz", "frames", "step"),
        lambda: read_npz(tmp_path / "die.npz", "die", {"tau_mem": (1,)}),
    ):
        with pytest.raises(SnnlabError, match="non-numeric values"):
            read()
    assert not (tmp_path / "sprung").exists()


# ── what is installed is what was tested ──


def test_every_installed_package_is_pinned():
    """But for what someone has installed besides."""
    pinned = audit.pins(audit.CONSTRAINTS.read_text())
    found, wanted = audit.installed(), needed()
    assert audit.unpinned({k: v for k, v in found.items() if k in wanted}, pinned) == []
    assert len(wanted) > 60


def needed():
    """Everything that snnlab and its extras for the dashboard and the tests ask for, in the end."""
    waiting, seen = [(DISTRIBUTION, ("app", "test"))], set()
    while waiting:
        name, extras = waiting.pop()
        for text in metadata.requires(name) or ():
            wanted = Requirement(text)
            holds = wanted.marker is None or any(
                wanted.marker.evaluate({"extra": extra}) for extra in (*extras, "")
            )
            inner = canonicalize_name(wanted.name)
            if holds and inner == DISTRIBUTION:
                waiting.append((inner, tuple(wanted.extras)))
            elif holds and inner not in seen:
                seen.add(inner)
                waiting.append((inner, tuple(wanted.extras)))
    return seen - audit.TOOLS


def test_the_audit_says_what_is_not_as_pinned():
    pinned = audit.pins('a==1.0\n# b\nC_d==2.0; python_version >= "3"\ne==3; python_version < "3"')
    assert pinned == {"a": "1.0", "c-d": "2.0"}
    found = {"a": "1.0+cpu", "c-d": "2.1", "f": "1"}
    assert audit.unpinned(found, pinned) == ["c-d 2.1: pinned to 2.0", "f 1: not pinned"]


# ── bombs: small files that unpack to gigabytes ──


def chunk(kind, data):
    """A part of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, colour=6, channels=4):
    """A genuine PNG of one colour."""
    deflate = zlib.compressobj(9)
    line = bytes(1 + width * channels)
    rows = b"".join(deflate.compress(line) for _ in range(height)) + deflate.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def picture(width, height, kind, mode="RGB", **options):
    file = BytesIO()
    Image.new(mode, (width, height)).save(file, kind, **options)
    return file.getvalue()


def claiming(data, offset, form, *size):
    """A small picture that says it is a large one."""
    return data[:offset] + struct.pack(form, *size) + data[offset + struct.calcsize(form) :]


def scans(count):
    """A progressive JPEG with its last scan many times: each is a pass over the picture."""
    data = picture(2000, 2000, "JPEG", progressive=True)
    last = data.rfind(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


PICTURES = {
    "many pixels": lambda: png(8000, 5000),
    "claims": lambda: claiming(png(16, 16), 16, ">II", 2**31 - 1, 2**31 - 1),
    "GIF claims": lambda: claiming(picture(16, 16, "GIF", "P"), 6, "<HH", 65535, 65535),
    "BMP claims": lambda: claiming(picture(16, 16, "BMP", "L"), 18, "<ii", 60000, 60000),
    "WebP": lambda: picture(16383, 16383, "WEBP", lossless=True, method=0),
    "AVIF": lambda: picture(2100, 2000, "AVIF", speed=10),
    "WebP of a screen": lambda: picture(6300, 6300, "WEBP", lossless=True, method=0),
    "JPEG in scans": lambda: picture(6300, 6300, "JPEG", progressive=True),
    "a thousand scans": lambda: scans(1000),
    "long text": lambda: (
        png(16, 16)[:33] + chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(10**8))) + png(16, 16)[33:]
    ),
    "TIFF": lambda: picture(16, 16, "TIFF"),
    "SVG": lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "too many bytes": lambda: bytes(upload.MAX_BYTES + 1),
    "nothing": lambda: b"",
}  # fmt: skip
LARGEST = {
    "PNG": lambda: png(4000, 4000),
    "WebP": lambda: picture(2000, 2000, "WEBP", "RGBA", lossless=True, method=0),
    "JPEG in scans": lambda: picture(4000, 4000, "JPEG", progressive=True, subsampling=0),
    "JPEG": lambda: picture(8000, 8000, "JPEG"),
    "GIF": lambda: picture(4000, 4000, "GIF", "P"),
    "AVIF": lambda: picture(2000, 2000, "AVIF", "RGBA", speed=10),
    "PNG of 16 bits": lambda: picture(4000, 4000, "PNG", "I;16"),
    "PNG with a transparent colour": lambda: picture(
        4000, 4000, "PNG", transparency=(0, 0, 0), compress_level=1
    ),
}
GROWTH = 150
"""MB that the largest picture that is taken may cost for a moment."""
READER = """
    import json, resource, sys
    from pathlib import Path
    from snnlab.errors import SnnlabError
    from snnlab_app.controls import upload

    def peak():  # MB; on Linux getrusage begins with what the parent process held
        if sys.platform == "linux":
            return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

    before, told = peak(), {}
    for path in sorted(Path(sys.argv[1]).iterdir()):
        try:
            said = list(upload.read_upload(path.read_bytes()).grey().shape)
        except SnnlabError as error:
            said = str(error)
        told[path.name] = said, peak() - before
    print(json.dumps(told))
"""


def read_elsewhere(folder, made):
    for name, make in made.items():
        (folder / name).write_bytes(make())
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(READER), str(folder)],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def test_pictures_that_are_bombs_cost_nothing(tmp_path):
    told = read_elsewhere(tmp_path, PICTURES)
    assert told.keys() == PICTURES.keys()
    for name, (said, grown) in told.items():
        assert isinstance(said, str), name
        assert said.startswith(("the picture ", "the file is not a readable picture")), (name, said)
        assert grown < 40, (name, grown)
    assert "40,000,000 pixels: use at most 16,000,000" in told["many pixels"][0]
    assert "scans" in told["a thousand scans"][0]


def test_the_largest_picture_that_is_taken_costs_little(tmp_path):
    for name, (said, grown) in read_elsewhere(tmp_path, LARGEST).items():
        assert said == [400, 400], (name, said)
        assert grown < GROWTH, (name, grown)


def test_transparent_is_white_and_a_photo_is_what_it_was():
    image = Image.new("RGBA", (800, 800), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (200, 200, 600, 600))
    file = BytesIO()
    image.save(file, "PNG")
    grey = upload.read_upload(file.getvalue()).grey()
    assert (grey[5, 5], grey[200, 200]) == (255, 0)
    file = BytesIO()
    image.convert("P").save(file, "GIF")
    assert upload.read_upload(file.getvalue()).grey().shape == (400, 400)


def told(widget, **part):
    whole = {"type": "status", "status": "upload_event", "name": "a.png", "mime_type": "image/png",
             "chunk": 1, "total_chunks": 1, "data": b"x"}  # fmt: skip
    widget._handle_msg(whole | part)
    return sum(len(c) for f in widget._file_buffer.values() for c in f["chunks"].values()) + sum(
        len(f["value"]) for f in widget._buffer
    )


def test_a_client_of_its_own_cannot_pile_up_parts():
    widget = upload.chooser()
    assert told(widget, data=bytes(1000)) == 1000
    assert told(widget, data=bytes(2000)) == 2000, "the picture before is let go"
    for part in (
        {"data": bytes(upload.MAX_BYTES + 1)}, {"total_chunks": 10**6}, {"chunk": 2},
        {"data": 10**12}, {"data": None},
    ):  # fmt: skip
        assert told(widget, **part) == 2000
    widget._handle_msg({"status": "finished"})
    assert len(widget.value) == 2000


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


def test_a_record_without_end_is_not_read(tmp_path):
    (tmp_path / "config.json").write_bytes(b" " * (MAX_JSON_BYTES + 1))
    with pytest.raises(SnnlabError, match="bytes read"):
        Run.open(tmp_path)


def test_the_reader_of_nir_files_has_little_memory():
    code = (
        "from snnlab.nir import reader as r; r._limit(); import numpy as np\n"
        "try: np.ones(r.MOST_MEMORY, np.uint8)\n"
        "except MemoryError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "refused", done.stderr


# ── names stay in their folder ──


@pytest.fixture
def runs(tmp_path):
    """A folder of runs, with others around it that must not be reached."""
    record = json.dumps({"schema": 2, "settings": {}})
    for name in ("runs/mine", "runs/.hidden", "secret", "runs/~", "runs/deep/er"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").write_text(record)
    (tmp_path / "runs/link").symlink_to(tmp_path / "secret")
    (tmp_path / "config.json").write_text(record)
    return tmp_path / "runs"


OUTSIDE = [
    "", ".", "..", "../secret", "../runs/mine", "./mine", "mine/", "mine/.", "deep/er", "/", "//",
    "/etc", "~", "~root", ".hidden", "link", "mine\0", "\0", "..\\secret", "mine\\..\\..", "C:",
    "C:\\x", "mine:stream", "a" * 5000, "%2e%2e/secret", "..%2fsecret", "nobody",
]  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE, ids=ascii)
def test_a_name_does_not_leave_the_folder(runs, name):
    with pytest.raises(SnnlabError, match="run"):
        run_in(runs, name)


def test_an_absolute_name_does_not_either(runs):
    for name in (str(runs / "mine"), str(runs.parent / "secret")):
        with pytest.raises(SnnlabError, match="no run"):
            run_in(runs, name)
    assert run_in(runs, "mine").folder == runs / "mine"


def test_a_folder_that_is_itself_a_link_is_fine(runs, tmp_path):
    (tmp_path / "elsewhere").symlink_to(runs)
    assert run_in(tmp_path / "elsewhere", "mine").name == "mine"


def test_the_command_line_survives_odd_names(runs):
    for name in ("\0", "", "a" * 5000, "..", "\ud800"):
        with pytest.raises(SnnlabError):
            find_run(name, runs / "deep")


def test_removing_a_link_leaves_what_it_leads_to(runs):
    listed = {run.folder.name: run for run in list_runs(runs)[0]}
    assert ".hidden" not in listed
    listed["link"].remove()
    assert not (runs / "link").is_symlink()
    assert (runs.parent / "secret/config.json").exists()


def test_notes_do_not_write_through_a_link(runs):
    (runs.parent / "precious").write_text('{"tags": [], "note": ""}')
    (runs / "mine/notes.json").symlink_to(runs.parent / "precious")
    Run.open(runs / "mine").annotate("hello")
    assert "hello" not in (runs.parent / "precious").read_text()
    assert Run.open(runs / "mine").notes()["note"] == "hello"


# ── text stays text ──


class _Frame:
    inputs = SimpleNamespace()


def test_a_hostile_name_in_the_table_of_runs_is_text():
    history = {name: np.ones(3) for name in ("step", "accuracy", "spikes")}
    results = {"test_accuracy": 0.5, "energy": 1e-6}
    pin = Pin(MARKUP, {**Config().values(), "dataset": MARKUP}, 3, results, history, None)
    html = table_of([pin, Pin("now", Config().values(), 3, results, history, None)])
    assert "<img" not in html
    assert html.count("&lt;img") == 2


def test_hostile_class_names_are_text(monkeypatch):
    from snnlab_app.views import errors

    view = errors.ErrorsView(SimpleNamespace(config=Config(dataset="digits")))
    view._classes = (MARKUP, '" onload="alert(1)')
    view._show_images(
        SimpleNamespace(
            found=1, images=np.zeros((1, 4, 4), np.uint8), index=[0], label=[0], decision=[1]
        )
    )
    html = view._images.object
    assert html.count("<img") == 1, "the picture itself"
    assert "&lt;img" in html
    assert ' onload="' not in html


def test_all_that_the_page_says_is_escaped():
    from snnlab_app.plots.cards import Text, card

    text = Text()
    text.say(MARKUP)
    assert "<img" not in text.object
    assert "<img" not in card(MARKUP, {})[0].object


def test_no_pane_of_the_dashboard_decodes_what_was_escaped():
    """Typography of panel-material-ui sets what it is given as HTML, whatever was escaped: it is
    for our own words only."""
    for path in Path(snnlab_app.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Typography"):
                assert isinstance(node.args[0], ast.Constant), (path, node.lineno)
                assert node.args[0].value, (path, node.lineno)


@pytest.mark.parametrize("cell", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(cell):
    assert (
        csv_of(["run"], [(cell, "-1.5", -2, "5")])
        .getvalue()
        .split("\r\n", 1)[1]
        .lstrip('"')
        .startswith("'")
    )
    assert ",-1.5,-2,5" in csv_of(["run"], [(cell, "-1.5", -2, "5")]).getvalue()


def test_what_is_printed_cannot_steer_a_terminal(tmp_path, capsys):
    evil = "\x1b]0;owned\x07\x1b[2J\r\n\u202egnp"
    record = {"schema": 2, "settings": {"dataset": evil}, "network": evil, "versions": {"a": evil}}
    (tmp_path / "runs/x").mkdir(parents=True)
    (tmp_path / "runs/x/config.json").write_text(json.dumps(record))
    (tmp_path / "runs/x/notes.json").write_text(json.dumps({"tags": [evil], "note": evil}))
    (tmp_path / "runs" / evil.replace("/", "")).mkdir()
    (tmp_path / "runs" / evil.replace("/", "") / "config.json").write_text("no")
    for command in (["list"], ["show", "x"], ["show", evil]):
        main(["runs", "--root", str(tmp_path / "runs"), *command])
        printed = "".join(capsys.readouterr())
        assert printed
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", printed), printed
    assert plain("µJ – 5 %, “ok”") == "µJ – 5 %, “ok”"
