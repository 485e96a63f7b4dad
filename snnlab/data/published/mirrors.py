"""Downloads over HTTP into memory, with short timeouts: a broken download leaves nothing behind."""

import io

import pooch

from snnlab.data.catalogue import Tell
from snnlab.errors import SnnlabError

_TIMEOUT = (5.0, 20.0)  # s, to connect and between two chunks
_CHUNK = 1 << 16  # bytes


def fetch(url: str, limit: int, tell: Tell) -> bytes:
    """The content at ``url``.

    Raises :class:`~snnlab.errors.SnnlabError` with a short reason: no answer, an HTTP status, a
    download that broke off, or one of more than ``limit`` bytes.
    """
    sink = _Sink(limit)
    bar = _Bar(f"downloading {url}", tell)
    download = pooch.HTTPDownloader(progressbar=bar, chunk_size=_CHUNK, timeout=_TIMEOUT)
    try:
        download(url, sink, None)
    except SnnlabError:
        raise
    except (OSError, ValueError) as error:  # raised by requests, and by pooch for invalid headers
        raise SnnlabError(_reason(error, sink, bar)) from error
    return sink.getvalue()


class _Sink(io.BytesIO):
    """A buffer that raises :class:`SnnlabError` beyond ``limit`` bytes."""

    def __init__(self, limit: int):
        super().__init__()
        self.limit = limit

    def write(self, chunk: bytes) -> int:
        if self.tell() + len(chunk) > self.limit:
            raise SnnlabError(f"more than the {self.limit} bytes expected")
        return super().write(chunk)


class _Bar:
    """A progress bar in pooch's interface that calls ``tell(message, fraction)``.

    Pooch sets ``total`` (bytes, 0 if the server does not report it) when the server has answered.
    """

    def __init__(self, message: str, tell: Tell):
        self.message, self.report = message, tell
        self.total: int | None = None
        self.done = 0

    def update(self, size: int) -> None:
        self.done += size
        self.report(self.message, min(self.done / self.total, 1.0) if self.total else None)

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        pass


def _reason(error: Exception, sink: _Sink, bar: _Bar) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP status {response.status_code}"
    if bar.total is not None:
        return f"broke off after {sink.tell()} bytes"
    return f"no answer ({type(error).__name__})"
