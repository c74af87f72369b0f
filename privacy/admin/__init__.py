"""The privacy desk in the Django admin: each register in a module of its own."""
