"""A user's own images with masks."""
