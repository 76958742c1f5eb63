"""The `regrow` command: one module a verb, imported when the verb is used."""
