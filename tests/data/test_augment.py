"""Augmentation: ramps of brightness show where every pixel came from."""

import numba
import numpy as np
import pytest
from scipy.stats import kstest

from snnlab.data.images.augment import Warp, warp

SIDE, N = 16, 400
IDS = np.arange(N, dtype=np.uint64)
INNER = slice(5, 11)
ROTATION, SHIFT, STRETCH, BEND = 0.25, 2.0, 0.2, 1.5


def came_from(by, key=1, ids=IDS):
    """Source position of the inner pixels, from the middle : px, float64[image, axis, row, column].

    Cubic convolution is exact on ramps, so brightness gives position, up to rounding to 8 bits.
    """
    ramp = np.broadcast_to(np.arange(SIDE, dtype=np.uint8) * 16, (len(ids), SIDE, SIDE))
    across = np.ascontiguousarray(ramp)
    down = np.ascontiguousarray(ramp.transpose(0, 2, 1))
    seen = [warp(images, ids, by, key)[:, INNER, INNER] for images in (down, across)]
    return np.stack(seen, 1) / 16.0 - 7.5


def linear(by, **kw):
    """The affine map of each image: matrix float64[image, 2, 2] and offset float64[image, 2]."""
    source = came_from(by, **kw)
    v, u = np.mgrid[INNER, INNER].reshape(2, -1) - 7.5
    design = np.stack([v, u, np.ones_like(v)], 1)
    fit, *_ = np.linalg.lstsq(design, source.reshape(len(source) * 2, -1).T, rcond=None)
    fit = fit.T.reshape(len(source), 2, 3)
    return fit[..., :2], fit[..., 2]


def uniform(draws, most):
    return kstest(draws, "uniform", args=(-most, 2 * most)).pvalue > 1e-3


def test_a_warp_of_zero_changes_nothing():
    images = np.random.default_rng(1).integers(0, 256, (20, SIDE, SIDE)).astype(np.uint8)
    assert not Warp()
    np.testing.assert_array_equal(warp(images, IDS[:20], Warp(), 3), images)


def test_rotation_is_about_the_middle():
    matrix, offset = linear(Warp(rotation=ROTATION))
    angle = np.arctan2(matrix[:, 1, 0], matrix[:, 0, 0])
    turned = np.stack([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    np.testing.assert_allclose(matrix, turned.transpose(2, 0, 1), atol=0.02)
    np.testing.assert_allclose(offset, 0, atol=0.05)
    assert uniform(angle, ROTATION * 1.02)


def test_shifts_along_the_axes_are_independent():
    matrix, offset = linear(Warp(shift=SHIFT))
    np.testing.assert_allclose(matrix, np.broadcast_to(np.eye(2), matrix.shape), atol=0.02)
    assert uniform(offset[:, 0], SHIFT)
    assert uniform(offset[:, 1], SHIFT)
    assert abs(np.corrcoef(offset.T)[0, 1]) < 4 / np.sqrt(N)


def test_stretches_along_the_axes_are_independent():
    matrix, offset = linear(Warp(stretch=STRETCH))
    np.testing.assert_allclose(matrix[:, [0, 1], [1, 0]], 0, atol=0.02)
    np.testing.assert_allclose(offset, 0, atol=0.05)
    tall, wide = matrix[:, 0, 0] - 1, matrix[:, 1, 1] - 1
    assert uniform(tall, STRETCH * 1.02)
    assert uniform(wide, STRETCH * 1.02)
    assert abs(np.corrcoef(tall, wide)[0, 1]) < 4 / np.sqrt(N)


def test_a_bend_is_smooth_and_within_its_amplitude():
    moved = came_from(Warp(bend=BEND)) - came_from(Warp())
    assert np.abs(moved).max() <= BEND + 0.1
    assert moved.std() > 0.2 * BEND
    steps = np.concatenate([np.abs(np.diff(moved, axis=a)).ravel() for a in (2, 3)])
    assert steps.max() <= 2 * BEND * 3 / (SIDE - 1) + 0.15  # grid points are five pixels apart


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_fraction_of_mirrored_images(share):
    images = np.random.default_rng(1).integers(0, 256, (N, SIDE, SIDE)).astype(np.uint8)
    got = warp(images, IDS, Warp(mirror=share), 5)
    mirrored = (got == images[:, :, ::-1]).all(axis=(1, 2))
    assert (mirrored | (got == images).all(axis=(1, 2))).all()
    assert abs(mirrored.mean() - share) <= 4 * np.sqrt(share * (1 - share) / N)


def test_it_is_dark_outside():
    bright = np.full((N, SIDE, SIDE), 255, np.uint8)
    got = warp(bright, IDS, Warp(shift=4.0), 5)
    assert (got[:, 5:11, 5:11] == 255).all()
    assert (got.min(axis=(1, 2)) == 0).any()
    lost = 255 - got.mean(axis=(1, 2))
    # A shift by (a, b) leaves (16 - |a|)(16 - |b|) of 256; the mean of |a| is 2.
    assert lost.mean() == pytest.approx(255 * (1 - (14 / 16) ** 2), rel=0.1)


@pytest.fixture
def threads():
    before = numba.get_num_threads()
    yield numba.set_num_threads
    numba.set_num_threads(before)


def test_a_warp_depends_neither_on_the_batch_nor_on_threads(threads):
    images = np.random.default_rng(1).integers(0, 256, (50, SIDE, SIDE)).astype(np.uint8)
    by = Warp(ROTATION, SHIFT, STRETCH, BEND, 0.5)
    threads(1)
    whole = warp(images, IDS[:50], by, 7)
    threads(2)
    np.testing.assert_array_equal(warp(images, IDS[:50], by, 7), whole)
    part = [3, 41, 7]
    np.testing.assert_array_equal(warp(images[part], IDS[part], by, 7), whole[part])
    assert (warp(images, IDS[:50], by, 8) != whole).any(axis=(1, 2)).all()


def test_full_size_images_are_warped_too():
    images = np.full((3, 28, 28), 99, np.uint8)
    got = warp(images, IDS[:3], Warp(rotation=0.8, shift=4.0, bend=4.0), 1)
    assert got.shape == images.shape
    assert (got[:, 12:16, 12:16] == 99).all()
