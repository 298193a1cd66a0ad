"""Reading with knowledge of the language: CTC prefix beam search with a character n-gram model."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from ..heads.labels import Text
from .alignment import align
from .character_lm import CharacterLM

ROOT = 0
Step = tuple[float, list[tuple[int, float]]]  # p(blank) and the symbols to try, with their p


@dataclass(frozen=True)
class BeamSearch:
    """Prefix beam search (Graves 2008; Hannun et al. 2014): of all strings the one with the highest

        log p_CTC(string) + alpha log p_LM(string) + beta |string| + word_bonus (known words)

    where p_CTC is the sum over all paths. Only where the network is unsure anything is searched.

    Args:
        labels: what the symbols are called; words of the lexicon are runs of letters in them.
        language_model: None searches with the network alone.
        alpha: weight of the language model.
        beta: for each symbol, nats: a language model by itself prefers short strings.
        width: strings that are kept after a step.
        threshold: symbols less probable than this at a step are not tried there, but for its best.
        certain: where a symbol or the blank is at least so probable, nothing else is tried; lines
            that are certain at every step are not searched at all.
        margin: strings are dropped that are less probable than the best by this factor.
        lexicon: known words, in lower case.
        word_bonus: for each word of it in a string, nats. A bonus and not a rule: names, figures
            and halves of divided words stand in no lexicon.
        n_best: strings that a reading names as `alternatives`; 1 names none.
    """

    labels: Sequence[str]
    language_model: CharacterLM | None = None
    alpha: float = 0.0
    beta: float = 0.0
    width: int = 8
    threshold: float = 1e-2
    certain: float = 0.99
    margin: float = 1e-4
    lexicon: frozenset[str] = frozenset()
    word_bonus: float = 1.0
    n_best: int = 1
    letters: list[bool] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.width < 1 or self.n_best < 1:
            raise ValueError(f"width {self.width}, n_best {self.n_best}: keep at least one string")
        object.__setattr__(self, "letters", [label.isalpha() for label in self.labels])

    def decode(self, logits: Tensor, lengths: Tensor, greedy: Sequence[Text]) -> list[Text]:
        """Logits (B, T, L + 1), blank last, and what a greedy search read -> the better readings.

        Where the string stays the same so do its confidences and steps; else they are those of its
        best path, so that a symbol that the language model put through keeps the network's doubt.
        """
        probabilities = logits.detach().float().softmax(2).cpu().numpy()
        rows = [row[:steps] for row, steps in zip(probabilities, lengths.tolist(), strict=True)]
        found = [self._find(row, text) for row, text in zip(rows, greedy, strict=True)]
        texts = list(greedy)
        changed = [i for i, strings in enumerate(found) if strings[0][0] != greedy[i].ids]
        aligned = align([rows[i] for i in changed], [found[i][0][0] for i in changed])
        for place, text in zip(changed, aligned, strict=True):
            texts[place] = text
        if self.n_best == 1:
            return texts
        return [
            text._replace(alternatives=strings[: self.n_best])
            for text, strings in zip(texts, found, strict=True)
        ]

    def _find(self, row: np.ndarray, greedy: Text) -> list[tuple[list[int], float]]:
        """Probabilities (T, L + 1) -> strings, the best first: of a certain line the greedy one."""
        best = row.max(1, initial=0.0)
        if (best >= self.certain).all():
            return [(greedy.ids, 1.0)]
        return self.search(row, best)

    def search(
        self, row: np.ndarray, best: np.ndarray | None = None
    ) -> list[tuple[list[int], float]]:
        """Probabilities (T, L + 1) -> strings, the best first, each with its share of the score of
        all that were kept.
        """
        best = row.max(1, initial=0.0) if best is None else best
        prefixes = Prefixes(self)
        beam = {ROOT: (1.0, 0.0)}  # string: its probability with a blank last, and without
        for blank, symbols in self.steps(row, best):
            beam = self._prune(prefixes.extend(beam, blank, symbols))
        ends = prefixes.end_factors(list(beam))
        ranked = sorted(
            ((sum(both) * end, node) for (node, both), end in zip(beam.items(), ends, strict=True)),
            reverse=True,
        )
        whole = sum(score for score, _ in ranked)
        return [(prefixes.string(node), score / whole) for score, node in ranked]

    def steps(self, row: np.ndarray, best: np.ndarray) -> list[Step]:
        """What to try at each step; a run of steps with one and the same choice is one."""
        # among very many symbols even the best one may lie below the threshold
        least = np.where(best >= self.certain, best, np.minimum(best, self.threshold))
        tried = row[:, :-1] >= least[:, None]
        blanks = row[:, -1]
        kept = np.where((blanks >= self.threshold) & (best < self.certain), blanks, 0.0)
        kept = np.where(blanks == best, blanks, kept).tolist()
        symbols: list[list[tuple[int, float]]] = [[] for _ in kept]
        places, ids = tried.nonzero()
        for place, i, p in zip(
            places.tolist(), ids.tolist(), row[:, :-1][tried].tolist(), strict=True
        ):
            symbols[place].append((i, p))
        found: list[Step] = []
        alone = None  # the only choice of the step before, [] if it is the blank
        for blank, here in zip(kept, symbols, strict=True):
            ids = [i for i, _ in here]
            sole = not here or (not blank and len(here) == 1)
            if not (sole and ids == alone):
                found.append((blank, here))
            alone = ids if sole else None
        return found

    def _prune(self, beam: dict[int, list[float]]) -> dict[int, tuple[float, float]]:
        """The best `width`, scaled so that the best is 1: a product of so many would underflow."""
        if len(beam) == 1:
            ((node, (ended, open_)),) = beam.items()
            return {node: (ended / (ended + open_), open_ / (ended + open_))}
        ranked = sorted(beam, key=lambda node: -sum(beam[node]))[: self.width]
        top = sum(beam[ranked[0]])
        least = top * self.margin
        return {
            node: (beam[node][0] / top, beam[node][1] / top)
            for node in ranked
            if sum(beam[node]) >= least
        }


class Prefixes:
    """The strings of one search, each a number: the one before it and a symbol more."""

    def __init__(self, search: BeamSearch):
        self.search, self.model = search, search.language_model
        self.parents, self.symbols = [-1], [-1]
        self.contexts = [self.model.start if self.model else 0]
        self.words = [""]  # the letters since the last other symbol
        self.factors = [1.0]  # what each multiplies the probability of the one before it with
        self.children: dict[tuple[int, int], int] = {}

    def extend(
        self, beam: dict[int, tuple[float, float]], blank: float, symbols: list[tuple[int, float]]
    ) -> dict[int, list[float]]:
        """One step of the search."""
        grown: dict[int, list[float]] = {}
        alike = not blank and len(symbols) == 1 and self._alike(beam, symbols[0][0])
        for node, (ended, open_) in beam.items():
            both, last = ended + open_, self.symbols[node]
            again = 0.0
            for symbol, p in symbols:
                mass = both * p
                if symbol == last:  # only after a blank it is a second one
                    again, mass = open_ * p, ended * p
                if mass:
                    child = self.children.get((node, symbol))
                    if child is None:
                        child = self._add(node, symbol, alike)
                    kept = grown.setdefault(child, [0.0, 0.0])
                    kept[1] += mass * self.factors[child]
            if blank or again:
                kept = grown.setdefault(node, [0.0, 0.0])
                kept[0] += both * blank
                kept[1] += again
        return grown

    def _alike(self, beam: dict[int, tuple[float, float]], symbol: int) -> bool:
        """Whether the language model says the same of this symbol after each string."""
        contexts = self.contexts
        first = contexts[next(iter(beam))]
        return all(contexts[node] == first and self.symbols[node] != symbol for node in beam)

    def _add(self, node: int, symbol: int, alike: bool) -> int:
        search, model = self.search, self.model
        score = search.beta
        context = 0
        if model:
            context = model.follow(self.contexts[node], symbol)
            if not alike:
                score += search.alpha * model.log_probability(self.contexts[node], symbol)
        word = ""
        if search.lexicon:
            if search.letters[symbol]:
                word = self.words[node] + search.labels[symbol].lower()
            elif self.words[node] in search.lexicon:
                score += search.word_bonus
        child = self.children[node, symbol] = len(self.symbols)
        self.parents.append(node)
        self.symbols.append(symbol)
        self.contexts.append(context)
        self.words.append(word)
        self.factors.append(float(np.exp(score)))
        return child

    def end_factors(self, nodes: list[int]) -> list[float]:
        """What the end of the line multiplies each with."""
        found = []
        for node in nodes:
            score = 0.0
            if self.model and len(nodes) > 1:
                score += self.search.alpha * self.model.log_probability(
                    self.contexts[node], self.model.end
                )
            if self.words[node] in self.search.lexicon:
                score += self.search.word_bonus
            found.append(float(np.exp(score)))
        return found

    def string(self, node: int) -> list[int]:
        ids = []
        while node != ROOT:
            ids.append(self.symbols[node])
            node = self.parents[node]
        return ids[::-1]
