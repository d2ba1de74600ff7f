"""Hydra finds plugins in this namespace; this one plans sweeps, and runs them with whatever launcher is chosen."""
