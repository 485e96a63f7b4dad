"""Access control: the dashboard is open to this machine only, or after a login."""

import hmac
import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from snnlab.errors import SnnlabError
from snnlab.files import cache_folder, write_whole
from snnlab_app.server import passwords

MAX_MESSAGE_BYTES = 10 * 2**20
"""Largest message from a browser in bytes: the largest allowed picture fits."""
MAX_BODY_BYTES = 2**20
"""Largest request in bytes: only logins are posted."""
PUBLIC_ADDRESSES = ("", "0.0.0.0", "::")
LOOPBACK = ("localhost", "127.0.0.1")
ORIGIN = re.compile(r"[\w.-]+(:[0-9]{1,5})?")
ROOT = re.compile(r"/([\w.~@%-]+/)*")
SECRET, LENGTH = "secret", 32
"""File of the secret in the user's cache, and its size in bytes."""
FORBIDDEN_MODE = 0o077 if os.name == "posix" else 0
"""Permissions that the file must not have: whoever reads it may log in as anyone."""
SECRETS = ("PANEL_OAUTH_KEY", "PANEL_OAUTH_SECRET")


@dataclass(frozen=True)
class Access:
    """Access options of the command line.

    passwords : file of names and hashes; oauth : a provider that Panel knows, e.g. "github";
    users : whom of its users to admit, by name or "@domain", or "*"; origins : host names,
    with port, under which browsers reach the server; anyone : no login on a public address;
    prefix : path in front of every address that a proxy passes on, if it leaves one there.
    """

    passwords: Path | None = None
    oauth: str | None = None
    users: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    anyone: bool = False
    prefix: str = ""

    @property
    def root(self) -> str:
        """Path of the dashboard, with leading and trailing slash."""
        inner = self.prefix.strip("/")
        return f"/{inner}/" if inner else "/"

    def check(self, address: str) -> None:
        """Raises :class:`SnnlabError` for unintended public access or incomplete login options."""
        if not (is_loopback(address) or self.passwords or self.oauth or self.anyone):
            raise SnnlabError(
                f"at {address or 'all addresses'} everyone who reaches this machine could use the"
                " dashboard: give --basic-auth FILE or --oauth PROVIDER, or --no-login if that is"
                " meant"
            )
        if address in PUBLIC_ADDRESSES and not self.origins:
            raise SnnlabError(
                f"--address {address or repr(address)} needs --origin HOST:PORT, the name by which"
                " browsers reach this machine"
            )
        for origin in self.origins:
            if not ORIGIN.fullmatch(origin):
                raise SnnlabError(
                    f"--origin {origin} is not allowed: give a host name, with :PORT unless it is"
                    " that of http or https"
                )
        if not ROOT.fullmatch(self.root):
            raise SnnlabError(
                f"--prefix {self.prefix} is not allowed: give the path that the proxy passes on,"
                " e.g. /snnlab"
            )
        if self.passwords and self.oauth:
            raise SnnlabError("--basic-auth and --oauth are both given: choose one")
        if self.passwords:
            passwords.read(self.passwords)
        if self.oauth:
            self._check_oauth()

    def _check_oauth(self):
        if missing := [name for name in SECRETS if not os.environ.get(name)]:
            raise SnnlabError(
                f"--oauth {self.oauth} needs the environment's {' and '.join(missing)}"
            )
        if not self.users:
            raise SnnlabError(
                f"--oauth {self.oauth} would admit everyone with an account there: name them by"
                " --users NAME,NAME,@DOMAIN, or --users '*' if that is meant"
            )

    def admits(self, user: str | None) -> bool:
        """Whether a user authenticated by the provider is admitted."""
        user = (user or "").lower()
        allowed = {one.lower() for one in self.users}
        domain = user[user.find("@") :] if "@" in user else ""
        return bool(user) and bool({"*", user, domain} & allowed)

    def hosts(self, address: str) -> list[str]:
        """Host names under which the server answers, without port, as a tunnel may use another."""
        # No IPv6 address: Panel cannot parse one in a request.
        own = [address] if address not in PUBLIC_ADDRESSES and ":" not in address else []
        named = [origin.lower().rpartition(":")[0] or origin.lower() for origin in self.origins]
        return list(dict.fromkeys([*own, *LOOPBACK, *named]))

    def seen_at(self, address: str, port: int) -> str:
        """Beginning of an address under which a browser reaches the server: by a proxy's name,
        which says nothing of http or https, else on this machine."""
        host = address if address in self.hosts(address) else LOOPBACK[0]
        return self.origins[0] if self.origins else f"http://{host}:{port}"

    def options(self, address: str, port: int) -> dict:
        """Arguments of ``panel.serve``, beside ``door.login_options``."""
        hosts = [] if address in PUBLIC_ADDRESSES else [f"{address}:{port}"] * (":" not in address)
        if is_loopback(address):
            hosts += [f"{name}:{port}" for name in LOOPBACK]
        return {
            "websocket_origin": list(dict.fromkeys([*hosts, *self.origins])),
            # Without a signature anyone could forge the token that opens a session.
            "sign_sessions": True,
            "secret_key": derived("sessions"),
            "websocket_max_message_size": MAX_MESSAGE_BYTES,
            # The proxy's header on HTTPS affects cookies and links only.
            "http_server_kwargs": {"max_body_size": MAX_BODY_BYTES, "xheaders": True},
            "prefix": self.root[:-1],
            "root_path": self.root,
        }


def derived(use: str) -> bytes:
    """The signing secret of this user's servers : 32 bytes.

    It is kept across restarts, so that open pages find their trainings again.
    """
    return hmac.digest(_secret(cache_folder() / SECRET), use.encode(), "sha256")


def _secret(path):
    with suppress(OSError):
        kept = path.read_bytes()
        if len(kept) == LENGTH and not path.stat().st_mode & FORBIDDEN_MODE:
            return kept
    fresh = secrets.token_bytes(LENGTH)
    with suppress(OSError):  # without a writable cache it lasts as long as the server
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda file: file.write(fresh), private=True)
    return fresh


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
