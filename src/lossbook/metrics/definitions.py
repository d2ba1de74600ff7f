"""The definition of every metric and curve that a run logs; docs/metrics.md is generated from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Definition:
    """One metric or curve.

    Args:
        name: as it is logged, after ``train/``, ``val/`` or ``test/``.
        of: the target kinds, encodings or losses that it is computed for.
        text: formula, averaging, and what is excluded.
        values: its range.
        better: ``max``, ``min``, or empty where neither is better.
        source: an equivalent function of another package, or a paper.
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
        "The criterion, averaged over the whole part as `mean_over` says, independent of the batch size. In `train`, of"
        " the weights as they were at each step.",
        "depends on the loss", "min",
    ),
    Definition(
        "loss_<term>", "several terms",
        "The loss of one term of a sum, before its weight; `loss` is their weighted sum. Of several targets, metrics"
        " have the name of their target before them: `labels_map`.",
        "depends on the loss", "min",
    ),
    Definition("loss_step", "all", "The mean of `train/loss` over the steps since the last log.", "as `loss`", "min"),
    Definition(
        "acc", "class, mask, distribution",
        "Share of samples (pixels of a mask) whose class has the largest score; of equal scores the first counts. For a"
        " distribution, the most probable class is the true one. `ignore_index` is excluded.",
        "0 to 1", "max", "scikit-learn `accuracy_score`",
    ),
    Definition(
        "acc", "multilabel",
        "Exact match: share of samples with all labels correct; one wrong label of ten makes the sample wrong.",
        "0 to 1", "max", "scikit-learn `accuracy_score` (subset accuracy)",
    ),
    Definition("acc", "count as rates", "Share of samples whose rounded rate equals the count.", "0 to 1", "max"),
    Definition(
        "acc", "value and count as ranking",
        "Share of all pairs with different targets that the scores order correctly; equal scores count as wrong.",
        "0 to 1; 0.5 by chance", "max", "Harrell's C without its half points for ties",
    ),
    Definition(
        "acc", "text", "Share of texts that are read without a mistake (greedy decoding: most probable symbols,"
        " repeats merged, blanks removed).", "0 to 1", "max",
    ),
    Definition(
        "acc", "triplet", "Share of triplets whose positive is nearer to the anchor than the negative.",
        "0 to 1; 0.5 by chance", "max",
    ),
    Definition(
        "f1", "class, if there are two",
        "2 TP / (2 TP + FP + FN) of the positive class: the last one, or `data.positive_class`. A run prints its name"
        " at the start and the end, and writes it to `metrics.json`.",
        "0 to 1", "max", "scikit-learn `f1_score(pos_label=...)`",
    ),
    Definition(
        "f1", "class, if there are more",
        "F1 of each class, averaged over the classes (macro); classes that neither occur in the part nor are predicted"
        " are excluded.",
        "0 to 1", "max", "scikit-learn `f1_score(average='macro')`",
    ),
    Definition(
        "f1", "multilabel",
        "F1 of each label, averaged over the labels (macro); a label that neither occurs nor is predicted counts 0. For"
        " `multilabel_margin`, at the threshold that is best on validation, the same for all labels and for the test.",
        "0 to 1", "max", "scikit-learn `f1_score(average='macro', zero_division=0)`",
    ),
    Definition(
        "map", "class as one_hot, multilabel",
        "Mean average precision: the area under the precision-recall curve as steps, averaged over the classes or"
        " labels that occur in the part. Equal scores are one step.",
        "0 to 1; by chance the mean share of the classes", "max",
        "scikit-learn `average_precision_score(average='macro')`",
    ),
    Definition(
        "iou", "mask",
        "Intersection over union: TP / (TP + FP + FN) over all pixels of the part, averaged over the classes,"
        " background included; classes that neither occur nor are predicted are excluded, as is `ignore_index`.",
        "0 to 1", "max", "scikit-learn `jaccard_score(average='macro')`",
    ),
    Definition(
        "lrap", "multilabel as padded_indices",
        "Label ranking average precision: for each label of a sample, the share of the sample's labels among those that"
        " score at least as high; averaged over its labels, then over the samples. A sample with no label or all labels"
        " counts 1.",
        "above 0 to 1", "max", "scikit-learn `label_ranking_average_precision_score`",
    ),
    Definition(
        "r2", "value, count",
        "1 - residual / total sum of squares, averaged over the target columns; constant columns are excluded"
        " (scikit-learn gives them 0 or 1). Predicting the mean gives 0.",
        "up to 1", "max", "scikit-learn `r2_score`",
    ),
    Definition(
        "mae", "value, count", "Mean absolute error over all samples and columns, in original units.", "from 0", "min",
        "scikit-learn `mean_absolute_error`",
    ),
    Definition(
        "rmse", "value, count",
        "Square root of the mean squared error over all samples and columns, in original units (not the mean of the"
        " columns' roots).",
        "from 0", "min", "square root of scikit-learn `mean_squared_error`",
    ),
    Definition(
        "d2", "count as rates",
        "Share of the Poisson deviance that is explained: 1 - deviance(target, rate) / deviance(target, mean), summed"
        " over all columns. Predicting the mean gives 0.",
        "up to 1", "max", "scikit-learn `d2_tweedie_score(power=1)`",
    ),
    Definition(
        "spearman", "value and count as ranking",
        "Spearman's rank correlation of scores and targets; ties have their mean rank.",
        "-1 to 1", "max", "SciPy `spearmanr`",
    ),
    Definition(
        "kl", "distribution",
        "Kullback-Leibler divergence of the prediction q from the target p: the sum of p log(p / q), in nats, averaged"
        " over the samples.",
        "from 0", "min", "SciPy `entropy(p, q)`",
    ),
    Definition(
        "cer", "text",
        "Character error rate: the edit distances (insertions, deletions, substitutions) of all texts of the part, over"
        " the sum of their true lengths.",
        "from 0; above 1 where too much is read", "min", "jiwer `cer`",
    ),
    Definition(
        "wer", "text",
        "Word error rate: as `cer`, but in words, separated by spaces; a text without spaces is a single word.",
        "from 0; above 1 where too much is read", "min", "jiwer `wer`",
    ),
    Definition(
        "recall_at_1", "class as embedding",
        "Share of samples whose nearest neighbour in the gallery is of their class. The gallery is the training part"
        " without augmentation, embedded again for each validation and test.",
        "0 to 1", "max", "scikit-learn `KNeighborsClassifier(n_neighbors=1)`",
    ),
    Definition(
        "map_at_r", "class as embedding",
        "Mean average precision at R, the number of samples of the same class in the gallery: 1/R times the sum of the"
        " precisions at those of the R nearest neighbours that are of the class, averaged over the samples.",
        "0 to 1", "max", "Musgrave et al. 2020, A Metric Learning Reality Check",
    ),
    Definition(
        "pair_acc", "pair; class as embedding with verify",
        "Balanced accuracy of telling same from different by distance: the mean of the shares of same and of different"
        " pairs that are classified correctly, at the threshold that is best on validation. For data with classes, the"
        " pairs are each sample with the 16 that follow it.",
        "0 to 1; 0.5 by chance", "max", "scikit-learn `balanced_accuracy_score`",
    ),
    Definition(
        "auroc", "pair; class as embedding with verify",
        "Area under the ROC curve: the probability that a same pair is nearer than a different one, ties counting half;"
        " over the pairs of `pair_acc`.",
        "0 to 1; 0.5 by chance", "max", "scikit-learn `roc_auc_score`",
    ),
    Definition(
        "top1", "`info_nce`",
        "Share of the queries of a batch whose nearest candidate is their own second view; depends on the batch size."
        " In training, of the first 128 queries of each batch.",
        "0 to 1; 1 / candidates by chance", "max",
    ),
    Definition(
        "chance", "`info_nce`",
        "The loss of uninformative embeddings: the logarithm of the number of candidates, which is the batch size B, or"
        " 2 B - 1 for both_views. A run that stays there learns nothing.",
        "from 0",
    ),
    Definition(
        "temperature", "`info_nce`", "What similarities are divided by; changes if it is learnable.", "0.01 to 1 if"
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
        " distributed.",
        "-8 to 0", "min", "Wang and Isola 2020",
    ),
    Definition(
        "active", "`triplet_margin`",
        "Share of the mined triplets that violate the margin; always 1 for `pairing.mine=all`, which mines only those.",
        "0 to 1",
    ),
    Definition(
        "spread", "`triplet_margin`",
        "Standard deviation of the embeddings in a batch, averaged over their columns. Near 0 they have collapsed, and"
        " the loss equals the margin.",
        "from 0",
    ),
    Definition(
        "untaught", "`multilabel_margin`",
        "Share of samples with no label or all labels: there is nothing to rank, and the loss is 0.", "0 to 1",
    ),
    Definition(
        "skipped", "`ctc` with zero_infinity",
        "Share of texts that need more steps than the output has, and are skipped.", "0 to 1", "min",
    ),
    Definition("lr", "all", "The learning rate of a step; `lr/<group>` where groups differ.", "from 0"),
    Definition("momentum", "schedules that change it", "The momentum, or Adam's first beta, of a step.", "0 to 1"),
    Definition("epoch", "all", "The epoch in which a value was logged, from 0.", "from 0"),
)  # fmt: skip


