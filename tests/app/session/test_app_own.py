"""User-supplied data on the dashboard: uploaded, trained on, kept private, deleted at the end."""

import base64
import io
import re
import zipfile
from types import SimpleNamespace

import numpy as np
import panel as pn
import pytest
from conftest import Server, aside, until
from PIL import Image
from playwright.sync_api import expect
from refusal import refused
from sessions import visiting

from snnlab.config import Config
from snnlab.sweeps.plan import Plan
from snnlab_app.compute import own_data as given
from snnlab_app.compute.pool import Compute
from snnlab_app.compute.remote import RemoteSession
from snnlab_app.compute.store import Store
from snnlab_app.controls import upload
from snnlab_app.controls.link import as_python
from snnlab_app.controls.sidebar import OWN
from snnlab_app.plots import blank
from snnlab_app.session.control import Close
from snnlab_app.session.local import Session

QUICK = {"hidden": [20], "epochs": 3, "batch": 8, "learning_rate": 0.01}
NAMES = ("ape", "bee", "cat")
LABELS = np.arange(60) % 3


def drawn(label, k):
    image = np.random.default_rng([label, k]).integers(225, 255, (20, 20), np.uint8)
    image[2 + 6 * label : 6 + 6 * label, 2:-2] = 20
    return image


def png(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def zipped(names=NAMES, more=0):
    """Pictures in folders, and bytes that are not pictures."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        if more:
            archive.writestr("film.bin", bytes(more))
        for k, label in enumerate(LABELS):
            archive.writestr(f"{names[label]}/{k}.png", png(drawn(label, k)))
    return file.getvalue()


def npz():
    file = io.BytesIO()
    images = np.stack([drawn(label, k) for k, label in enumerate(LABELS)])
    np.savez(file, images=images, labels=LABELS)
    return file.getvalue()


def csv():
    lines = [
        ",".join(map(str, [NAMES[label], *drawn(label, k).ravel()]))
        for k, label in enumerate(LABELS)
    ]
    return "\n".join(lines).encode()


FILES = {"data.zip": zipped, "data.npz": npz, "data.csv": csv}


@pytest.fixture(scope="module")
def compute():
    with Compute() as compute:
        yield compute


@pytest.fixture
def visit(compute, tmp_path):
    """Opens sessions with a place for their data, and closes them in the end."""

    def begin(config, name="one"):
        return RemoteSession(compute, config, tmp_path / name, tmp_path / f"{name}.own")

    with visiting(begin, dataset="digits", **QUICK) as visit:
        yield visit


def train_on(session, data):
    before = session.message
    session.upload(data)
    session.turn("dataset", "folder")
    session.reset()
    until(lambda: session.state in ("ready", "failed") and session.message != before)


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_ones_own_is_trained_on(visit, tmp_path, name):
    session = visit()
    train_on(session, FILES[name]())
    assert session.state == "ready", session.message
    classes = ("0", "1", "2") if name == "data.npz" else NAMES
    assert session.snapshot.classes == classes
    assert session.snapshot.test_inputs == 12
    assert session.snapshot.look.turned
    assert session.message.startswith(f"Ready · your {name}, 48 images; ")
    assert session.snapshot.origin.startswith(f"your {name}; ")
    assert "; the images are dark on bright" in session.message
    labels_first = "the first is taken as the labels" in session.message
    assert labels_first == (name == "data.csv"), "only a table without names has to be guessed at"
    session.play()
    until(lambda: session.state == "finished")
    assert session.snapshot.test_accuracy > 0.5
    assert [path.name for path in (tmp_path / "one.own").iterdir()] == [name]


def test_it_is_the_visitors_own_and_gone_with_them(visit, tmp_path):
    one = visit("one")
    train_on(one, zipped())
    other = visit("other", dataset="folder")
    assert other.state == "failed"
    assert "data set folder is your own" in other.message
    train_on(other, zipped(("x", "y", "z")))
    assert (one.snapshot.classes, other.snapshot.classes) == (NAMES, ("x", "y", "z"))
    one.close()
    assert not (tmp_path / "one.own").exists()
    assert (tmp_path / "other.own").exists()


def test_the_next_file_takes_the_place_of_the_one_before(visit, tmp_path):
    session = visit()
    train_on(session, zipped())
    train_on(session, csv())
    assert [path.name for path in (tmp_path / "one.own").iterdir()] == ["data.csv"]
    session.turn("dataset", "digits")
    session.reset()
    until(lambda: len(session.snapshot.classes) == 10)
    assert session.snapshot.look is None


def test_a_dead_process_or_a_server_started_again_finds_it(visit, tmp_path, compute):
    session = visit()
    train_on(session, zipped())
    session.step()
    until(lambda: session.snapshot.step == 1)
    process = compute._homes[session._number]
    process._process.kill()
    until(lambda: "continuing" in session.message)
    until(lambda: session.state != "loading")
    assert session.state in ("ready", "paused"), session.message
    assert session.snapshot.classes == NAMES
    back = RemoteSession(compute, session.config, None, tmp_path / "one.own")
    until(lambda: back.state == "ready")
    assert back.snapshot.classes == NAMES
    back._own = None  # it is the other's to take away
    back.close()


def test_a_server_that_keeps_nothing_takes_nothing(compute):
    session = RemoteSession(compute, Config.checked(dataset="digits", **QUICK))
    refused(lambda: session.upload(zipped()), "takes no data of your own")
    session.close()


BAD = {
    "no data": (b"\0" * 100, "not a CSV file"),
    "one class": (zipped(("a", "a", "a")), "one class only, a"),
    "a picture": (png(drawn(0, 0)), "is one picture: give a folder or zip"),
    "a half": (zipped()[:3000], "is a damaged or incomplete zip file"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_learnt_is_said_and_the_next_is_taken(visit, kind):
    data, said = BAD[kind]
    session = visit()
    train_on(session, data)
    assert session.state == "failed"
    assert said in session.message
    assert "/" not in session.message.replace(said, ""), "no places of the server"
    train_on(session, npz())
    assert session.state == "ready"


def bomb():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ape/0.png", bytes(2**28 + 1))
    return file.getvalue()


def test_a_zip_that_claims_too_much_is_refused_at_once_and_not_kept(visit, tmp_path):
    session = visit()
    error = refused(lambda: session.upload(bomb()), "data.zip: unpacks to")
    assert str(tmp_path) not in error
    assert list(tmp_path.glob("one.own*")) == []
    assert session.given is None


def test_who_gives_a_file_that_is_refused_keeps_the_one_before(visit, tmp_path):
    session = visit()
    train_on(session, zipped())
    refused(lambda: session.upload(bomb()), "data.zip: unpacks to")
    assert [path.name for path in tmp_path.glob("one.own*/*")] == ["data.zip"]
    assert (session.given, session.state) == (str(tmp_path / "one.own" / "data.zip"), "ready")
    before = session.snapshot
    session.reset()
    until(lambda: session.state == "ready" and session.snapshot not in (None, before))
    assert (session.state, session.snapshot.classes) == ("ready", NAMES)


def test_data_that_take_too_long_are_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("snnlab_app.session.data.MAX_READ_SECONDS", -1.0)
    place = given.put(zipped(), tmp_path / "own")
    session = Session(Config.checked(dataset="folder", **QUICK), given=str(place)).start()
    until(lambda: session.state == "failed")
    assert "take longer than" in session.message
    session.close()


def test_who_leaves_while_they_are_read_is_not_waited_for(tmp_path, monkeypatch):
    from snnlab.data.own import class_folders

    read = class_folders.read_picture
    place = given.put(zipped(), tmp_path / "own")
    session = Session(Config.checked(dataset="folder", **QUICK), given=str(place))
    seen = []

    def leave(*arguments, **options):
        session.order(Close())
        seen.append(1)
        return read(*arguments, **options)

    monkeypatch.setattr(class_folders, "read_picture", leave)
    session.start()
    until(lambda: session.state == "closed")
    assert len(seen) <= class_folders.REPORT_INTERVAL


def test_what_was_left_in_a_crash_is_tidied_away(tmp_path):
    import os

    store = Store(1000, tmp_path)
    place = given.put(zipped(), store.own("visitor"))
    store.tidy()
    assert place.exists()
    os.utime(place, (1, 1))
    store.tidy()
    assert not store.own("visitor").exists()
    store.folder("other").mkdir()  # nothing has been written yet
    store.tidy()
    assert store.folder("other").exists()


def test_a_file_in_parts_is_put_together_and_no_more_than_the_limit():
    widget = upload.chooser(2 * upload.CHUNK_BYTES + 5)

    def send(chunk, total, size, name="a.zip"):
        widget._handle_msg({"status": "upload_event", "name": name, "mime_type": "", "data":
                            bytes(size), "chunk": chunk, "total_chunks": total})  # fmt: skip
        return sum(len(c) for f in widget._file_buffer.values() for c in f["chunks"].values())

    assert send(1, 3, upload.CHUNK_BYTES) == upload.CHUNK_BYTES
    assert send(2, 3, upload.CHUNK_BYTES) == 2 * upload.CHUNK_BYTES
    assert send(3, 3, 6) == 0, "a byte too many: all is let go"
    for chunk, total, size in ((1, 3, upload.CHUNK_BYTES), (2, 3, upload.CHUNK_BYTES), (3, 3, 5)):
        send(chunk, total, size)
    widget._handle_msg({"status": "finished"})
    assert len(widget.value) == 2 * upload.CHUNK_BYTES + 5
    send(1, 3, 10)
    for chunk, total in ((3, 3), (1, 99), (0, 1), (True, 1), (1, 1.0)):
        assert send(chunk, total, 10) == 0
    for k in range(9):
        assert send(1, 3, 100, f"file {k}") == 100, "one file at a time"


def test_a_file_that_the_browser_refuses_is_said_and_no_error(monkeypatch):
    said = []
    area = SimpleNamespace(error=lambda words, duration: said.append(words))
    monkeypatch.setattr(type(pn.state), "notifications", area)
    widget = upload.chooser(12_000_000)
    widget._handle_msg(
        {"status": "error", "error": 'File "a.zip" (8 GB) exceeds maximum file size'}
    )
    widget._handle_msg({"status": "error", "error": "wrong type"})
    widget._handle_msg({"status": "of no kind"})
    assert said == [
        "the file was not sent: use one of 12 MB at most",
        "the file was not sent: choose PNG or JPEG",
    ]  # fmt: skip
    assert widget.value is None


def test_plots_have_a_shape_before_the_data_are_there():
    assert len(blank.classes_of(Config.checked(dataset="folder"))) == 10
    assert "load('folder', data_dir='my-data')" in as_python(Config.checked(dataset="folder"))


def test_a_sweep_is_over_the_visitors_data(compute, tmp_path):
    place = given.put(zipped(), tmp_path / "own")
    plan = Plan.checked(vary={"beta": "5:20"}, trials=1, settings={"dataset": "folder", **QUICK})
    sweep = compute.sweeps.begin(plan, str(place))
    given.put(b"not a table", tmp_path / "own")  # it searches on those that it began with
    until(lambda: sweep.over, 120)
    assert sweep.state == "finished", sweep.message
    assert len(sweep.trials) == 1
    assert compute.sweeps.folders == [sweep.folder]
    sweep.forget()
    assert not sweep.folder.exists()


def test_a_sweep_of_data_that_cannot_be_kept_is_refused(compute, tmp_path):
    plan = Plan.checked(vary={"beta": "5:20"}, trials=1, settings={"dataset": "folder", **QUICK})
    refused(
        lambda: compute.sweeps.begin(plan, str(tmp_path / "gone.zip")),
        "your data cannot be kept on the server: No such file or directory",
    )


# In a browser


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.delenv("SNNLAB_DATA", raising=False)
    flags = ("--dataset", "digits", "--hidden", "20", "--epochs", "500", "--max-upload", "12")
    server = aside(lambda: Server(*flags, SNNLAB_CACHE=str(tmp_path)).wait())
    yield server
    printed = server.stop()
    assert not re.search(r'File ".*/(app|snnlab|snnlab_app)/(?!cli|serve|\.venv)', printed), printed


def drop(page, name, data):
    """As a person does who pulls a file from another window onto the button."""
    page.get_by_role("button", name="Data", exact=True).click()
    button = page.get_by_text(OWN, exact=True)
    expect(button).to_be_visible()
    transfer = page.evaluate_handle(
        """([name, data]) => {
          const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], name));
          return transfer;
        }""",
        [name, base64.b64encode(data).decode()],
    )
    for event in ("dragenter", "dragover", "drop"):
        button.dispatch_event(event, {"dataTransfer": transfer})


@pytest.mark.browser
def test_a_zip_is_dropped_and_trained_on(page, server, tmp_path):
    page.goto(server.url)
    expect(page.get_by_text(re.compile("^Ready · scikit-learn"))).to_be_visible(timeout=60_000)
    drop(page, "my pictures.zip", zipped(more=9_000_000))  # in two parts
    said = "^Ready · your data.zip, 48 images; 1 file not in a class, not used; the images are dark"
    expect(page.get_by_text(re.compile(said))).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_text(re.compile("^running: step [0-9]{2}"))).to_be_visible(timeout=60_000)
    page.get_by_role("tab", name="Errors").click()
    expect(page.get_by_text("any wrong").first).to_be_visible()
    kept = tmp_path / "visitors"
    until(lambda: len(list(kept.glob("*.own/data.zip"))) == 1)
    page.close(run_before_unload=True)
    until(lambda: list(kept.iterdir()) == [], 20)


@pytest.mark.slow
@pytest.mark.browser
def test_a_link_to_data_of_ones_own_without_them_is_one_line(page, server):
    page.goto(f"{server.url}?v=1&dataset=folder")
    said = page.get_by_text(re.compile("data set folder is your own: .*drop it on"))
    expect(said.first).to_be_visible(timeout=60_000)
    drop(page, "a.csv", csv())
    expect(page.get_by_text(re.compile("^Ready · your data.csv"))).to_be_visible(timeout=60_000)


@pytest.mark.slow
@pytest.mark.browser
def test_too_large_a_file_is_said_and_harms_nobody(page, server):
    page.goto(server.url)
    expect(page.get_by_text(re.compile("^Ready · scikit-learn"))).to_be_visible(timeout=60_000)
    drop(page, "large.zip", bytes(13_000_000))
    expect(page.get_by_text("the file was not sent: use one of 12 MB at most")).to_be_visible()
    other = page.context.new_page()
    page.close(run_before_unload=True)
    other.goto(server.url)
    expect(other.get_by_text("Hidden membranes", exact=True)).to_be_visible(timeout=60_000)
