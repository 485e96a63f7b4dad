"""Taking turns: clicks before trainings, each in the order of asking."""

from threading import Thread

import pytest
from conftest import until

from snnlab_app.session.turns import Line, nth


def enter(line, order, name, **lane):
    """A thread that notes its name when its turn comes."""

    def run():
        with line.turn(**lane):
            order.append(name)

    thread = Thread(target=run)
    waiting = len(line._clicked) + len(line._training)
    thread.start()
    until(lambda: len(line._clicked) + len(line._training) > waiting)
    return thread


def test_turns_come_in_the_order_of_asking_and_clicks_before_training():
    line, order = Line(), []
    with line.turn():
        threads = [
            enter(line, order, "trains first", training=True),
            enter(line, order, "trains second", training=True),
            enter(line, order, "clicked first"),
            enter(line, order, "clicked second"),
        ]
        assert line.hurried
        assert order == []
    for thread in threads:
        thread.join(5)
    assert order == ["clicked first", "clicked second", "trains first", "trains second"]
    assert not line.hurried
    with line.turn():  # it is free again
        pass


def test_only_one_has_the_turn():
    line, inside, most = Line(), [], []

    def work():
        for k in range(200):
            with line.turn(training=k % 2 == 0):
                inside.append(None)
                most.append(len(inside))
                inside.pop()

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (len(most), max(most)) == (1600, 1)


def test_who_waits_hears_its_place_and_may_give_up():
    line, heard = Line(), []

    class Enough(Exception):
        pass

    def give_up(place):
        heard.append(place)
        raise Enough

    with line.turn():
        first = enter(line, [], "before")
        with pytest.raises(Enough), line.turn(wait=give_up):
            raise AssertionError("it has no turn")
    first.join(5)
    assert heard == [2]
    assert (len(line._clicked), line._busy) == (0, False)


def test_the_more_train_the_shorter_a_turn():
    line = Line()
    whole = line.slice
    with line.turn():
        threads = [enter(line, [], k, training=True) for k in range(3)]
        assert line.slice == pytest.approx(whole / 4)
    for thread in threads:
        thread.join(5)


@pytest.mark.parametrize(
    ("place", "said"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (13, "13th"),
     (21, "21st"), (102, "102nd"), (111, "111th")],
)  # fmt: skip
def test_places_are_said_as_people_say_them(place, said):
    assert nth(place) == said
