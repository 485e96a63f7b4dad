"""Recordings in files: HDF5 in the layout of the Heidelberg digits, npz, and all that is wrong."""

import zipfile

import h5py
import numpy as np
import pytest
from recordings import flat, write_hdf5
from refusal import refused

from snnlab.config import Config
from snnlab.data import load
from snnlab.data.spikes import load_spikes
from snnlab.data.spikes.files import ASSUMED
from snnlab.data.spikes.packing import MAX_PLAYED, choose_channels
from snnlab.data.spikes.recorded import RESOLUTION
from snnlab.files import npz, write_whole


def save(path, arrays):
    write_whole(path, npz(arrays))
    return path


def spikes_of(dataset):
    """Ticks and channels of all recordings by their label and speaker, in any order."""
    found = []
    for part in ("train", "test"):
        events = dataset.events(part)
        for k in range(len(events)):
            one = events.take([k])
            spikes = tuple(zip(one.tick.tolist(), one.channel.tolist(), strict=True))
            found.append((int(dataset.labels(part)[k]), int(dataset.groups_of(part)[k]), spikes))
    return sorted(found)


def test_hdf5_and_npz_hold_the_same(tmp_path):
    arrays = {**flat(), "channels": np.array(700)}
    arrays["times"] = np.sort(arrays["times"].astype(np.float32).reshape(10, 20), axis=1).ravel()
    by_npz = load_spikes(save(tmp_path / "a.npz", arrays))
    by_hdf5 = load_spikes(write_hdf5(tmp_path / "a.h5", arrays))
    assert spikes_of(by_npz) == spikes_of(by_hdf5)
    assert (by_npz.train.n_channels, by_npz.n_channels) == (700, 70)
    assert by_hdf5.groups == ("0", "1")
    assert by_hdf5.unit == RESOLUTION
    ticks = np.floor(arrays["times"][:20].astype(np.float64) / RESOLUTION)
    np.testing.assert_allclose(by_npz.train.tick[:20], ticks, atol=1)


def test_hdf5_of_few_channels_has_those_it_uses(tmp_path):
    """All are heard; of 700 only every 9th would be, from the 70th on."""
    data = load_spikes(write_hdf5(tmp_path / "few.h5", flat(n=20, channels=64)))
    assert (data.train.n_channels, data.n_channels) == (64, 64)
    theirs = load_spikes(write_hdf5(tmp_path / "many.h5", flat(n=20, channels=690)))
    assert (theirs.train.n_channels, theirs.n_channels) == (700, 70)
    assert theirs.own.notes == (ASSUMED,)
    more = load_spikes(write_hdf5(tmp_path / "more.h5", flat(n=20, channels=2000)))
    assert 1900 < more.train.n_channels <= 2000
    assert data.own.notes == more.own.notes == ()


def test_every_recording_learns_or_tests_and_always_the_same(tmp_path):
    path = save(tmp_path / "a.npz", flat(n=40))
    first, again = load_spikes(path), load_spikes(path)
    assert (len(first.train), len(first.test)) == (32, 8)
    assert [a.tolist() for a in first.arrays()] == [a.tolist() for a in again.arrays()]
    assert sorted(np.bincount(first.test_labels).tolist()) == [4, 4]


@pytest.mark.parametrize(("takes", "tested"), [(1, 1), (2, 6), (4, 6), (5, 6), (9, 6), (10, 12)])
def test_every_class_tests_however_few_takes_a_speaker_has(tmp_path, takes, tested):
    labels, speakers = (np.repeat(k, takes) for k in np.divmod(np.arange(60), 6))
    arrays = {**flat(n=60 * takes), "labels": labels, "speakers": speakers}
    dataset = load_spikes(save(tmp_path / "a.npz", arrays))
    assert np.bincount(dataset.test_labels).tolist() == [tested] * 10


def test_what_a_speaker_said_once_is_divided_by_class(tmp_path):
    arrays = {**flat(), "labels": np.repeat([0, 1], 5), "speakers": np.array([0, 0, 1, 2, 3] * 2)}
    dataset = load_spikes(save(tmp_path / "a.npz", arrays))
    assert (dataset.test_labels.tolist(), dataset.test_groups.tolist()) == (
        [0, 0, 1, 1],
        [0, 3] * 2,
    )


def test_a_file_may_say_which_recordings_test(tmp_path):
    test = np.array([False, True] * 5)
    dataset = load_spikes(save(tmp_path / "a.npz", {**flat(), "test": test}))
    assert dataset.test_labels.tolist() == [1] * 5
    assert dataset.train_labels.tolist() == [0] * 5


def test_a_folder_holds_a_training_and_a_test_file(tmp_path):
    keys = ["zero", "one"]
    write_hdf5(tmp_path / "my_train.h5", flat(n=6), keys=keys)
    write_hdf5(tmp_path / "my_test.h5", flat(n=4, seed=1), keys=keys)
    dataset = load("spikes", data_dir=tmp_path)
    assert (len(dataset.train), len(dataset.test)) == (6, 4)
    (tmp_path / "my_train.h5").rename(tmp_path / "latest_train.h5")
    assert len(load("spikes", data_dir=tmp_path).train) == 6, "a word of the name, not a part"
    assert dataset.classes == ("zero", "one")
    assert dataset.own.place == str(tmp_path)


