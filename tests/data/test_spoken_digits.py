"""Spoken digits: archive, folder, cache and host, each verified; the host is on the loopback
interface, and recordings are made ones but for the slow tests.
"""

import gzip
import io
import os
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from conftest import leave_out
from refusal import refused
from sounds import digest, make_wavs, wav, word

from snnlab.data import load
from snnlab.data.published import download, spoken_digits
from snnlab.data.published.spoken_digits import ARCHIVE, hear
from snnlab.errors import DataUnavailable, SnnlabError

PUBLISHED = spoken_digits.DIGEST
ELSEWHERE = Path(os.environ["SNNLAB_DATA"]) if "SNNLAB_DATA" in os.environ else None
NOBODY = "http://127.0.0.1:1"  # a port nothing listens on


WAVS = make_wavs()


def archive(wavs, extra=()):
    """Content of a tar.gz like GitHub's, with other files in it."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in (("x/README.md", b"hello"), *extra,
                              *((f"x/recordings/{n}", c) for n, c in wavs.items())):  # fmt: skip
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


ARCHIVED = archive(WAVS)


@pytest.fixture(autouse=True)
def made(tmp_path, monkeypatch):
    """The made recordings in place of the real ones, an empty cache, and no folder."""
    monkeypatch.setattr(spoken_digits, "DIGEST", digest(WAVS))
    monkeypatch.setattr(download, "PAUSE", 0.0)
    monkeypatch.delenv("SNNLAB_DATA", raising=False)
    monkeypatch.setenv("SNNLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SNNLAB_MIRROR", NOBODY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path


class Host(ThreadingHTTPServer):
    """Serves one content; breaks off after ``breaks`` bytes of each answer, if given; encoding :
    what it calls the content."""

    def __init__(self, content, breaks=None, ranges=True, encoding=None):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.encoding = encoding
        self.content, self.breaks, self.ranges, self.asked = content, breaks, ranges, []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        host, wanted = self.server, self.headers.get("Range", "")
        host.asked.append((self.path, wanted))
        first = int(wanted[6:].rstrip("-")) if wanted and host.ranges else 0
        if first >= len(host.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(host.content)}")
            self.end_headers()
            return
        body = host.content[first:]
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(body)))
        if host.encoding:
            self.send_header("Content-Encoding", host.encoding)
        self.end_headers()
        self.wfile.write(body[: host.breaks])

    def log_message(self, *_):
        pass


@pytest.fixture
def serve(monkeypatch):
    hosts = []

    def start(*content, **options):
        hosts.append(Host(*content, **options))
        monkeypatch.setenv("SNNLAB_MIRROR", hosts[-1].url)
        return hosts[-1]

    yield start
    for host in hosts:
        host.shutdown()
        host.server_close()


def arrays_of(dataset):
    return [array.tolist() for array in dataset.arrays()]


def test_takes_0_to_4_of_each_digit_and_speaker_test(made):
    (made / ARCHIVE).write_bytes(ARCHIVED)
    dataset = load("spoken-digits", data_dir=made)
    assert (len(dataset.train), len(dataset.test)) == (8, 20)
    assert dataset.test_labels.tolist() == [0] * 10 + [1] * 10
    assert set(dataset.train_groups) == {0, 4}
    assert dataset.groups[4] == "theo"
    tick, channel = hear(WAVS["1_theo_5.wav"])
    last = dataset.train.take([6])  # 0 george 5, 6; 0 theo 5, 6; 1 george 5, 6; 1 theo 5
    np.testing.assert_array_equal(last.tick, tick)
    np.testing.assert_array_equal(last.channel, channel)


@pytest.mark.parametrize("kind", ["archive", "folder"])
def test_every_test_recording_has_its_sound(made, kind):
    if kind == "archive":
        (made / ARCHIVE).write_bytes(ARCHIVED)
    else:
        (made / "recordings").mkdir()
        for name, content in WAVS.items():
            (made / "recordings" / name).write_bytes(content)
    dataset = load("spoken-digits", data_dir=made)
    assert dataset.wav(0) == WAVS["0_george_0.wav"]
    assert dataset.wav(19) == WAVS["1_theo_4.wav"]
    assert sorted(dataset.sounds) == sorted(WAVS)
    parted = dataset.held_out(["theo"])
    assert len(parted.test) == 14
    for k in range(14):
        tick, _ = hear(parted.wav(k))
        np.testing.assert_array_equal(parted.test.take([k]).tick, tick)


def test_a_sound_that_is_gone_is_one_line(made):
    path = made / ARCHIVE
    path.write_bytes(ARCHIVED)
    dataset = load("spoken-digits", data_dir=made)
    path.unlink()
    refused(lambda: dataset.wav(0), "damaged or incomplete archive")


def test_archive_folder_and_host_give_the_same(made, serve):
    home = made / "data" / "fsdd"
    (home / "recordings").mkdir(parents=True)
    for name, content in WAVS.items():
        (home / "recordings" / name).write_bytes(content)
    by_folder = load("spoken-digits", data_dir=made / "data")
    assert by_folder.origin == f"folder {home / 'recordings'}"
    for file in (made / "cache").rglob("*.npz"):
        file.unlink()
    host = serve(ARCHIVED)
    by_host = load("spoken-digits")
    assert host.asked == [(f"/spoken-digits/{ARCHIVE}", "")]
    assert arrays_of(by_host) == arrays_of(by_folder)


def test_spikes_are_made_once_and_a_damaged_cache_is_made_again(made, monkeypatch):
    (made / ARCHIVE).write_bytes(ARCHIVED)
    first = load("spoken-digits", data_dir=made)
    (kept,) = (made / "cache" / "spoken-digits").glob("spikes-*.npz")
    convert = spoken_digits.convert
    monkeypatch.setattr(spoken_digits, "convert", None)  # not called
    assert arrays_of(load("spoken-digits", data_dir=made)) == arrays_of(first)
    monkeypatch.setattr(spoken_digits, "convert", convert)
    whole = kept.read_bytes()
    told = []
    for damaged in (whole[: len(whole) // 2], b"", b"hello"):
        kept.write_bytes(damaged)
        again = load("spoken-digits", data_dir=made, progress=lambda *step: told.append(step[0]))
        assert arrays_of(again) == arrays_of(first)
        assert kept.read_bytes() == whole
    assert sum("damaged and will be made again" in text for text in told) == 3


def test_what_is_kept_does_not_stand_for_another_place(made):
    (made / ARCHIVE).write_bytes(ARCHIVED)
    load("spoken-digits", data_dir=made)
    (made / "other").mkdir()
    (made / "other" / "0_george_0.wav").write_bytes(WAVS["0_george_0.wav"])
    refused(lambda: load("spoken-digits", data_dir=made / "other"), str(made / "other"))
    (made / "README.md").write_text("hello")
    refused(lambda: load("spoken-digits", data_dir=made / "README.md"), "README.md")


def test_a_host_may_call_the_archive_an_encoding(made, serve):
    serve(ARCHIVED, encoding="gzip")
    assert len(load("spoken-digits").train) == 8
    assert (made / "cache" / "spoken-digits" / ARCHIVE).read_bytes() == ARCHIVED


def test_a_cache_that_cannot_be_written_costs_one_message(made, monkeypatch):
    (made / ARCHIVE).write_bytes(ARCHIVED)
    (made / "file").write_text("")
    monkeypatch.setenv("SNNLAB_CACHE", str(made / "file"))
    told = []
    dataset = load("spoken-digits", data_dir=made, progress=lambda *step: told.append(step[0]))
    assert len(dataset.train) == 8
    assert any("not cached" in text for text in told)


def test_a_download_goes_on_where_it_broke_off(made, serve):
    host = serve(ARCHIVED, breaks=len(ARCHIVED) // 3)
    load("spoken-digits")
    firsts = [int(asked[6:-1] or 0) if asked else 0 for _, asked in host.asked]
    assert len(firsts) >= 3
    assert firsts == sorted(set(firsts))
    assert (made / "cache" / "spoken-digits" / ARCHIVE).read_bytes() == ARCHIVED


def test_a_later_call_goes_on_with_the_part(made, serve):
    part = made / "cache" / "spoken-digits" / f"{ARCHIVE}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(ARCHIVED[:1000])
    host = serve(ARCHIVED)
    load("spoken-digits")
    assert [asked for _, asked in host.asked] == ["bytes=1000-"]
    assert not part.exists()


def test_a_host_without_ranges_sends_all_again(made, serve):
    part = made / "cache" / "spoken-digits" / f"{ARCHIVE}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"something else")
    serve(ARCHIVED, ranges=False)
    assert len(load("spoken-digits").train) == 8


def test_a_wrong_file_is_refused_and_fetched_again(made, serve):
    others = {**WAVS, "0_george_0.wav": WAVS["1_george_0.wav"]}
    serve(archive(others))
    refused(lambda: load("spoken-digits"), f"28 recordings of digest {digest(others)}, expected")
    assert not list((made / "cache" / "spoken-digits").iterdir())
    serve(ARCHIVED)
    assert len(load("spoken-digits").train) == 8


def test_without_a_host_it_is_said_what_to_do(made):
    with pytest.raises(DataUnavailable) as error:
        load("spoken-digits")
    assert "no answer" in str(error.value)
    assert "--data-dir" in str(error.value)
    refused(lambda: load("spoken-digits", data_dir=made / "none"), f"expected {ARCHIVE}")


def bomb():
    """A wav file of 300 MB of zeros in 300 kB."""
    file = io.BytesIO()
    with gzip.GzipFile(fileobj=file, mode="wb") as out:
        info = tarfile.TarInfo("x/recordings/0_george_0.wav")
        info.size = 300 * 2**20
        out.write(info.tobuf())
        for _ in range(300):
            out.write(bytes(2**20))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (ARCHIVED[: len(ARCHIVED) // 2], "damaged or incomplete archive"),
        (b"hello", "damaged or incomplete archive"),
        (b"", "damaged or incomplete archive"),
        (archive({}), "0 recordings of digest"),
        (archive(WAVS, extra=[("../0_george_99.wav", b"x")]), "29 recordings of digest"),
        (bomb(), "holds more than the recordings expected"),
    ],
)  # fmt: skip
def test_a_damaged_archive_is_one_line(made, content, said):
    (made / ARCHIVE).write_bytes(content)
    refused(lambda: load("spoken-digits", data_dir=made / ARCHIVE), said, folder=made)


def test_a_sound_is_heard_from_where_it_begins():
    silence = np.random.default_rng(0).standard_normal(4_000) * 1e-4
    tick, channel = hear(wav(word()))
    later, same = hear(wav(np.concatenate([silence, word(), silence])))
    assert abs(len(later) - len(tick)) <= 0.1 * len(tick)
    assert abs(int(later[0]) - int(tick[0])) * 25e-6 < 0.06
    counts = [np.bincount(one, minlength=70) for one in (channel, same)]
    assert np.corrcoef(*counts)[0, 1] > 0.9


def test_what_is_no_digit_is_one_line():
    refused(lambda: hear(wav(np.zeros(8_000))), "the sound is silent")
    refused(lambda: hear(wav(np.tile(word(), 200))), "holds 80.0 s of sound", "cut it to one digit")
    long = wav(np.zeros(4_000 * 130), 4_000, np.uint8)
    refused(lambda: hear(long), "lasts 130 s, at most 120 s are searched", "cut it to one digit")


@pytest.mark.slow
def test_the_published_recordings_are_read(monkeypatch):
    monkeypatch.setattr(spoken_digits, "DIGEST", PUBLISHED)
    if ELSEWHERE is None or spoken_digits.find(ELSEWHERE) is None:
        leave_out(SnnlabError(f"no {ARCHIVE} in SNNLAB_DATA"))
    dataset = load("spoken-digits", data_dir=ELSEWHERE)
    assert (len(dataset.train), len(dataset.test)) == (2_700, 300)
    assert np.bincount(dataset.test_labels).tolist() == [30] * 10
    assert np.bincount(dataset.train_groups).tolist() == [450] * 6
    assert dataset.train.counts.min() > 50
    assert dataset.train.counts.mean() == pytest.approx(489, abs=5)
