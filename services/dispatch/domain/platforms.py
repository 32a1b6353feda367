"""How the REST API, and so the events of webhooks, name platforms."""

from services.dispatch.domain.messages import Platform

CODES = {
    Platform.IOS: "A",
    Platform.ANDROID: "G",
    Platform.WEB_CHROME: "WEB_CHROME",
    Platform.WEB_FIREFOX: "WEB_FIREFOX",
    Platform.WEB_SAFARI: "WEB_SAFARI",
    Platform.APPEXT_CHROME: "APPEXT_CHROME",
}
