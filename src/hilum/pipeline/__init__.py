"""The journey: what joins doors, decisions and keepers. Asynchronous, with no socket of its own."""
