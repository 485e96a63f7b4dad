"""The arithmetic behind the dashboard's views: floor plan, confusion, reach, drawings."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from bokeh.models import ColumnDataSource, Plot, Range1d

from snnlab.chip.layout import floor
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.recording import Recording
from snnlab.data.images.drawing import from_picture, from_strokes
from snnlab.errors import SnnlabError
from snnlab.events import Events
from snnlab.learn.gradient.surrogate import Surrogate
from snnlab.learn.reach import membrane_histogram, reached
from snnlab.plotting import TRACE_COLORS
from snnlab.plotting.raster import thicken
from snnlab.plotting.search import round_numbers
from snnlab.studies.confusion import UNKNOWN, confusion, images_of, margins
from snnlab_app.plots.annotations import NAME_GAP, EndNames, free_lines
from snnlab_app.plots.displays import newest_test, numbers
from snnlab_app.plots.theme import LIGHTER
from snnlab_app.session.snapshot import Mark
from snnlab_app.views.sweep import with_unit


def test_circuits_lie_along_the_first_row_and_back_along_the_second():
    plan = floor.laid_out(np.arange(512))
    assert plan.shape == (2, 256)
    assert (plan[0, 0], plan[0, 255], plan[1, 255], plan[1, 0]) == (0, 255, 256, 511)
    for row, column in [(0, 3), (1, 3)]:
        assert plan[row, column] == floor.circuit_at(row, column)
    with pytest.raises(SnnlabError, match="no circuit at row 2, column 0"):
        floor.circuit_at(2, 0)


def test_every_weight_lies_in_one_place():
    mapping, rng = Mapping((256, 246, 10)), np.random.default_rng(1)
    weights = [rng.integers(-63, 64, shape).astype(np.int8) for shape in ((256, 246), (246, 10))]
    plan = floor.weights_in_place(mapping, weights)
    used = plan[plan != floor.NOTHING]
    assert sorted(used) == sorted(np.concatenate([w.ravel() for w in weights]))
    layer, neuron = floor.users(mapping)
    first, second = mapping.circuits[0][7]  # inputs 0 to 127 on the first, the rest on the second
    assert (layer[first], neuron[second]) == (0, 7)
    for half, circuit in enumerate((first, second)):
        row, column = np.argwhere(floor.laid_out(np.arange(512)) == circuit)[0]
        np.testing.assert_array_equal(
            plan[row, :, column], weights[0][128 * half : 128 * (half + 1), 7]
        )


def test_texts_of_marks_lie_above_those_that_they_would_touch():
    assert free_lines([0, 50, 200], [100, 100, 50], [1, 1, 1]) == [0, 1, 0]
    assert free_lines([0, 50], [100, 100], [2, 1]) == [0, 2], "the first has two lines"
    assert free_lines([0, 1, 2, 3], [9, 9, 9, 9], [1, 1, 1, 1]) == [0, 1, 2, 0]
    assert free_lines([], [], []) == []


def moment(marks=(), tests=(0, 600), steps=600):
    """A snapshot of a training after its second test, as far as its numbers need it."""
    step = np.arange(1.0, steps + 1)
    history = {"step": step, "accuracy": np.ones(steps), "spikes": np.where(step > 500, 30.0, 60.0),
               "activity": np.where(step > 500, 0.020, 0.025)}  # fmt: skip
    held = {"step": np.array([600.0]), "accuracy": np.array([0.75]), "low": np.array([0.7]),
            "high": np.array([0.8])}  # fmt: skip
    return SimpleNamespace(
        step=steps, history=history, marks=tuple(Mark(at, "turned") for at in marks),
        held_out=held, tests={"step": np.array(tests)}, test_accuracy=0.97, test_inputs=10_000,
        activity_at_start=0.025, images_per_second=1000.0, kind="image",
    )  # fmt: skip


def test_a_change_is_said_once_something_ran_with_it():
    assert numbers(moment())["Hidden spikes / image"] == ("30.0", "")
    assert numbers(moment())["Power by activity (est.)"] == ("20.0 mW", "−20 % since start")
    assert numbers(moment(marks=[600]))["Hidden spikes / image"][1] == "", "no batch yet"
    turned = numbers(moment(marks=[500]))
    assert turned["Hidden spikes / image"][1] == "−50 % since step 500"
    assert turned["Power by activity (est.)"][1] == "−20 %"


def test_a_full_test_before_the_newest_turn_is_out_of_date():
    assert newest_test(moment()) == (0.97, "on the full test set")
    assert newest_test(moment(marks=[500])) == (0.97, "on the full test set")
    assert newest_test(moment(marks=[600])) == (0.75, "on 250 test images")
    assert newest_test(moment(tests=[0])) == (0.75, "on 250 test images")
    assert newest_test(moment(tests=[0, 400])) == (0.97, "on the full test set at step 400")
    assert newest_test(moment(tests=[0], steps=0)) == (0.97, "on the full test set")


def test_confusion_counts_every_image_that_was_asked():
    labels, decided = np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, UNKNOWN, 0])
    np.testing.assert_array_equal(confusion(labels, decided, 3), [[1, 1, 0], [0, 1, 0], [1, 0, 0]])
    margin = np.array([0.5, -0.1, 0.2, 0.0, -0.9])
    assert images_of((0, 1), labels, decided, margin).tolist() == [1]
    assert images_of(None, labels, decided, margin).tolist() == [4, 1]
    assert images_of((2, 2), labels, decided, margin).tolist() == []


def test_a_margin_is_negative_exactly_where_the_decision_is_wrong():
    peaks, labels = np.random.default_rng(2).random((200, 10)), np.arange(200) % 10
    margin = margins(peaks.astype(np.float32), labels)
    np.testing.assert_array_equal(margin < 0, peaks.argmax(axis=1) != labels)


def _recording(cadc, fired=()):
    """One image of a layer of neurons; ``fired`` names those with a spike."""
    fired = np.array(sorted(fired), np.uint16)
    ids = np.zeros(1, np.uint64)
    spikes = Events(
        np.array([0, len(fired)]), np.full(len(fired), 100, np.uint16), fired, cadc.shape[2], ids
    )
    return Recording(spikes, (spikes,), (cadc.astype(np.uint8), cadc.astype(np.uint8)))


def test_the_histogram_holds_every_sample_but_the_first_where_it_was():
    cadc = np.full((1, 5, 2), 80)
    cadc[0, 1:, 0] = 150  # at the threshold, 70 LSB above rest
    edges, share = membrane_histogram(_recording(cadc))
    assert share.sum() == pytest.approx(1.0)
    for place in (0.0, 1.0):
        k = np.searchsorted(edges, place) - 1
        assert share[k] == pytest.approx(0.5)


def test_gradient_reaches_who_is_near_the_threshold_or_fired():
    cadc = np.full((1, 5, 4), 80)
    cadc[0, 3, 0] = 150  # at it
    cadc[0, 3, 1] = 140  # 1/7 below
    recording = _recording(cadc, fired=[2])
    assert reached(recording, Surrogate(50.0))[0].tolist() == [True, False, True, False]
    assert reached(recording, Surrogate(0.1))[0].tolist() == [True] * 4
    # From rest to the threshold in half a period: twice as high at its end.
    above = Surrogate(50.0, "overshoot")
    assert reached(recording, above)[0].tolist() == [True, False, False, False]


@pytest.mark.parametrize("side", [16, 28])
def test_a_drawing_is_placed_like_mnist_wherever_and_however_large_it_was_drawn(side):
    stroke = np.array([[0.0, 0.0], [1.0, 3.0], [0.2, 5.0]])
    image = from_strokes([stroke], side)
    assert image.shape == (side, side)
    assert image.dtype == np.uint8
    assert image.max() > 200
    np.testing.assert_array_equal(from_strokes([stroke * 40 + 300], side), image)
    rows, columns = np.indices(image.shape)
    for axis in (rows, columns):
        assert (image * axis).sum() / image.sum() == pytest.approx((side - 1) / 2, abs=0.9)


def test_a_drawing_fills_twenty_of_twenty_eight_pixels():
    image = from_strokes([np.array([[0.0, 0.0], [0.0, 9.0]])], 28)
    height = np.flatnonzero(image.any(axis=1))
    assert 19 <= height[-1] - height[0] + 1 <= 21


def test_a_picture_dark_on_bright_is_the_same_as_bright_on_dark():
    dark = np.full((60, 50), 230, np.uint8)
    dark[10:50, 20:28] = 10
    np.testing.assert_array_equal(from_picture(dark, 16), from_picture(240 - dark, 16))
    assert from_picture(dark, 28).max() == 255


def test_what_is_no_drawing_is_refused():
    with pytest.raises(SnnlabError, match="drawing of 0 points"):
        from_strokes([], 16)
    with pytest.raises(SnnlabError, match="of one colour"):
        from_picture(np.full((9, 9), 7, np.uint8), 16)


def test_spikes_drawn_small_grow_into_empty_cells_only():
    rng = np.random.default_rng(5)
    cells = rng.choice([0, 0, 0, 0, 0, 1, 2, 40], (30, 20)).astype(np.uint8)
    expected = cells.copy()
    for row, column in np.argwhere(cells == 0):
        near = cells[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 1]
        expected[row, column] = max((v for v in near.ravel() if v < 3), default=0)
    np.testing.assert_array_equal(thicken(cells), expected)


@pytest.mark.parametrize(
    ("low", "high", "numbers"),
    [
        (0.02, 1.0, [0.02, 0.05, 0.1, 0.2, 0.5, 1]), (3.0, 40.0, [5, 10, 20]),
        (2e-6, 9e-6, [2e-6, 5e-6]), (1.0, 1.5, [1]),
    ],
)  # fmt: skip
def test_a_short_logarithmic_axis_has_round_numbers(low, high, numbers):
    assert round_numbers(low, high) == pytest.approx(numbers)


def test_where_not_all_names_fit_those_of_the_highest_curves_are_written():
    figure = Plot(y_range=Range1d(0.0, 10.0))
    ends = EndNames(figure, dict.fromkeys("abcdef", "#000000"))
    source = next(iter(figure.select(type=ColumnDataSource)))
    heights = dict(zip("abcdef", range(6), strict=True))
    long = {name: (1.0, height, 3 * name) for name, height in heights.items()}
    ends.write(long)
    assert source.data["text"] == [3 * name for name in "abcdef"]
    ends.scale = 5.0  # as where the frame has room for two lines
    ends.write(long)
    assert source.data["text"] == ["eee", "fff"]
    assert source.data["shift"] == [NAME_GAP, NAME_GAP]
    ends.write({name: (1.0, height, name) for name, height in heights.items()})
    assert source.data["text"] == ["c", "d", "e", "f"], "short ones, in two columns"
    assert source.data["shift"][0] == source.data["shift"][2] == NAME_GAP
    assert source.data["shift"][1] == source.data["shift"][3] > NAME_GAP


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("test accuracy (%)", "test accuracy 90 %"),
        ("hidden spikes / image", "hidden spikes / image 90"),
    ],
)
def test_a_value_is_said_with_its_unit(label, said):
    assert with_unit(label, "90", " ") == said


def test_the_colours_of_curves_can_be_told_apart_in_light_and_dark():
    dark = [LIGHTER.get(color.lower(), color) for color in TRACE_COLORS]
    for colors in (TRACE_COLORS, dark):
        nearest = min(np.linalg.norm(lab(a) - lab(b)) for a, b in combinations(colors, 2))
        assert nearest > 25, "one is hardly told from another"


def lab(color):
    """Lightness, red over green, yellow over blue (CIE 1976) of a colour as "#rrggbb"."""
    rgb = np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]] @ linear
    relative = xyz / [0.9505, 1.0, 1.089]
    x, y, z = np.where(relative > 0.008856, np.cbrt(relative), 7.787 * relative + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])
