"""Downloads of large files to disk, which continue after an interruption."""

import time
from pathlib import Path

import requests
from urllib3.exceptions import HTTPError

from snnlab.data.catalogue import Tell
from snnlab.errors import SnnlabError

_TIMEOUT = (5.0, 60.0)  # s, to connect and between two chunks; the hosts may be slow
_CHUNK = 1 << 13  # bytes; what a broken connection has sent of one is lost
ATTEMPTS = 5
"""Times that a download is taken up again in one call."""
PAUSE = 1.0
"""Between two attempts : s."""


def download(url: str, path: Path, limit: int, tell: Tell) -> None:
    """Fetch ``url`` to ``path``, by way of ``path.part``, from which the next call continues.

    The content is not verified; the caller removes a wrong part. Raises
    :class:`~snnlab.errors.SnnlabError` with a short reason: no answer, an HTTP status, a download
    that broke off, more than ``limit`` bytes, or a folder that cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(ATTEMPTS):
            before = part.stat().st_size if part.exists() else 0
            trouble = _continue(url, part, limit, tell)
            if trouble is None:
                part.replace(path)
                return
            got = part.stat().st_size if part.exists() else 0
            if got <= before and attempt:
                break
            time.sleep(PAUSE)
    except requests.RequestException as error:
        raise SnnlabError(f"no answer ({type(error).__name__})") from None
    except OSError as error:
        raise SnnlabError(f"{error.filename or part}: {error.strerror}") from None
    raise SnnlabError(f"{trouble}; the next attempt continues from there")


def _continue(url, part, limit, tell):
    """Fetch what a part lacks; returns why it ended early, or None if it is complete."""
    have = part.stat().st_size if part.exists() else 0
    asked = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, stream=True, timeout=_TIMEOUT, headers=asked) as answer:
        if answer.status_code == 416:  # nothing is left to send
            total = answer.headers.get("Content-Range", "").rpartition("/")[2]
            if total == str(have):
                return None
            part.unlink()
            return "the server has another file now"
        if answer.status_code not in (200, 206):
            raise SnnlabError(f"HTTP status {answer.status_code}")
        resumed = answer.status_code == 206
        have = have if resumed else 0  # a server that knows no ranges sends all again
        left = answer.headers.get("Content-Length", "")
        total = have + int(left) if left.isdecimal() else 0
        if total > limit:
            raise SnnlabError(f"{total:,} bytes, more than the {limit:,} expected")
        with part.open("ab" if resumed else "wb") as file:
            try:
                # As it is: a server may call what is stored compressed an encoding of it.
                for chunk in answer.raw.stream(_CHUNK, decode_content=False):
                    have += len(chunk)
                    if have > limit:
                        raise SnnlabError(f"more than the {limit:,} bytes expected")
                    file.write(chunk)
                    tell(f"downloading {url}", have / total if total else None)
            except (HTTPError, ConnectionError):
                return f"broke off after {have:,} bytes"
    return None if not total or have == total else f"broke off after {have:,} bytes"
