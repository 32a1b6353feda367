"""The tables of registry and the verbs on them; nobody else speaks SQL here."""
