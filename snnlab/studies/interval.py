"""Confidence interval of an accuracy that was measured on some of all images."""

from math import sqrt

Z95 = 1.959964
"""Standard deviations of a normal distribution on either side that hold 95 % of it."""


def wilson_interval(right: int, n: int) -> tuple[float, float]:
    """95 % confidence interval, in 0…1, of an accuracy if ``right`` of ``n`` images were correct.

    Wilson's score interval (J. Am. Stat. Assoc. 22, 209, 1927): unlike the normal approximation it
    stays within 0…1 and keeps a width where all or none are right.
    """
    share, spread = right / n, Z95**2 / n
    middle = share + spread / 2
    half = Z95 * sqrt(share * (1 - share) / n + spread / (4 * n))
    low, high = (middle - half) / (1 + spread), (middle + half) / (1 + spread)
    return max(0.0, low), min(1.0, high)
