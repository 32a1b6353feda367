"""Whom we trust and whom we show ourselves as: TLS contexts, one for each identity."""

import os
import ssl
from collections import OrderedDict
from pathlib import Path

from services.dispatch.wire import Identity, Unsent

HTTP2, HTTP1 = "h2", "http/1.1"
MAX_CONTEXTS = 256
Kind = tuple[Identity | None, tuple[str, ...]]


class Trust:
    """The system's authorities, and those of a file beside them."""

    def __init__(self, ca_file: Path | None) -> None:
        self._authorities = None if ca_file is None else ca_file.read_text()
        self._contexts: OrderedDict[Kind, ssl.SSLContext] = OrderedDict()

    def context(self, identity: Identity | None, protocols: tuple[str, ...]) -> ssl.SSLContext:
        """A context for connections of this kind.

        Raises:
            Unsent: if the identity is no certificate with its key.
        """
        kind = identity, protocols
        context = self._contexts.get(kind)
        if context is None:
            context = self._contexts[kind] = self._make(identity, protocols)
        self._contexts.move_to_end(kind)
        if len(self._contexts) > MAX_CONTEXTS:
            self._contexts.popitem(last=False)
        return context

    def _make(self, identity: Identity | None, protocols: tuple[str, ...]) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(list(protocols))
        if self._authorities is not None:
            context.load_verify_locations(cadata=self._authorities)
        if identity is not None:
            _load(context, identity)
        return context


def _load(context: ssl.SSLContext, identity: Identity) -> None:
    """OpenSSL reads keys from files only; this one is never on a disk."""
    file = os.memfd_create("identity", os.MFD_CLOEXEC)
    try:
        os.write(file, f"{identity.private_key}\n{identity.certificate}\n".encode())
        context.load_cert_chain(f"/proc/self/fd/{file}")
    except (ssl.SSLError, OSError):
        raise Unsent("TLS: the client certificate cannot be used") from None
    finally:
        os.close(file)
