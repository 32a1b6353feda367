"""The other way to prove to APNs who we are: a client certificate, shown once per connection."""

import hashlib
from datetime import datetime

from services.dispatch.domain.credentials import ApnsCertificate
from services.dispatch.wire import Identity


class ClientCertificate:
    """Stands where a ProviderToken else stands. All that show the same one share connections."""

    def __init__(self, credential: ApnsCertificate) -> None:
        self.identity = Identity(credential.certificate_chain, credential.private_key)
        digest = hashlib.sha256(credential.certificate_chain.encode()).hexdigest()
        self.pool = f"apns {digest[:32]}"

    def headers(self) -> tuple[tuple[str, str], ...]:
        return ()

    def renew(self, asked: datetime) -> None:
        """A certificate is good until it ends."""
