"""The gateways, imitated: strict APNs, FCM and Web Push servers with faults on demand."""