def direction(name: str) -> str | None:
    """Return ``min`` or ``max``, the best value of a metric defined here; None for other names."""
    return next((one.better for one in DEFINITIONS if one.name == name and one.better), None)


def page() -> str:
    """Return the page of the documentation, as Markdown."""
    better = {"max": "larger", "min": "smaller", "": ""}
    rows = [
        f"| `{one.name}` | {one.of} | {one.text} | {one.values} | {better[one.better]} | {one.source} |"
        for one in DEFINITIONS
    ]
    lines = "\n".join(["| name | for | definition | range | better | same as |", "|---|---|---|---|---|---|", *rows])
    return f"""# What the metrics and curves mean

Generated by `python scripts/pairings.py metrics > docs/metrics.md` from one table in the code. Tests check that every
name that a run logs has a row, and that the better direction is the one that the metric states. Metrics are computed
over a whole part, independent of the batch size; a metric that is undefined on a part (a correlation of equal values)
is omitted. The metric that chooses the best checkpoint is `loss.primary.KIND=NAME`, or
`'loss.primary.KIND={{name: NAME, mode: min}}'` for one that does not state which value is best; it may also be `loss`.

{lines}

## Metrics of a config

The metrics above follow from the loss and the data. `metrics` adds others by name, such as

    python scripts/train.py 'metrics={{mcc: {{_target_: torchmetrics.classification.MulticlassMatthewsCorrCoef, of: decision}}}}'
    python scripts/train.py 'metrics={{ece: {{_target_: torchmetrics.classification.MulticlassCalibrationError, train: true}}}}'

They are logged, saved, resumed and compared as all others, and may be the primary metric. `_target_` is a class of
torchmetrics or of your own, whose `compute` returns a scalar. It receives `num_classes`, `num_labels`, `num_outputs` and
`ignore_index` if it has such arguments; other keys are passed to it, except these:

| key | value | default |
|---|---|---|
| `of` | What `update` receives, with the target: `decision`, the predicted class, labels or values; `probability`, of each class or label; `positive`, the probability of the positive one of two classes; `score`, what the criterion receives. | `probability` if the loss trains any, else `decision` |
| `mode` | `max` or `min`, the better direction. | the class's `higher_is_better` |
| `train` | `true`: also over the training batches. | `false` |
| `head` | The target that it is computed on; needed if the data has several. It is then logged as `<head>_<name>`. | |
"""  # noqa: E501
