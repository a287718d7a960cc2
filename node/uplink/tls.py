"""TLS towards the broker: 1.3 at least, its authority, our certificate; and what went wrong, in one line."""

import errno
import ssl
import stat
from pathlib import Path
from typing import Any

from node.config import BrokerSection


class Context(ssl.SSLContext):
    """Keeps hold of its socket: the library lets go of one whose handshake has failed without closing it."""

    sockets: list[ssl.SSLSocket]

    def wrap_socket(self, *arguments: Any, **keywords: Any) -> ssl.SSLSocket:  # noqa: ANN401 — as its base says
        """As the base does."""
        wrapped = super().wrap_socket(*arguments, **keywords)
        self.sockets.append(wrapped)
        return wrapped

    def close(self) -> None:
        """Close what is still open."""
        for wrapped in self.sockets:
            wrapped.close()


def context_of(broker: BrokerSection) -> Context:
    """Read anew for each connection: certificates are renewed while we run."""
    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    context.sockets = []
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    path = broker.ca_file
    try:
        context.load_verify_locations(cafile=path)
        path = broker.certificate_file
        if Path(path).stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise PermissionError(
                errno.EPERM, "others can read the private key in it: it must have mode 0600"
            )
        context.load_cert_chain(path)
    except OSError as error:  # ssl.SSLError is one
        raise OSError(error.errno, f"cannot be used for TLS ({error.strerror or error})", path) from error
    return context


def sentence(error: BaseException, broker: BrokerSection) -> str:
    """One line for a person."""
    where = f"{broker.host}:{broker.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of {where} is not believed: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS with {where}: {plain(f'{error}')}"
    if isinstance(error, TimeoutError):
        return f"{where} does not answer"
    if isinstance(error, OSError):
        return f"{error.filename or where}: {error.strerror or error}"
    return f"{where} does not speak MQTT ({error})"


def plain(text: str) -> str:
    """An OpenSSL error without its codes: `[SSL: X] what it says (_ssl.c:1)`."""
    head, _, tail = text.partition("[SSL: ")
    _, _, said = tail.partition("] ")
    return f"the broker ends TLS: {said.partition(' (_ssl')[0]}" if said else head
