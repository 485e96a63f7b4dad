"""Values of knobs as text."""

import pytest

from snnlab.config import Config


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("mismatch", 0.3, "30 %"),
        ("mismatch", 0.1 + 0.2, "30 %"),
        ("tau_mem", 7.3e-6, "7.3 µs"),
        ("beta", 50.0, "50"),
        ("rho_burst", 5e-4, "0.0005"),
        ("cadc_noise", 1.5, "1.5 LSB"),
        ("shift", 2.0, "2 px"),
        ("hidden", [246, 100], "246-100"),
        ("killed", [], "none"),
        ("calibration", "measured", "measured"),
        ("epochs", 20, "20"),
    ],
)
def test_a_value_is_written_in_the_unit_of_the_page(name, value, text):
    assert Config.describe(name, value) == text


def test_every_default_can_be_written():
    assert all(Config.describe(name, value) for name, value in Config().values().items())
