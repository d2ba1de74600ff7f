"""A user's own pairs and triplets."""
