"""Searching for good values of hyperparameters and options."""
