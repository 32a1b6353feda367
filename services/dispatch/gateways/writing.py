"""How a gateway writes requests: what those of a batch share is made once, the rest for each."""

from collections.abc import Callable

from services.dispatch.domain.parcels import Recipient
from services.dispatch.wire import Request

# The request for one recipient. Raises SubscriptionInvalid if the address can never be sent to.
RequestWriter = Callable[[Recipient], Request]
