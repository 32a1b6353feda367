"""Absolute URLs of our resources, under the address that callers know us by."""

from urllib.parse import quote, urlencode

from starlette.requests import Request

from services.edge.door import ROOT


class Links:
    def __init__(self, public_url: str) -> None:
        self._public_url = public_url.rstrip("/")

    def app(self, app_id: str, *steps: str) -> str:
        """Of the application, or of what `steps` name within it."""
        path = "".join("/" + quote(step, safe="") for step in steps)
        return f"{self._public_url}{ROOT}/apps/{app_id}{path}"

    def subscription(self, app_id: str, device_id: str, tag_name: str) -> str:
        """The query by which DELETE ends it and GET finds it."""
        query = urlencode({"deviceId": device_id, "tagName": tag_name}, quote_via=quote)
        return f"{self.app(app_id, 'subscriptions')}?{query}"

    def console(self, app_id: str) -> str:
        """Without a scheme: callers take the host from it."""
        host = self._public_url.partition(":")[2]
        return f"{host}/imfpushdashboard/?appGuid={app_id}"

    def page(self, request: Request, **changes: str) -> str:
        """This request's own URL as another page; an empty value drops a parameter."""
        kept = [item for item in request.query_params.multi_items() if item[0] not in changes]
        query = urlencode([*kept, *((k, v) for k, v in changes.items() if v)], quote_via=quote)
        return f"{self._public_url}{quote(request.scope['path'])}?{query}"
