"""The formula of each peer, from hand-computed numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch

from hat_sim.learning.fusion import Votes, votes
from hat_sim.methods.exchange import Opinion
from hat_sim.methods.peers.amtml_kd import source_weights
from hat_sim.methods.peers.ca_mkd import confidence_weights
from hat_sim.methods.peers.decision import adaptation_loss, centroid_distances, pseudo_labels
from hat_sim.methods.peers.distill_similar import similarity_weights
from hat_sim.methods.peers.ebkd import entropy_weights
from hat_sim.methods.peers.fedmd import mean_logits
from hat_sim.methods.peers.kd3a import knowledge_vote

ALL = (0, 1, 2)


def said(*sources: Sequence[Sequence[float]], classes: Sequence[Sequence[int]] = ()) -> Votes:
    """Votes of sources given by their distributions (samples, outputs), of as many classes if not told."""
    known = classes or [range(len(p[0])) for p in sources]
    total = 1 + max(label for them in known for label in them)
    return votes([torch.tensor(p).log() for p in sources], [tuple(them) for them in known], total)


def entropy(*p: float) -> float:
    return -sum(it * math.log(it) for it in p)


class TestEbkd:
    def test_the_more_entropy_the_less_weight(self) -> None:
        """.5, .5 has .693 of entropy, .9, .1 has .325: 1 - .693 / 1.018 and 1 - .325 / 1.018."""
        found = entropy_weights(said([[0.5, 0.5]], [[0.9, 0.1]]))
        torch.testing.assert_close(found, torch.tensor([[0.3193, 0.6807]]), atol=1e-4, rtol=0)

    def test_weights_of_three_add_up_to_two(self) -> None:
        p = ((0.5, 0.3, 0.2), (0.8, 0.1, 0.1), (0.2, 0.2, 0.6))
        [found] = entropy_weights(said(*([list(it)] for it in p)))
        total = sum(entropy(*it) for it in p)
        torch.testing.assert_close(found, torch.tensor([1 - entropy(*it) / total for it in p]))
        assert float(found.sum()) == pytest.approx(2)

    def test_sources_that_are_all_certain_weigh_the_same(self) -> None:
        certain = votes([torch.tensor([[200.0, 0]]), torch.tensor([[0, 200.0]])], [(0, 1), (0, 1)], 2)
        assert entropy_weights(certain).tolist() == [[1, 1]]

    def test_the_entropy_is_over_the_classes_that_a_source_knows(self) -> None:
        one, two = entropy_weights(said([[0.5, 0.5]], [[0.5, 0.5]], classes=[(0, 2), (1, 2)]))[0]
        assert float(one) == float(two) == pytest.approx(0.5)


class TestCaMkd:
    def test_the_better_the_label_is_told_the_more_weight(self) -> None:
        """CE is log 2 and log 10/9, whose softmax is 2 : 10/9 = .643 : .357; weights are the rest."""
        found = confidence_weights(said([[0.5, 0.5]], [[0.9, 0.1]]), torch.tensor([0]))
        torch.testing.assert_close(found, torch.tensor([[0.35714, 0.64286]]), atol=1e-4, rtol=0)

    def test_three_share_one_less_by_two(self) -> None:
        """CE softmax is 1/p: 2, 4, 4 of 10; (1 - .2) / 2, (1 - .4) / 2 twice."""
        found = confidence_weights(said([[0.5, 0.5]], [[0.25, 0.75]], [[0.25, 0.75]]), torch.tensor([0]))
        torch.testing.assert_close(found, torch.tensor([[0.4, 0.3, 0.3]]))

    def test_an_unlabelled_sample_has_the_mean_weights(self) -> None:
        p = [[0.5, 0.5], [0.9, 0.1], [0.3, 0.7]]
        other = [[0.9, 0.1], [0.5, 0.5], [0.6, 0.4]]
        found = confidence_weights(said(p, other), torch.tensor([0, 0]))
        torch.testing.assert_close(found[2], torch.tensor([0.5, 0.5]))

    def test_who_does_not_know_the_class_has_no_say_about_the_sample(self) -> None:
        """Of class 2 the first knows nothing; the others share it as two do."""
        said_of_two = said([[0.5, 0.5]], [[0.25, 0.25, 0.5]], [[0.1, 0.8, 0.1]], classes=[(0, 1), ALL, ALL])
        found = confidence_weights(said_of_two, torch.tensor([2]))
        torch.testing.assert_close(found, torch.tensor([[0, 10 / 12, 2 / 12]]))

    @pytest.mark.parametrize(
        ("label", "expected"),
        [(2, [0.0, 1.0]), (3, [0.5, 0.5])],
    )
    def test_one_that_knows_alone_has_all_the_say(self, label: int, expected: list[float]) -> None:
        """And where nobody knows the class, all have the same."""
        both = said([[0.5, 0.5]], [[0.1, 0.9]], classes=[(0, 1), (1, 2)])
        wide = Votes(torch.nn.functional.pad(both.log_p, (0, 1)), torch.nn.functional.pad(both.known, (0, 1)))
        assert confidence_weights(wide, torch.tensor([label])).tolist() == [expected]

    def test_a_single_source_has_all_the_weight(self) -> None:
        found = confidence_weights(said([[0.2, 0.8], [0.5, 0.5]]), torch.tensor([0]))
        assert found.tolist() == [[1], [1]]


class TestAmtmlKd:
    def test_weights_are_a_softmax_of_features_times_theta_times_w(self) -> None:
        """(1, 2) x theta x (1, .5): 1 x 1 + 2 x .5 = 2 and 3 x 1 = 3."""
        found = source_weights(
            torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 1.0], [3.0, 0.0]]), torch.tensor([1.0, 0.5])
        )
        torch.testing.assert_close(found, torch.softmax(torch.tensor([[2.0, 3.0]]), dim=1))


class TestDistillWeighted:
    @pytest.mark.parametrize(
        ("similarities", "power", "expected"),
        [
            ([0.5, 0.25], 1, [2 / 3, 1 / 3]),
            ([0.5, 0.25], 2, [0.8, 0.2]),
            ([0.5, 0.25, -0.9], 0, [0.5, 0.5, 0]),
            ([-0.5, 0.25], 1, [0, 1]),
            ([-0.5, -0.1], 3, [0.5, 0.5]),
            ([0.2], 4, [1]),
            ([0.4, 0.2], 1000, [1, 0]),
        ],
    )
    def test_weights_are_powers_of_similarity(
        self, similarities: list[float], power: float, expected: list[float]
    ) -> None:
        """A negative one counts as 0; if all are, the sources weigh the same."""
        torch.testing.assert_close(similarity_weights(similarities, power), torch.tensor(expected).float())


class TestKd3a:
    def test_the_sure_vote_with_their_confidence(self) -> None:
        """.95 for class 0 against .92 + .91 for class 1; .6 is not sure enough, or it would be for 0."""
        four = said([[0.95, 0.03, 0.02]], [[0.05, 0.92, 0.03]], [[0.05, 0.91, 0.04]], [[0.89, 0.06, 0.05]])
        assert knowledge_vote(four, 0.9).tolist() == [[0, 1, 0]]
        assert knowledge_vote(four, 0.8).tolist() == [[1, 0, 0]]

    def test_where_nobody_is_sure_there_is_no_vote(self) -> None:
        two = said([[0.6, 0.4], [0.99, 0.01]], [[0.5, 0.5], [0.5, 0.5]])
        assert knowledge_vote(two, 0.9).tolist() == [[0, 0], [1, 0]]

    def test_a_source_votes_for_the_classes_that_it_knows(self) -> None:
        one = said([[0.95, 0.05]], classes=[(2, 0)])
        assert knowledge_vote(one, 0.9).tolist() == [[0, 0, 1]]


class TestDecision:
    def test_certain_and_diverse_predictions_are_sought(self) -> None:
        """Entropy 0 and diversity log 2 for one each; log 2 and log 2 where both are open."""
        labels = torch.tensor([0, 1])
        certain = adaptation_loss(torch.tensor([[50.0, 0], [0, 50]]), labels, 0.3)
        assert float(certain) == pytest.approx(-math.log(2), abs=1e-4)
        open_ = adaptation_loss(torch.zeros(2, 2), labels, 0.3)
        assert float(open_) == pytest.approx(0.3 * math.log(2), abs=1e-4)
        same = adaptation_loss(torch.tensor([[50.0, 0], [50, 0]]), labels[:1].expand(2), 0.3)
        assert float(same) == pytest.approx(0, abs=1e-4)

    def test_centroids_are_of_the_samples_nearest_to_them(self) -> None:
        """A source that errs on one of three samples of a heap has it corrected by the heap."""
        features = torch.tensor([[5.0, 0], [5, 0], [5, 0], [0, 5], [0, 5]])
        p = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.2, 0.8]])
        found = centroid_distances(features, p, torch.tensor([True, True]))
        assert found.argmin(dim=1).tolist() == [0, 0, 0, 1, 1]
        unit = torch.tensor([5.0, 0, 1]) / 26**0.5
        other = torch.tensor([0.0, 5, 1]) / 26**0.5
        torch.testing.assert_close(
            found[0], torch.stack([1 - unit @ unit, 1 - unit @ other]), atol=1e-6, rtol=0
        )

    def test_pseudo_labels_are_of_classes_that_somebody_knows(self) -> None:
        features = [torch.tensor([[5.0, 0], [0, 5]])] * 2
        both = said([[0.9, 0.1], [0.2, 0.8]], [[0.9, 0.1], [0.2, 0.8]], classes=[(0, 3), (0, 1)])
        assert pseudo_labels(features, both, torch.tensor([0.5, 0.5])).tolist()[0] == 0
        assert pseudo_labels(features, both, torch.tensor([0.5, 0.5])).tolist()[1] in (1, 3)


class TestFedMd:
    def test_the_consensus_is_of_logits(self) -> None:
        """(4, 0) and (0, 1) have the mean (2, .5)."""
        opinions = (
            Opinion((0, 1), torch.tensor([[4.0, 0]])),
            Opinion((1, 0), torch.tensor([[1.0, 0]])),
        )
        torch.testing.assert_close(mean_logits(opinions, 2), torch.softmax(torch.tensor([[2, 0.5]]), dim=1))

    def test_a_class_is_told_by_those_that_know_it(self) -> None:
        """log p of one source is (-.105, -2.303), that of the other (-.693, -.693) of classes 1 and 2."""
        opinions = (
            Opinion((0, 1), torch.tensor([[0.9, 0.1]]).log()),
            Opinion((1, 2), torch.tensor([[0.5, 0.5]]).log()),
        )
        logits = torch.tensor([[0.9, math.sqrt(0.1 * 0.5), 0.5, 0]]).log()
        torch.testing.assert_close(mean_logits(opinions, 4), torch.softmax(logits, dim=1))
