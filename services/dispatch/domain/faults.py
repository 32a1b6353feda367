"""What dispatch refuses, and why. Each reason stands in carillon.dispatch.v1.ErrorReason."""

from services.kit.faults import Code, Fault


class MessageNotFound(Fault):
    code = Code.NOT_FOUND
    reason = "MESSAGE_NOT_FOUND"

    def __init__(self, message_id: str) -> None:
        super().__init__(f"no message has the id {message_id!r}", message_id=message_id)


class MessageEnded(Fault):
    code = Code.FAILED_PRECONDITION
    reason = "MESSAGE_ENDED"

    def __init__(self, message_id: str) -> None:
        super().__init__(f"the message {message_id!r} has ended", message_id=message_id)


class DeviceNotFound(Fault):
    code = Code.NOT_FOUND
    reason = "DEVICE_NOT_FOUND"

    def __init__(self, device_id: str) -> None:
        super().__init__(f"no device has the id {device_id!r}", device_id=device_id)


class PayloadTooLarge(Fault):
    code = Code.INVALID_ARGUMENT
    reason = "PAYLOAD_TOO_LARGE"

    def __init__(self, field: str, platform: str, size: int, limit: int) -> None:
        description = f"is {size} bytes for {platform}; at most {limit} fit"
        super().__init__(
            f"{field} {description}", platform=platform, size=str(size), limit=str(limit)
        )
        self.violations = ((field, description),)


class TargetUnknown(Fault):
    code = Code.NOT_FOUND
    reason = "TARGET_UNKNOWN"

    def __init__(self, names: list[str]) -> None:
        shown = ", ".join(names[:10])
        super().__init__(f"the target names what does not exist: {shown}", names=shown)


class FuseNotBlown(Fault):
    code = Code.NOT_FOUND
    reason = "FUSE_NOT_BLOWN"

    def __init__(self, platform: str) -> None:
        super().__init__(f"no fuse of {platform} waits for a decision", platform=platform)


class RequestIdReused(Fault):
    code = Code.ALREADY_EXISTS
    reason = "REQUEST_ID_REUSED"

    def __init__(self, request_id: str) -> None:
        super().__init__(
            f"request_id {request_id!r} was used for another request within 24 hours",
            request_id=request_id,
        )


class RoomUnavailable(Fault):
    code = Code.UNAVAILABLE
    reason = "ROOM_UNAVAILABLE"
    retry_after = 1.0

    def __init__(self, room: str) -> None:
        super().__init__(f"{room} does not answer; repeat after a moment", room=room)


class ChannelNotFound(Fault):
    code = Code.NOT_FOUND
    reason = "CHANNEL_NOT_FOUND"

    def __init__(self, channel_id: str) -> None:
        super().__init__(f"no channel has the id {channel_id!r}", channel_id=channel_id)


class ChannelExists(Fault):
    code = Code.ALREADY_EXISTS
    reason = "CHANNEL_EXISTS"

    def __init__(self, channel_id: str) -> None:
        super().__init__(f"a channel has the id {channel_id!r} already", channel_id=channel_id)


class ChannelGroupNotFound(Fault):
    code = Code.NOT_FOUND
    reason = "CHANNEL_GROUP_NOT_FOUND"

    def __init__(self, group_id: str) -> None:
        super().__init__(f"no channel group has the id {group_id!r}", group_id=group_id)


class ChannelGroupExists(Fault):
    code = Code.ALREADY_EXISTS
    reason = "CHANNEL_GROUP_EXISTS"

    def __init__(self, group_id: str) -> None:
        super().__init__(f"a channel group has the id {group_id!r} already", group_id=group_id)


class WebhookNotFound(Fault):
    code = Code.NOT_FOUND
    reason = "WEBHOOK_NOT_FOUND"

    def __init__(self, name: str) -> None:
        super().__init__(f"no webhook has the name {name!r}", name=name)


class WebhookExists(Fault):
    code = Code.ALREADY_EXISTS
    reason = "WEBHOOK_EXISTS"

    def __init__(self, name: str) -> None:
        super().__init__(f"a webhook has the name {name!r} already", name=name)
