"""What every name among the metrics and curves of a run means; docs/metrics.md is made from this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Definition:
    """One metric or curve.

    Args:
        name: as it is logged, after ``train/``, ``val/`` or ``test/``.
        of: the target kinds, encodings or losses that it is measured on.
        text: formula, averaging, and what is left out.
        values: its range.
        better: ``max``, ``min``, or empty for what is neither good nor bad in itself.
        source: the same elsewhere, or a paper.
    """

    name: str
    of: str
    text: str
    values: str
    better: str = ""
    source: str = ""


DEFINITIONS = (
    Definition(
        "loss", "all",
        "The criterion's value, its mean over the whole part by what `mean_over` says, however batches are cut. In"
        " `train` it is of the weights as they were at each step.",
        "depends on the loss", "min",
    ),
    Definition("loss_step", "all", "The mean of `train/loss` over the steps since the last log.", "as `loss`", "min"),
    Definition(
        "acc", "class, mask, distribution",
        "Share of samples (pixels of a mask) whose class is the one of the largest score; of equal scores the first"
        " counts. Of a distribution the most probable class is the true one. `ignore_index` is left out.",
        "0 to 1", "max", "scikit-learn `accuracy_score`",
    ),
    Definition(
        "acc", "multilabel",
        "Exact match: share of samples of which every label is right; one wrong label of ten counts as a wrong sample.",
        "0 to 1", "max", "scikit-learn `accuracy_score` (subset accuracy)",
    ),
    Definition("acc", "count as rates", "Share of samples whose rate, rounded, is the count.", "0 to 1", "max"),
    Definition(
        "acc", "value and count as ranking",
        "Share of all pairs of the part with different targets that the scores put in the right order; equal scores"
        " are wrong.",
        "0 to 1; 0.5 by chance", "max", "Harrell's C without its half points for ties",
    ),
    Definition(
        "acc", "text", "Share of texts that are read without any mistake (greedy: most probable symbols, repeats"
        " merged, blanks dropped).", "0 to 1", "max",
    ),
    Definition(
        "acc", "triplet", "Share of triplets whose positive is nearer to the anchor than the negative.",
        "0 to 1; 0.5 by chance", "max",
    ),
    Definition(
        "f1", "class, two of them",
        "2 TP / (2 TP + FP + FN) of the positive class: the last by order, or `data.positive_class`. Which one it is"
        " stands at the start and the end of a run and in `metrics.json`.",
        "0 to 1", "max", "scikit-learn `f1_score(pos_label=...)`",
    ),
    Definition(
        "f1", "class, three or more",
        "The mean over the classes of each one's F1 (macro), whatever their sizes; classes that neither occur in the"
        " part nor are predicted are left out.",
        "0 to 1", "max", "scikit-learn `f1_score(average='macro')`",
    ),
    Definition(
        "f1", "multilabel",
        "The mean over the labels of each one's F1 (macro); a label that is neither borne nor predicted counts 0. Under"
        " `multilabel_margin` at one threshold for all labels, the best on validation, which the test part takes over.",
        "0 to 1", "max", "scikit-learn `f1_score(average='macro', zero_division=0)`",
    ),
    Definition(
        "map", "class as one_hot, multilabel",
        "Mean average precision: the mean over the classes or labels, without those that no sample of the part bears,"
        " of the area under precision over recall as steps. Equal scores are one step.",
        "0 to 1; by chance the mean share of the classes", "max",
        "scikit-learn `average_precision_score(average='macro')`",
    ),
    Definition(
        "iou", "mask",
        "Intersection over union, TP / (TP + FP + FN) over all pixels of the part, the mean over the classes,"
        " background among them; classes that neither occur nor are predicted are left out, and so is `ignore_index`.",
        "0 to 1", "max", "scikit-learn `jaccard_score(average='macro')`",
    ),
    Definition(
        "lrap", "multilabel as padded_indices",
        "Label ranking average precision: of each label of a sample, the share of the sample's own labels among those"
        " that score as high or higher; the mean over its labels, then over the samples. A sample with none or all of"
        " the labels counts 1.",
        "above 0 to 1", "max", "scikit-learn `label_ranking_average_precision_score`",
    ),
    Definition(
        "r2", "value, count",
        "1 - residual / total sum of squares, the mean over the target columns; columns that do not vary in the part"
        " are left out (scikit-learn gives them 0 or 1). The mean as prediction has 0.",
        "up to 1", "max", "scikit-learn `r2_score`",
    ),
    Definition(
        "mae", "value, count", "Mean absolute error over all samples and columns, in original units.", "from 0", "min",
        "scikit-learn `mean_absolute_error`",
    ),
    Definition(
        "rmse", "value, count",
        "Root of the mean squared error over all samples and columns together, in original units (not the mean of the"
        " columns' roots).",
        "from 0", "min", "root of scikit-learn's `mean_squared_error`",
    ),
    Definition(
        "d2", "count as rates",
        "Share of the Poisson deviance that is explained: 1 - deviance(target, rate) / deviance(target, mean), summed"
        " over all columns. The mean as prediction has 0.",
        "up to 1", "max", "scikit-learn `d2_tweedie_score(power=1)`",
    ),
    Definition(
        "spearman", "value and count as ranking",
        "Spearman's correlation of scores and targets: Pearson's of their ranks, equal values sharing the mean of"
        " theirs.",
        "-1 to 1", "max", "SciPy `spearmanr`",
    ),
    Definition(
        "kl", "distribution",
        "Kullback-Leibler divergence of the prediction q from the target p: sum of p log(p / q), in nats, the mean over"
        " the samples.",
        "from 0", "min", "SciPy `entropy(p, q)`",
    ),
    Definition(
        "cer", "text",
        "Character error rate: edit distance (insertions, deletions, substitutions) summed over all texts of the part,"
        " over the sum of their true lengths.",
        "from 0, above 1 where too much is read", "min", "jiwer `cer`",
    ),
    Definition(
        "wer", "text",
        "Word error rate: as `cer`, counted in words, which spaces part; a text without one is a single word.",
        "from 0, above 1 where too much is read", "min", "jiwer `wer`",
    ),
    Definition(
        "recall_at_1", "class as embedding",
        "Share of samples whose nearest neighbour in the gallery is of their class. The gallery is the training part"
        " without augmentation, embedded anew for each validation and test.",
        "0 to 1", "max", "scikit-learn `KNeighborsClassifier(n_neighbors=1)`",
    ),
    Definition(
        "map_at_r", "class as embedding",
        "Mean average precision at R: of each sample, 1/R times the sum of the precisions at those of its first R"
        " neighbours in the gallery that are of its class, R being the number of such samples there.",
        "0 to 1", "max", "Musgrave et al. 2020, A Metric Learning Reality Check",
    ),
    Definition(
        "pair_acc", "pair; class as embedding with verify",
        "Balanced accuracy of telling same from different by the distance: the mean of the shares of same and of"
        " different pairs that are told rightly, at the threshold that is best on validation. Of classes the pairs are"
        " each sample with the 16 that follow it.",
        "0 to 1; 0.5 by chance", "max", "scikit-learn `balanced_accuracy_score`",
    ),
    Definition(
        "auroc", "pair; class as embedding with verify",
        "Probability that a same pair is nearer than a different one, ties counting a half; over the pairs of"
        " `pair_acc`.",
        "0 to 1; 0.5 by chance", "max", "scikit-learn `roc_auc_score`",
    ),
    Definition(
        "top1", "`info_nce`",
        "Share of the queries of a batch whose own second view is the nearest of its candidates; depends on the batch"
        " size. In training of the first 128 queries of each batch.",
        "0 to 1; 1 / candidates by chance", "max",
    ),
    Definition(
        "chance", "`info_nce`",
        "The loss of embeddings that tell nothing: the logarithm of the number of candidates, the batch size B, or"
        " 2 B - 1 for both_views. A run that sits there is stuck.",
        "from 0",
    ),
    Definition(
        "temperature", "`info_nce`", "What similarities are divided by; moves where it is learnable.", "0.01 to 1 if"
        " learnable",
    ),
    Definition(
        "alignment", "`info_nce`",
        "Mean squared distance between the normalised embeddings of the two views of a sample.", "0 to 4", "min",
        "Wang and Isola 2020",
    ),
    Definition(
        "uniformity", "`info_nce`",
        "Logarithm of the mean of exp(-2 d^2) over pairs of normalised embeddings in a batch: how evenly they are"
        " spread.",
        "-8 to 0", "min", "Wang and Isola 2020",
    ),
    Definition(
        "active", "`triplet_margin`",
        "Share of the mined triplets that violate the margin; 1 where all do, as `pairing.mine=all` has it by choice.",
        "0 to 1",
    ),
    Definition(
        "spread", "`triplet_margin`",
        "Standard deviation of the embeddings in a batch, the mean over their columns. Near 0 they have collapsed, and"
        " the loss equals the margin.",
        "from 0",
    ),
    Definition(
        "untaught", "`multilabel_margin`",
        "Share of samples with none or all of the labels: nothing is to be ranked, and the loss is 0.", "0 to 1",
    ),
    Definition(
        "skipped", "`ctc` with zero_infinity",
        "Share of texts that need more steps than the output has, and are passed over.", "0 to 1", "min",
    ),
    Definition("lr", "all", "The learning rate of a step; `lr/<group>` where groups differ.", "from 0"),
    Definition("momentum", "schedules that move it", "The momentum, or Adam's first beta, of a step.", "0 to 1"),
    Definition("epoch", "all", "The epoch that a value was logged in, from 0.", "from 0"),
)  # fmt: skip


def direction(name: str) -> str | None:
    """``min`` or ``max``: which value of a metric of ours is best; None for a name that is not among them."""
    return next((one.better for one in DEFINITIONS if one.name == name and one.better), None)


def page() -> str:
    """The page of the docs."""
    better = {"max": "larger", "min": "smaller", "": ""}
    rows = [
        f"| `{one.name}` | {one.of} | {one.text} | {one.values} | {better[one.better]} | {one.source} |"
        for one in DEFINITIONS
    ]
    lines = "\n".join(
        ["| name | of | what it is | range | better | the same elsewhere |", "|---|---|---|---|---|---|", *rows]
    )
    return f"""# What the metrics and curves mean

Made by `python scripts/pairings.py metrics > docs/metrics.md` from one table in the code, and tested: every name that a
run logs has a row, and the direction is the one that the metric itself states. Values are of a whole part, whatever the
batches; what is not defined on a part (a correlation of equal values) is left out. Which metric chooses the best
checkpoint is `loss.primary.KIND=NAME`, or `'loss.primary.KIND={{name: NAME, mode: min}}'` for one that does not say
which value is best; `loss` may be watched, too.

{lines}
"""
