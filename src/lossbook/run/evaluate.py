"""The figures of a checkpoint, on its own data or on other data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossbook.composing.check import check
from lossbook.composing.plain import plain
from lossbook.errors import refuse

if TYPE_CHECKING:
    from omegaconf import DictConfig


def evaluate(config: DictConfig) -> dict[str, float]:
    """Test the weights of ``config.ckpt``; nothing is written.

    Args:
        config: as ``lossbook.compose("ckpt=PATH", ...)`` gives it.

    Returns:
        The figures of the test part by tag.

    Raises:
        UserError: no checkpoint is named, or data and checkpoint do not fit.
    """
    values = plain(config)
    if values.get("ckpt") is None:
        raise refuse(
            "ckpt is not given.", "A checkpoint is what is evaluated.", "ckpt=outputs/.../checkpoints/best.ckpt"
        )
    contract = check(values)

    from lossbook.checkpoint import read
    from lossbook.run.assemble import assemble
    from lossbook.run.fit import quiet, test_trainer
    from lossbook.run.summary import print_figures
    from lossbook.run.trusting import trust_of

    assembly = assemble(values, contract, trust_of(values))
    state = read(values["ckpt"])["state_dict"]
    try:
        assembly.module.load_state_dict(state)
    except RuntimeError as error:
        raise refuse(
            f"ckpt={values['ckpt']} with data={values['choices']['data']}.",
            f"The checkpoint's weights do not fit: {str(error).splitlines()[-1].strip()}",
            "data of the shape and classes that it was trained on",
        ) from None
    with quiet():
        trainer = test_trainer(values["trainer"])
        trainer.test(assembly.module, datamodule=assembly.data, verbose=False)
    figures = {tag: float(value) for tag, value in trainer.callback_metrics.items()}
    if trainer.is_global_zero:
        print_figures(figures, assembly.module.primary)
    return figures