def test_a_zipped_file_is_read(tmp_path):
    plain = write_hdf5(tmp_path / "a.h5", flat())
    with zipfile.ZipFile(tmp_path / "b.h5.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(plain, "a.h5")
    assert spikes_of(load_spikes(tmp_path / "b.h5.zip")) == spikes_of(load_spikes(plain))


def test_a_long_recording_gets_a_larger_step(tmp_path):
    arrays = flat()
    arrays["times"] *= 30.0
    dataset = load_spikes(save(tmp_path / "a.npz", arrays))
    assert 10.0 < arrays["times"].max() < MAX_PLAYED
    assert dataset.unit == pytest.approx(arrays["times"].max() / 65_535)


def test_spikes_later_than_can_be_played_are_left_out_and_cost_no_resolution(tmp_path):
    assert Config.param["duration"].bounds[1] == MAX_PLAYED
    arrays, late = flat(), flat()
    late["times"][[19, 199]] = MAX_PLAYED + 1.0, 3000.0  # each the last of its recording
    whole, dataset = (load_spikes(save(tmp_path / "a.npz", given)) for given in (arrays, late))
    assert dataset.own.notes == ("2 spikes after 20 s are not used",)
    assert dataset.unit == whole.unit == RESOLUTION
    for (_, _, spikes), (_, _, less) in zip(spikes_of(whole), spikes_of(dataset), strict=True):
        assert less in (spikes, spikes[:-1])


def test_the_channels_that_the_chip_hears():
    assert choose_channels(700) == (70, 9)  # as published: 70 of 700
    assert len(range(70, 700, 9)) == 70
    for channels in (1, 70, 256):
        assert choose_channels(channels) == (0, 1)
    assert len(range(0, 1000, choose_channels(1000)[1])) <= 256


# ── what is wrong is one line ──


def changed(name, value, at=None):
    def change(arrays):
        if at is None:
            return {**arrays, name: value}
        arrays = {**arrays, name: arrays[name].copy()}
        arrays[name][at] = value
        return arrays

    return change


def without(name):
    return lambda arrays: {k: v for k, v in arrays.items() if k != name}


def unsorted(arrays):
    times = arrays["times"].copy()
    times[[21, 22]] = times[[22, 21]]
    return {**arrays, "times": times}


WRONG = {
    "no labels": (without("labels"), "has no labels, only"),
    "no units": (without("units"), "has no units"),
    "a negative time": (changed("times", -1e-3, 0), "recording 0 is -0.001 s, negative"),
    "NaN": (changed("times", np.nan, 45), "recording 2 is nan s, no number"),
    "infinity": (changed("times", np.inf, 45), "recording 2 is inf s, no number"),
    "milliseconds": (changed("times", 9e5, 19), "beyond 3600 s: give seconds"),
    "unsorted times": (unsorted, "must not decrease within a recording: in recording 1"),
    "a unit beyond the channels": (
        lambda a: {**changed("units", 700, 65)(a), "channels": np.array(700)},
        "unit 700 in recording 3 is out of range: 700 channels end at 699",
    ),
    "a negative unit": (changed("units", -1, 0), "unit -1 in recording 0"),
    "fractions of units": (changed("units", np.full(200, 0.5)), "units are float64"),
    "labels of text": (changed("labels", np.array(["a"] * 10)), "labels are <U1"),
    "negative labels": (changed("labels", -1, 0), "labels range from -1 to"),
    "too few labels": (changed("labels", np.zeros(3, int)), "labels are int64(3,) for 10"),
    "too few times": (changed("times", np.zeros(3)), "offsets must rise from 0 to the 3 spikes"),
    "times in rows": (changed("times", np.zeros((200, 2))), "times have shape (200, 2)"),
    "offsets that fall": (changed("offsets", 500, 3), "offsets must rise"),
    "all test": (changed("test", np.ones(10, bool)), "10 recordings, of which 10 test"),
    "test as numbers": (changed("test", np.ones(10)), "test is float64(10,)"),
    "no channels": (changed("channels", np.array(0)), "0 channels: give 1 to"),
    "too many channels": (changed("channels", np.array(2**20)), "1048576 channels"),
    "times of text": (changed("times", np.array(["a"] * 200)), "times are <U1"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_values_are_one_line(tmp_path, wrong):
    change, said = WRONG[wrong]
    path = save(tmp_path / "a.npz", change(flat()))
    refused(lambda: load_spikes(path), "a.npz" if "of which" not in said else "spikes", said,
            folder=tmp_path)  # fmt: skip


WRONG_HDF5 = {
    "no units": ({"without": ("spikes/units",)}, {}, "has no spikes/units"),
    "no times": ({"without": ("spikes/times",)}, {}, "has no spikes/times"),
    "no labels": ({"without": ("labels",)}, {}, "has no labels"),
    "NaN": ({}, changed("times", np.nan, 45), "recording 2 is nan s, no number"),
    "a negative time": ({}, changed("times", -1e-3, 0), "recording 0 is -0.001 s, negative"),
    "unsorted": ({}, unsorted, "must not decrease"),
    "too few labels": ({}, changed("labels", np.zeros(3, int)), "10, 10 and 3 entries"),
}


@pytest.mark.parametrize("wrong", WRONG_HDF5)
def test_wrong_hdf5_is_one_line(tmp_path, wrong):
    options, change, said = WRONG_HDF5[wrong]
    write_hdf5(tmp_path / "a.h5", change(flat()) if change else flat(), **options)
    refused(lambda: load_spikes(tmp_path / "a.h5"), "a.h5", said, folder=tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": np.zeros(10, int)}, "all recordings have the label 0: give two classes"),
        ({"times": np.empty(0), "units": np.empty(0, int), "offsets": np.zeros(11, int)},
         "no recording has a spike"),
        ({"labels": np.array([1, 2] * 5), "classes": np.array(["left", "right"])},
         "labels go up to 2, but 2 classes have a name"),
    ],
)  # fmt: skip
def test_nothing_to_learn_is_one_line(tmp_path, changes, said):
    save(tmp_path / "a.npz", {**flat(), **changes})
    refused(lambda: load_spikes(tmp_path / "a.npz"), "a.npz", said, folder=tmp_path)


def test_files_that_name_the_classes_differently_are_refused(tmp_path):
    write_hdf5(tmp_path / "train.h5", flat(n=6), keys=["a", "b"])
    write_hdf5(tmp_path / "test.h5", flat(n=4), keys=["b", "a"])
    said = "classes are a, b … in one file, b, a … in the other"
    refused(lambda: load_spikes(tmp_path), said, folder=tmp_path)


def test_hdf5_of_another_layout_is_one_line(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["spikes/times"], file["spikes/units"] = np.zeros((2, 3)), np.zeros((2, 3))
        file["labels"] = np.zeros(2, int)
    refused(lambda: load_spikes(tmp_path / "a.h5"), "spikes/times has shape (2, 3)")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["spikes/times"] = h5py.ExternalLink("/etc/passwd", "/")
        file["spikes/units"], file["labels"] = np.zeros(2), np.zeros(2)
    refused(lambda: load_spikes(tmp_path / "b.h5"), "b.h5")


def test_files_that_are_none_are_one_line(tmp_path):
    (tmp_path / "text.h5").write_text("hello")
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "text.h5.zip").write_text("hello")
    (tmp_path / "a.txt").write_text("hello")
    for name, said in (
        ("text.h5", "not a readable HDF5 file"), ("text.npz", "not an npz file"),
        ("text.h5.zip", "damaged or incomplete zip"), ("none.h5", "no such file"),
        ("a.txt", "give HDF5"),
    ):  # fmt: skip
        refused(lambda name=name: load_spikes(tmp_path / name), name, said)
    refused(lambda: load("spikes"), "is your own: give its path by --data-dir")
    (tmp_path / "empty").mkdir()
    refused(lambda: load_spikes(tmp_path / "empty"), "found nothing: name the file")


def test_a_truncated_file_is_one_line(tmp_path):
    for name in ("a.h5", "a.npz", "a.h5.zip"):
        path = tmp_path / name
        if name == "a.h5":
            write_hdf5(path, flat())
        elif name == "a.npz":
            save(path, flat())
        else:
            with zipfile.ZipFile(path, "w") as archive:
                archive.write(tmp_path / "whole.h5", "a.h5")
        whole = path.read_bytes()
        (tmp_path / "whole.h5").write_bytes(whole)
        path.write_bytes(whole[: len(whole) // 2])
        refused(lambda path=path: load_spikes(path), name)


def test_a_zip_bomb_is_one_line(tmp_path):
    with (
        zipfile.ZipFile(tmp_path / "a.h5.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.h5", "w") as member,
    ):
        for _ in range(300):
            member.write(bytes(2**20))
    assert (tmp_path / "a.h5.zip").stat().st_size < 2**20
    refused(lambda: load_spikes(tmp_path / "a.h5.zip"), "unpacks to 314,572,800 bytes")
    shape = {"descr": "<f8", "fortran_order": False, "shape": (2**25 + 1,)}
    with (
        zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("times.npy", "w") as member,
    ):
        np.lib.format.write_array_header_1_0(member, shape)
        for _ in range(256):
            member.write(bytes(2**20))
    refused(lambda: load_spikes(tmp_path / "b.npz"), "would unpack to more than")


def test_a_pickle_is_never_read(tmp_path):
    arrays = {**flat(), "labels": np.array([{}] * 10, object)}
    np.savez(tmp_path / "a.npz", **arrays)
    refused(lambda: load_spikes(tmp_path / "a.npz"), "labels holds Python objects", "astype(str)")
