"""A page for the tests of what is put right in the libraries."""

from types import SimpleNamespace

from bokeh.document import Document


def served() -> Document:
    """A page as a server has it."""
    page = Document()
    request = SimpleNamespace(arguments={}, cookies={}, headers={})
    context = SimpleNamespace(
        id="me", server_context=True, session=None, request=request, _document=page
    )
    page._session_context = lambda: context
    return page
