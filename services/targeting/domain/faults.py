"""What targeting refuses, with the reasons of its ErrorReason."""

from services.kit.faults import Code, Fault


class TagNotFound(Fault):
    code = Code.NOT_FOUND
    reason = "TAG_NOT_FOUND"

    def __init__(self, tag_name: str) -> None:
        super().__init__("no tag has this name", tag_name=tag_name)


class TagExists(Fault):
    code = Code.ALREADY_EXISTS
    reason = "TAG_EXISTS"

    def __init__(self, tag_name: str) -> None:
        super().__init__("the name of the tag is taken", tag_name=tag_name)


class DeviceNotFound(Fault):
    code = Code.NOT_FOUND
    reason = "DEVICE_NOT_FOUND"

    def __init__(self, device_id: str) -> None:
        super().__init__("no reachable device has this id", device_id=device_id)


class SubscriptionNotFound(Fault):
    code = Code.NOT_FOUND
    reason = "SUBSCRIPTION_NOT_FOUND"

    def __init__(self, subscription_id: str) -> None:
        super().__init__("no subscription has this id", subscription_id=subscription_id)


class RegistryUnavailable(Fault):
    """Registry did not answer in time, or said that its database is away."""

    code = Code.UNAVAILABLE
    reason = "REGISTRY_UNAVAILABLE"
    retry_after = 1.0

    def __init__(self) -> None:
        super().__init__("registry does not answer; repeat after a moment")
