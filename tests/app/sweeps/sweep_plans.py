"""Plans of small sweeps, as the page asks for them."""

from snnlab.config import Config
from snnlab_app.sweeps.ranges import around, planned

TINY = Config.checked(dataset="digits", hidden=[12], batch=200)
TICKED = ("beta", "rho_burst")


def offered(*names, config=TINY):
    return {name: around(name, getattr(config, name)) for name in names or TICKED}


def tiny(**given):
    """A plan of trials that take a fraction of a second."""
    return planned(TINY, offered(), sampler="random", **{"trials": "99", **given})
