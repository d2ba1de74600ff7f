"""InfoNCE: cross-entropy over the similarities of a batch, with a temperature."""

from __future__ import annotations

import math

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F

from lossbook.losses.criteria.gather import gather
from lossbook.losses.criteria.log_sum_exp import row_log_sum_exp
from lossbook.losses.criteria.reduction import reduce

MODES = ("one_way", "symmetric", "both_views")
_LEAST, _MOST = 1 / 100, 1.0  # bounds of a learnable temperature


class InfoNCELoss(nn.Module):
    """Which of the batch's keys belongs to a query, told by similarity over temperature.

    Sources: van den Oord et al. 2018 (``one_way``), Radford et al. 2021 (``symmetric``, learnable temperature),
    Chen et al. 2020 (``both_views``), Khosla et al. 2020 (with labels).

    Args:
        temperature: above 0; the start where it is learnable.
        learnable: train the temperature, as the logarithm of its inverse, kept within [1/100, 1].
        mode: ``one_way`` queries find keys; ``symmetric`` keys find queries, too, and the mean counts;
            ``both_views`` every embedding finds its partner among all 2N - 1 others.
        normalize: scale embeddings to length 1, so that similarities are cosines.
        block_size: rows of the similarity matrix held at a time, or null for the whole; blocks are
            computed a second time in the backward pass, and memory no longer grows with the square of the batch.
        reduction: ``none``, ``mean`` or ``sum`` over the N samples.
    """

    gives = {"top1": True}  # noqa: RUF012

    def __init__(
        self,
        temperature: float = 0.2,
        learnable: bool = False,
        mode: str = "symmetric",
        normalize: bool = True,
        block_size: int | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        assert temperature > 0
        assert mode in MODES, mode
        self.mode = mode
        self.normalize = normalize
        self.block_size = block_size
        self.reduction = reduction
        log_scale = torch.tensor(-math.log(temperature))
        if learnable:
            self.log_scale = nn.Parameter(log_scale)
        else:
            self.register_buffer("log_scale", log_scale)
        self.learnable = learnable

    @property
    def scale(self) -> Tensor:
        """The inverse of the temperature."""
        if self.learnable:
            bounded = self.log_scale.clamp(-math.log(_MOST), -math.log(_LEAST))
            # at its bounds a clamp has no gradient, and the temperature would stay there for good
            return (self.log_scale + (bounded - self.log_scale).detach()).exp()
        return self.log_scale.exp()

    @property
    def temperature(self) -> Tensor:
        return 1 / self.scale

    def observe(self, query: Tensor, key: Tensor, most: int | None) -> dict[str, Tensor]:
        """Return where training stands: top-1 accuracy, the loss at chance level, the temperature.

        Args:
            query, key: embeddings (N, D) without gradient, row by row partners.
            most: top-1 is asked of so many queries at most.
        """
        chance = math.log(self.candidates(len(query)))
        return {
            "top1": self.top1(query, key, most),
            "chance": torch.tensor(chance, dtype=torch.float32),
            "temperature": self.temperature.detach(),
        }

    def candidates(self, samples: int) -> int:
        """Among how many embeddings a query finds its partner: chance level is the log of it.

        Args:
            samples: N, of this process's batch; the others are taken to have as many.
        """
        samples *= dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
        return 2 * samples - 1 if self.mode == "both_views" else samples

    def forward(self, query: Tensor, key: Tensor, labels: Tensor | None = None) -> Tensor:
        """The loss of embeddings (N, D) and (N, D), row by row partners.

        Args:
            labels: (N,) classes; then all samples of a query's class are its partners, the mean over them counts.
        """
        if self.learnable and self.training:
            # the parameter itself, or it would drift away and take as long to come back
            with torch.no_grad():
                self.log_scale.clamp_(-math.log(_MOST), -math.log(_LEAST))
        if self.normalize:
            query, key = F.normalize(query, dim=1), F.normalize(key, dim=1)
        offset, all_query, all_key = gather(query, key)
        all_labels = None if labels is None else gather(labels)[1]
        own = torch.arange(len(query), device=query.device) + offset
        if self.mode == "both_views":
            everything = torch.cat([all_query, all_key])
            total = len(all_query)
            classes = None if all_labels is None else torch.cat([all_labels, all_labels])
            losses = [
                self._find(query, everything, own + total, labels, classes, itself=own),
                self._find(key, everything, own, labels, classes, itself=own + total),
            ]
        else:
            losses = [self._find(query, all_key, own, labels, all_labels)]
            if self.mode == "symmetric":
                losses.append(self._find(key, all_query, own, labels, all_labels))
        return reduce(torch.stack(losses).mean(dim=0), self.reduction)

    def _find(
        self,
        query: Tensor,
        key: Tensor,
        partner: Tensor,
        labels: Tensor | None,
        key_labels: Tensor | None,
        itself: Tensor | None = None,
    ) -> Tensor:
        """-log p(partner) for each query, among the keys but itself."""
        scale = self.scale.to(query.dtype)
        normaliser = row_log_sum_exp(query, key, scale, itself, self.block_size)
        if labels is None or key_labels is None:
            similarity = (query * key[partner]).sum(1)
        else:
            similarity = _mean_similarity(query, key, labels, key_labels, itself)
        return normaliser - scale * similarity

    @torch.no_grad()
    def top1(self, query: Tensor, key: Tensor, most: int | None = None) -> Tensor:
        """The share of queries whose most similar key, of this process's batch, is their partner.

        Args:
            most: only the first so many queries are asked.
        """
        if self.normalize:
            query, key = F.normalize(query, dim=1), F.normalize(key, dim=1)
        candidates, partner = key, torch.arange(len(query), device=query.device)
        if self.mode == "both_views":
            candidates, partner = torch.cat([query, key]), partner + len(query)
        hits = []
        asked = len(query) if most is None else min(most, len(query))
        for start in range(0, asked, 1024):
            rows = torch.arange(start, min(start + 1024, asked), device=query.device)
            similarity = query[rows] @ candidates.T
            if self.mode == "both_views":
                similarity[torch.arange(len(rows), device=rows.device), rows] = -torch.inf
            hits.append(similarity.argmax(1) == partner[rows])
        return torch.cat(hits).float().mean()


def _mean_similarity(query: Tensor, key: Tensor, labels: Tensor, key_labels: Tensor, itself: Tensor | None) -> Tensor:
    """The mean similarity of each query to the keys of its class (but itself), by sums over classes."""
    classes = int(key_labels.max()) + 1
    sums = key.new_zeros(classes, key.shape[1]).index_add(0, key_labels, key)
    counts = torch.bincount(key_labels, minlength=classes).to(key.dtype)
    total, number = (query * sums[labels]).sum(1), counts[labels]
    if itself is not None:
        total, number = total - (query * key[itself]).sum(1), number - 1
    return total / number
