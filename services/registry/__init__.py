"""Who can be reached, and where: applications, their secrets and gateways, their devices."""
