"""The lines that point an SDK of each kind at this house; docs/clients.md explains them."""

from dev.demo import Demo

LINES = """
Point an app or a back end at it (docs/clients.md tells more):

  Android   MFPPush.overrideServerHost = "{base}";   // 10.0.2.2 from the emulator
            BMSClient.getInstance().initialize(this, BMSClient.REGION_US_SOUTH);
            MFPPush.getInstance().initialize(this, "{app_id}", "{client_secret}");

  iOS       BMSPushClient.overrideServerHost = "{base}"
            BMSClient.sharedInstance.initialize(bluemixRegion: BMSClient.Region.usSouth)
            BMSPushClient.sharedInstance.initializeWithAppGUID(
              appGUID: "{app_id}", clientSecret: "{client_secret}")

  Web       new BMSPush().initialize({{ overrideServerHost: "{base}", appRegion: "us-south",
              appGUID: "{app_id}", clientSecret: "{client_secret}",
              applicationServerKey: "{server_key}" }}, done)

  Node      PushNotifications.overrideServerHost = "{base}";
            new PushNotifications(PushNotifications.Region.US_SOUTH,
              "{app_id}", "{app_secret}")
"""


def describe_clients(base: str, demo: Demo) -> str:
    return LINES.format(
        base=base,
        app_id=demo.app_id,
        app_secret=demo.app_secret,
        client_secret=demo.client_secret,
        server_key=demo.server_key,
    )
