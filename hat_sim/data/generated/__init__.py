"""Domains that are made up, with a dialled shift between them."""
