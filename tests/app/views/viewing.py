"""A session to look at, and views that show it."""

from conftest import idle, until

from snnlab.config import Config
from snnlab_app.session.local import Session


def brief_session():
    """A network whose images end after six CADC samples instead of twenty."""
    session = Session(Config.checked(dataset="digits", hidden=[30], samples=6)).start()
    until(lambda: session.state == "ready")
    yield session
    session.close()


def shown(session, kind):
    """A view that shows the session's newest snapshot, and the snapshot."""
    view = kind(session)
    view.open()
    return view, looked(session, view)


def looked(session, view):
    """Have a view show a new snapshot : that."""
    view.look()
    until(lambda: idle(session))
    assert session.snapshot.view == view.name
    view.show(session.snapshot)
    return session.snapshot
