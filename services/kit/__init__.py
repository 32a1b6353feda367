"""How a process of ours begins, speaks and ends. No word of the domain stands here."""
