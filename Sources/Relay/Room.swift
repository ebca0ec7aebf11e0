// Built by its own commits.
