"""CTC prefix beam search with a character language model and a lexicon."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from ..heads.labels import Text
from .alignment import align
from .character_lm import CharacterLM

ROOT = 0
Step = tuple[float, list[tuple[int, float]]]  # p(blank), and the symbols to try with their p


@dataclass(frozen=True)
class BeamSearch:
    """Prefix beam search (Graves 2008; Hannun et al. 2014): find the string with the highest

        log p_CTC(string) + alpha log p_LM(string) + beta |string| + word_bonus (number of known
        words)

    where p_CTC is the sum over all paths. Only steps at which the network is uncertain are
    searched.

    Args:
        labels: names of the symbols; words of the lexicon are runs of letters in them.
        language_model: None searches with the network alone.
        alpha: weight of the language model.
        beta: nats added per symbol: a language model by itself prefers short strings.
        width: number of strings kept after each step.
        threshold: symbols less probable than this at a step are not tried there, except for the
            best.
        certain: where a symbol or the blank is at least this probable, no other is tried; lines
            that are certain at every step are not searched at all.
        margin: strings are dropped that are less probable than the best by this factor.
        lexicon: known words, in lower case.
        word_bonus: nats added per known word. A bonus and not a constraint: names, numbers and
            parts of hyphenated words are in no lexicon.
        n_best: number of strings returned as `alternatives`; 1 returns none.
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
        """Logits (B, T, L + 1), blank last, and their greedy decodings -> the searched texts.

        A string that stays the same keeps its confidences and steps; otherwise they are those of
        its best path, so that a symbol preferred by the language model keeps the network's low
        probability.
        """
        probabilities = logits.detach().float().softmax(2).cpu().numpy()
        rows = [row[:steps] for row, steps in zip(probabilities, lengths.tolist(), strict=True)]
        results = [
            [(text.ids, 1.0)]
            if (row.max(1, initial=0.0) >= self.certain).all()
            else self.search(row)
            for row, text in zip(rows, greedy, strict=True)
        ]
        texts = list(greedy)
        changed = [i for i, strings in enumerate(results) if strings[0][0] != greedy[i].ids]
        aligned = align([rows[i] for i in changed], [results[i][0][0] for i in changed])
        for index, text in zip(changed, aligned, strict=True):
            texts[index] = text
        if self.n_best == 1:
            return texts
        return [
            text._replace(alternatives=strings[: self.n_best])
            for text, strings in zip(texts, results, strict=True)
        ]

    def search(self, row: np.ndarray) -> list[tuple[list[int], float]]:
        """Probabilities (T, L + 1) -> strings, best first, with their shares of the total score.

        The total is over all strings that were kept.
        """
        prefixes = Prefixes(self)
        beam = {ROOT: (1.0, 0.0)}  # prefix: its probability ending in a blank, and not
        for blank, symbols in self.steps(row, row.max(1, initial=0.0)):
            alone = prefixes.follow(beam, blank, symbols)
            beam = alone or self._prune(prefixes.extend(beam, blank, symbols))
        ends = prefixes.end_factors(list(beam))
        ranked = sorted(
            ((sum(p) * end, node) for (node, p), end in zip(beam.items(), ends, strict=True)),
            reverse=True,
        )
        total = sum(score for score, _ in ranked)
        return [(prefixes.string(node), score / total) for score, node in ranked]

    def steps(self, row: np.ndarray, best: np.ndarray) -> list[Step]:
        """Select what to try at each step; steps that repeat a single choice are merged."""
        # among very many symbols even the best one may lie below the threshold
        threshold = np.where(best >= self.certain, best, np.minimum(best, self.threshold))
        selected = row[:, :-1] >= threshold[:, None]
        blanks = row[:, -1]
        kept = np.where((blanks >= self.threshold) & (best < self.certain), blanks, 0.0)
        kept = np.where(blanks == best, blanks, kept).tolist()
        symbols: list[list[tuple[int, float]]] = [[] for _ in kept]
        positions, ids = selected.nonzero()
        for position, i, p in zip(
            positions.tolist(), ids.tolist(), row[:, :-1][selected].tolist(), strict=True
        ):
            symbols[position].append((i, p))
        steps: list[Step] = []
        previous_choice = None  # single choice of the previous step, [] for the blank
        for blank, choices in zip(kept, symbols, strict=True):
            ids = [i for i, _ in choices]
            single = not choices or (not blank and len(choices) == 1)
            if not (single and ids == previous_choice):
                steps.append((blank, choices))
            previous_choice = ids if single else None
        return steps

    def _prune(self, beam: dict[int, list[float]]) -> dict[int, tuple[float, float]]:
        """Keep the best `width`, scaled so that the best is 1: long products would underflow."""
        if len(beam) == 1:
            ((node, (blank_last, symbol_last)),) = beam.items()
            total = blank_last + symbol_last
            return {node: (blank_last / total, symbol_last / total)}
        ranked = sorted(beam, key=lambda node: -sum(beam[node]))[: self.width]
        top = sum(beam[ranked[0]])
        lowest = top * self.margin
        return {
            node: (beam[node][0] / top, beam[node][1] / top)
            for node in ranked
            if sum(beam[node]) >= lowest
        }


