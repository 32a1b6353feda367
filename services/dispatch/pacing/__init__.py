"""How fast a gateway may be asked, and whether at all. Time is passed in; only `pace` waits."""
