"""The rules in conf/loss: values that would train and learn nothing, each refused with its fix."""

from __future__ import annotations

import pytest

from lossbook import compose
from lossbook.config.check import check
from lossbook.config.resolve import plain
from lossbook.errors import UserError


def refused(*overrides: str) -> str:
    """The message that composing and checking these answer with."""
    with pytest.raises(UserError) as caught:
        check(plain(compose(*overrides)))
    return str(caught.value)


RULES = [
    # a softmax before cross-entropy, probabilities into nll and kl_div, scores into ctc
    ("loss=cross_entropy loss.activation=softmax", "loss.activation=none"),
    ("loss=nll loss.activation=softmax", "loss.activation=log_softmax"),
    ("loss=nll loss.activation=none", "loss.activation=log_softmax"),
    ("loss=kl_div loss.activation=softmax", "loss.activation=log_softmax"),
    ("loss=ctc loss.activation=none", "loss.activation=log_softmax"),
    # a sigmoid twice, or not at all
    ("loss=bce_logits loss.activation=sigmoid", "loss.activation=none"),
    ("loss=bce loss.activation=none", "loss.activation=sigmoid"),
    ("loss=multilabel_soft_margin loss.activation=sigmoid", "loss.activation=none"),
    ("loss=soft_margin loss.activation=sigmoid", "loss.activation=none"),
    # scores that are squashed on their way to a margin, or to values of any size
    ("loss=mse loss.activation=softmax", "loss.activation=none"),
    ("loss=l1 loss.activation=softplus", "loss.activation=none"),
    ("loss=smooth_l1 loss.activation=sigmoid", "loss.activation=none"),
    ("loss=mse data=scene_counts loss.activation=softplus", "loss.activation=none"),
    (
        "loss=mse data=scene_counts loss.accepts.count=plain loss.activation=sigmoid",
        "loss.activation=none or loss.activation=softplus",
    ),
    ("loss=mse data=digits loss.activation=log_softmax", "loss.activation=softmax"),
    ("loss=l1 data=scene_labels loss.activation=softmax", "loss.activation=none or loss.activation=sigmoid"),
    ("loss=margin_ranking loss.activation=softmax", "loss.activation=none"),
    ("loss=info_nce loss.activation=softmax", "loss.activation=none"),
    ("loss=multi_margin loss.activation=softmax", "loss.activation=none"),
    ("loss=multilabel_margin loss.activation=softmax", "loss.activation=none"),
    # probabilities above 0 or below 1, which is all of them
    ("loss=bce loss.accepts.class.threshold=0.0", "loss.accepts.class.threshold > 0"),
    ("loss=bce data=scene_labels loss.accepts.multilabel.threshold=1.0", "loss.accepts.multilabel.threshold < 1"),
    # a distribution has no index
    ("loss=cross_entropy data=digit_mixtures loss.criterion.ignore_index=0", "loss.criterion.ignore_index=-1"),
    # options that nothing reads
    ("loss=mse +loss.pairing.mine=hard", "no options of that kind"),
    ("loss=margin_ranking +loss.pairing.mine=hard", "no options of that kind"),
    ("loss=triplet_margin +loss.pairing.min=hard", "loss.pairing.mine=hard"),
    ("loss=cosine_embedding loss.pairing.distance=manhattan", "euclidean, cosine"),
    ("loss=info_nce loss.pairing.positives=all", "views, labels"),
    ("loss=triplet_margin loss.mean_over=samples", "one of pairs"),
    ("loss=ctc loss.mean_over=elements", "one of samples"),
    ("loss=mse loss.mean_over=pairs", "samples, elements, weights"),
    # the logarithm of a probability under autocast
    ("loss=bce trainer.precision=16-mixed", "trainer.precision"),
    ("loss=bce trainer.precision=bf16-mixed", "trainer.precision"),
    # one argument forces another
    ("loss=poisson_nll loss.criterion.log_input=false", "loss.activation=softplus"),
    ("loss=poisson_nll loss.activation=softplus", "loss.activation=none"),
    ("loss=poisson_nll loss.criterion.eps=0.1", "loss.criterion.eps"),
    # margins with which a constant is optimal
    ("loss=margin_ranking loss.criterion.margin=0.0", "loss.criterion.margin=1.0"),
    ("loss=triplet_margin loss.criterion.margin=0.0", "loss.criterion.margin=1.0"),
    ("loss=triplet_margin loss.criterion.margin=-1.0", "loss.criterion.margin=1.0"),
    ("loss=hinge_embedding loss.criterion.margin=0.0", "loss.criterion.margin=1.0"),
    ("loss=multi_margin loss.criterion.margin=0.0", "loss.criterion.margin=1.0"),
    ("loss=multi_margin loss.criterion.p=3", "loss.criterion.p=1"),
    ("loss=cosine_embedding loss.criterion.margin=1.0", "loss.criterion.margin=0.0"),
    # numbers that may be negative in the place of a distance
    ("loss=hinge_embedding loss.pairing.compare=sides", "loss.pairing.compare=distance"),
    ("loss=info_nce loss.criterion.temperature=0.0", "loss.criterion.temperature=0.2"),
    ("loss=info_nce loss.criterion.temperature=-0.1", "loss.criterion.temperature=0.2"),
    ("loss=info_nce loss.criterion.temperature=2.0 loss.criterion.learnable=true", "loss.criterion.temperature=1"),
    ("loss=info_nce loss.criterion.mode=oneway", "one_way"),
    ("loss=info_nce data.batch_size=1", "data.batch_size=2"),
    ("loss=triplet_margin data.batch_size=1", "data.batch_size=3"),
    ("loss=triplet_margin data.batch_size=2", "data.batch_size=3"),
    ("loss=triplet_margin data.limit=2", "data.limit=3"),
    ("loss=hinge_embedding data.limit=1", "data.limit=2"),
    ("loss=margin_ranking data.batch_size=1", "data.batch_size=2"),
    ("loss=triplet_margin loss.pairing.mine=easy", "semi_hard"),
    ("loss=cross_entropy loss.criterion.label_smoothing=1.0", "loss.criterion.label_smoothing=0.0"),
    ("loss=kl_div loss.accepts.class.smoothing=1.0", "loss.accepts.class.smoothing=0.1"),
    ("loss=smooth_l1 loss.criterion.beta=-1.0", "loss.criterion.beta=1.0"),
    ("loss=mse loss.criterion.reduction=batchmean", "none, mean, sum"),
    ("loss=mse loss.criterion.reduction=avg", "none, mean, sum"),
]


ALLOWED = [
    "loss=mse data=digits loss.activation=softmax",
    "loss=mse data=scene_labels loss.activation=sigmoid",
    "loss=l1 data=scene_counts loss.accepts.count=plain loss.activation=softplus",
    "loss=poisson_nll loss.accepts.count.start=zero",
    "loss=cross_entropy loss.criterion.ignore_index=0",
    "loss=cross_entropy data=digit_mixtures",
    "loss=hinge_embedding data=digit_pairs data.batch_size=1",
    "loss=triplet_margin data=digit_triplets data.batch_size=1",
]


@pytest.mark.parametrize("overrides", ALLOWED)
def test_and_the_values_beside_them_that_learn(overrides):
    check(plain(compose(*overrides.split())))


@pytest.mark.parametrize(("overrides", "fix"), RULES, ids=lambda v: v.replace("loss.", "") if "=" in v else "")
def test_values_that_train_and_learn_nothing(overrides, fix):
    text = refused(*overrides.split())
    assert fix in text
    assert len(text.splitlines()) <= 4
