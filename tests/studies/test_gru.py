"""The yardstick for recordings: its size is what it says, and it learns what the chip is given."""

import pytest
from recordings import recordings

from snnlab.config import Config
from snnlab.studies.gru import Gru, choose_units, count_parameters, train_gru


@pytest.mark.parametrize(("inputs", "units", "classes"), [(70, 57, 10), (20, 1, 2)])
def test_parameters_are_counted_as_torch_does(inputs, units, classes):
    network = Gru(inputs, units, classes)
    whole = sum(p.numel() for p in network.parameters())
    assert count_parameters(inputs, units, classes) == whole


def test_the_gru_beside_the_recurrent_chip_has_no_more_parameters():
    """70-186R-10 has 256 · 186 + 186 · 10 weights."""
    units = choose_units(49_476, 70, 10)
    assert count_parameters(70, units, 10) <= 49_476 < count_parameters(70, units + 1, 10)
    assert choose_units(1, 70, 10) == 1


def test_it_learns_made_recordings_the_same_way_every_time():
    config = Config.checked(
        dataset="spikes", duration=0.2, batch=20, epochs=6, learning_rate=1e-2, seed=3
    )
    data = recordings(n=120, channels=20)
    accuracy = train_gru(config, data, 2000)
    assert accuracy > 0.9
    assert train_gru(config, data, 2000) == accuracy