class Prefixes:
    """A tree of the prefixes of one search: each node is its parent and one more symbol."""

    def __init__(self, search: BeamSearch):
        self.search, self.model = search, search.language_model
        self.parents, self.symbols = [-1], [-1]
        self.contexts = [self.model.start if self.model else 0]
        self.words = [""]  # the letters since the last symbol that is no letter
        self.factors = [1.0]  # by which each multiplies its parent's probability
        self.children: dict[tuple[int, int], int] = {}

    def follow(
        self, beam: dict[int, tuple[float, float]], blank: float, symbols: list[tuple[int, float]]
    ) -> dict[int, tuple[float, float]] | None:
        """Advance a beam of one string by a step with one choice: nothing to weigh; else None."""
        if len(beam) != 1 or len(symbols) + bool(blank) != 1:
            return None
        ((node, (blank_last, symbol_last)),) = beam.items()
        if blank:
            return {node: (1.0, 0.0)}
        symbol = symbols[0][0]
        if symbol == self.symbols[node]:
            if not blank_last:
                return {node: (0.0, 1.0)}
            if symbol_last:
                return None
        child = self.children.get((node, symbol))
        return {self._add(node, symbol, True) if child is None else child: (0.0, 1.0)}

    def extend(
        self, beam: dict[int, tuple[float, float]], blank: float, symbols: list[tuple[int, float]]
    ) -> dict[int, list[float]]:
        """Advance the beam by one step."""
        extended: dict[int, list[float]] = {}
        equal_scores = not blank and len(symbols) == 1 and self._equal_scores(beam, symbols[0][0])
        for node, (blank_last, symbol_last) in beam.items():
            both, last = blank_last + symbol_last, self.symbols[node]
            repeated = 0.0
            for symbol, p in symbols:
                mass = both * p
                if symbol == last:  # it counts as a second symbol only after a blank
                    repeated, mass = symbol_last * p, blank_last * p
                if mass:
                    child = self.children.get((node, symbol))
                    if child is None:
                        child = self._add(node, symbol, equal_scores)
                    kept = extended.setdefault(child, [0.0, 0.0])
                    kept[1] += mass * self.factors[child]
            if blank or repeated:
                kept = extended.setdefault(node, [0.0, 0.0])
                kept[0] += both * blank
                kept[1] += repeated
        return extended

    def _equal_scores(self, beam: dict[int, tuple[float, float]], symbol: int) -> bool:
        """Whether the language model scores this symbol equally after each prefix of the beam."""
        contexts = self.contexts
        first = contexts[next(iter(beam))]
        return all(contexts[node] == first and self.symbols[node] != symbol for node in beam)

    def _add(self, node: int, symbol: int, skip_lm: bool) -> int:
        """Add a child to a node, without the language model's score if `skip_lm`."""
        search, model = self.search, self.model
        score = search.beta
        context = 0
        if model:
            context = model.follow(self.contexts[node], symbol)
            if not skip_lm:
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
        """Factors by which the end of the line multiplies the probability of each prefix."""
        factors = []
        for node in nodes:
            score = 0.0
            if self.model and len(nodes) > 1:
                score += self.search.alpha * self.model.log_probability(
                    self.contexts[node], self.model.end
                )
            if self.words[node] in self.search.lexicon:
                score += self.search.word_bonus
            factors.append(float(np.exp(score)))
        return factors

    def string(self, node: int) -> list[int]:
        """The symbols of a prefix, in order."""
        ids = []
        while node != ROOT:
            ids.append(self.symbols[node])
            node = self.parents[node]
        return ids[::-1]
