"""Client certificates: whether one can be used, and until when.

Python's `ssl` reads certificates from files alone, and says nothing of one's own: a handshake with
oneself, in memory, does.
"""

import contextlib
import ssl
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from actionsync import clock
from actionsync.errors import FieldError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Of a handshake, each side has said all it has to say after fewer turns.
_TURNS = 10


def end_of(values: "Mapping[str, str]") -> str:
    """Return until when a certificate is good, or an empty text where there is none.

    Raises:
        InvalidInputError: it is none, is not its key's, or is not good now.
    """
    if "certificate" not in values:
        return ""
    with files_of(values) as (certificate, key):
        server, client = (ssl.SSLContext(side) for side in _SIDES)
        for side in (server, client):
            try:
                # Without the password OpenSSL would ask for one, on a terminal.
                side.load_cert_chain(certificate, key, password=lambda: "")
            except (ssl.SSLError, OSError, ValueError):
                raise _wrong("must be PEM, with its own unencrypted private key") from None
        client.check_hostname = False
        client.verify_mode = ssl.CERT_NONE
        server.verify_mode = ssl.CERT_REQUIRED
        server.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        server.load_verify_locations(certificate)
        try:
            shown = _shown(server, client)
        except ssl.SSLCertVerificationError as error:
            raise _wrong(f"is not good for a client: {error.verify_message}") from None
        except ssl.SSLError as error:
            raise _wrong(f"cannot be used: {error.reason}") from None
    seconds = ssl.cert_time_to_seconds(str(shown["notAfter"]))
    return clock.iso(datetime.fromtimestamp(seconds, UTC))


_SIDES = (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT)


def _shown(server: ssl.SSLContext, client: ssl.SSLContext) -> "Mapping[str, object]":
    """Return the certificate that the client shows the server."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        client.wrap_bio(to_client, to_server),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for _ in range(_TURNS):
        for side in sides:
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return sides[1].getpeercert() or {}


@contextlib.contextmanager
def files_of(values: "Mapping[str, str]") -> "Iterator[tuple[Path, Path]]":
    """Write a certificate and its key where only this process reads them, for the block."""
    with TemporaryDirectory() as folder:
        files = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        for file, name in zip(files, ("certificate", "private_key"), strict=True):
            file.touch(mode=0o600)
            file.write_text(values[name])
        yield files


def _wrong(text: str) -> InvalidInputError:
    return InvalidInputError(FieldError("certificate", text))
