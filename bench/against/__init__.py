"""`make bench-peers`: the same phones and the same broadcast, ours and Parse Server's."""
