"""English, as it is written in Pakistan."""
