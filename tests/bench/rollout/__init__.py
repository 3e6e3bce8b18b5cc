"""How long what goes wrong, and what is changed, takes to be right."""
