"""Searching for good values: what may vary, what is tried next, what is given up, and what came out."""
