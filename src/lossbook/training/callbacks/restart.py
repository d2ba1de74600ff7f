"""Where Lightning 2.6 counts wrongly on resuming, and how that is put right."""

from __future__ import annotations

import lightning
from lightning.pytorch.loops.loop import _Loop


def mend_restart(trainer: lightning.Trainer) -> None:
    """Puts a resumed fit loop's flags and counters right; to be called from ``on_train_start``.

    1. With ``max_steps`` set, a checkpoint from an epoch's end counts as one from within it: Lightning would run the
       hooks of that epoch's end a second time and count the epoch twice. It is made to start the next one.
    2. A validation that came early, because training was told to stop within an epoch, is not among those that
       Lightning expects: the place on the loggers' axis would lag a step behind.
    3. Where ``configure_optimizers`` asks for ``estimated_stepping_batches``, the loader is set up before the
       counters are restored, and never told its position: the epoch would start from its first batch again.
    """
    fit_loop, epoch_loop = trainer.fit_loop, trainer.fit_loop.epoch_loop
    fetcher = fit_loop._data_fetcher
    assert fetcher is not None
    if fit_loop.restarted_on_epoch_end:
        fit_loop.epoch_progress.increment_completed()
        _clear(fit_loop)
        fit_loop.reset_restart_stage()
        epoch_loop.reset_restart_stage()
    if fit_loop.restarted_mid_epoch and fit_loop._combined_loader_states_to_load:
        fit_loop._load_combined_loader_states()
        iter(fetcher)
    if fit_loop.restarted_mid_epoch and epoch_loop.restarted_on_last:
        expected = epoch_loop._should_check_val_fx(fetcher) or epoch_loop._should_accumulate()
        epoch_loop._batches_that_stepped += 0 if expected else 1


def _clear(loop: _Loop) -> None:
    """Sets the flag in a loop and those within it; the property's setter would refuse where max_steps is set."""
    loop._restarting = False
    for inner in vars(loop).values():
        if isinstance(inner, _Loop):
            _clear(inner)
