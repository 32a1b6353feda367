"""The neighbours of the edge in memory: servicers of the same protos that obey their rules."""
