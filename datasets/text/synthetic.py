"""Synthetic texts from two small grammars: reviews with a verdict, and sentences with key phrases.

Single words carry little information: "not" reverses an opinion, only the verdict counts, and the
same nouns are key phrases in one sentence and ordinary objects in another.
"""

import zlib
from abc import abstractmethod
from random import Random

import numpy as np

from ..batch import Sample
from ..source import Problem, SequenceDataset, Source, Split
from .tokens import TextReader


def _words(*phrases: str) -> list[str]:
    return " ".join(phrases).split()


NEGATIVE, POSITIVE = 0, 1
ADJECTIVES = {
    NEGATIVE: _words("awful bad boring clumsy dull empty flat horrible lame poor silly weak"),
    POSITIVE: _words("bright brilliant clever fine fresh fun good great lovely moving strong warm"),
}
VERBS = {
    NEGATIVE: _words("dislike hate mock regret"),
    POSITIVE: _words("admire enjoy like love"),
}
ASPECTS = _words("acting camera cast dialogue ending music plot story style tone")
DEGREES = ("", "", "very", "really", "so", "quite")
INNER_NEGATIONS = ("not", "never", "hardly", "far from")
OUTER_NEGATIONS = ("i would not say that", "nobody can claim that", "it is not true that")
AFFIRMATIONS = ("", "", "i would say that", "everybody can claim that", "it is true that")
VERDICTS = ("overall ,", "all in all ,", "in the end ,", "to sum up ,")
ASIDES = (
    "i saw {name} on a friday .",
    "we did not plan to see {name} .",
    "my friend had never heard of {name} .",
    "it is by {name} and {name} .",
    "{name} did not write it .",
    "the seats were far from the door .",
)

NOUNS = _words(
    "boat bridge camera cloud coin field fish forest glass horse lamp language market memory metal",
    "mirror motor network paper planet river salt signal stone storm tower tree valley wave wheel",
)
KINDS = _words("blue broken deep early golden hidden large new old quiet red simple slow small")
# K is a key phrase, N an ordinary phrase of the same form.
KEY_SENTENCES = (
    "this chapter is about K .",
    "we study K and K in a N .",
    "the talk on the topic of K was held near the N .",
    "the K is the subject of her book .",  # recognisable only by what follows
    "the K , a question for many years , is explained with a N .",
    "the author compares the K with the K .",
    "he wrote ten pages on the theory of K .",
)
PLAIN_SENTENCES = (
    "this chapter is behind the N .",
    "we carry a N and a N in a N .",
    "the talk was held near the N .",
    "the N is the colour of her book .",
    "the N , a gift for many years , is covered with a N .",
    "the author buys the N with the N .",
    "he wrote ten pages on the top of a N .",
)
TAGS = ("O", "B-KEY", "I-KEY")
SLOTS = {"K", "N", "{name}"}
SYLLABLES = _words("bru dax fel gri kol mip nar ost plo quu sev tro vun wex zor")

TEXTS_PER_AUTHOR = 4
# A text's checksum decides which split it may be in, so no text is in two of them.
BUCKETS: dict[Split, tuple[int, ...]] = {"train": (0, 1), "validation": (2,), "test": (3,)}


def made_up_name(random: Random) -> str:
    """A word outside the vocabulary, so that training includes the unknown symbol."""
    return "".join(random.choices(SYLLABLES, k=random.randint(2, 3)))


def opinion(random: Random, polarity: int, aspects: list[str]) -> list[str]:
    """A clause of this polarity. It has up to two negations; exactly one reverses its adjective."""
    outer_negation, inner_negation = random.choice(((0, 0), (0, 0), (0, 0), (1, 0), (0, 1), (1, 1)))
    adjective = random.choice(ADJECTIVES[polarity ^ outer_negation ^ inner_negation])
    words = (
        random.choice(OUTER_NEGATIONS if outer_negation else AFFIRMATIONS),
        f"the {random.choice(aspects)} was",
        random.choice(INNER_NEGATIONS) if inner_negation else "",
        random.choice(DEGREES),
        adjective,
    )
    return " ".join(words).split()


def verdict(random: Random, polarity: int) -> list[str]:
    """The overall judgement of the writer: "overall , i did not like it ."."""
    negated = int(random.random() < 0.4)
    verb = random.choice(VERBS[polarity ^ negated])
    who = random.choice(("i", "we"))
    did = random.choice(("did not", "could never")) if negated else random.choice(("did", "could"))
    return f"{random.choice(VERDICTS)} {who} {did} {verb} it .".split()


def review(random: Random, label: int, aspects: list[str]) -> list[str]:
    """A review of this label: that of the verdict if there is one, else that of the main clause.

    Six in ten end with a verdict, one in ten starts with it, combined with opinions that may
    contradict it; the others have one sentence of opinion: "although no, yes" or "no, but yes".
    """
    sentences = []
    form = random.choices(("close", "open", "concede"), weights=(6, 1, 3))[0]
    if form == "concede":
        lesser, main = opinion(random, 1 - label, aspects), opinion(random, label, aspects)
        if random.randint(0, 1):
            sentences.append(["although", *lesser, ",", *main, "."])
        else:
            sentences.append([*lesser, ",", "but", *main, "."])
    else:
        for _ in range(random.randint(1, 4)):
            sentences.append([*opinion(random, random.randint(0, 1), aspects), "."])
    for _ in range(random.randint(0, 2)):
        aside = random.choice(ASIDES).replace("{name}", made_up_name(random))
        sentences.insert(random.randint(0, len(sentences)), aside.split())
    if form != "concede":
        sentences.insert(len(sentences) if form == "close" else 0, verdict(random, label))
    return [word for sentence in sentences for word in sentence]


def phrase(random: Random) -> list[str]:
    """One to three words: an optional adjective, one or two nouns; one noun in six is made up."""
    noun = made_up_name(random) if random.random() < 1 / 6 else random.choice(NOUNS)
    words = [noun] if random.random() < 0.6 else [random.choice(NOUNS), noun]
    return words if random.randint(0, 1) else [random.choice(KINDS), *words]


def tagged_sentence(random: Random) -> tuple[list[str], list[int]]:
    """A sentence with or without key phrases -> its words, and each word's index in TAGS."""
    words: list[str] = []
    tags: list[int] = []
    for slot in random.choice(random.choice((KEY_SENTENCES, PLAIN_SENTENCES))).split():
        new = phrase(random) if slot in ("K", "N") else [slot]
        words += new
        tags += [1] + [2] * (len(new) - 1) if slot == "K" else [0] * len(new)
    return words, tags


class SyntheticTextDataset(SequenceDataset):
    """One split of synthetic texts; text i depends on (seed, split, i) alone.

    texts: each sample's words, before they become ids.
    """

    def __init__(self, split: Split, count: int, seed: int, reader: TextReader):
        self.split, self.seed, self.reader = split, seed, reader
        self.names = [f"synthetic {split} {i}" for i in range(count)]
        self.groups = [f"{split} author {i // TEXTS_PER_AUTHOR}" for i in range(count)]
        self.texts: list[list[str]] = []
        self.targets: list[np.ndarray] = []
        for index in range(count):
            random = Random(f"{seed} {split} text {index}")
            words, target = self._make(index, random)
            while zlib.crc32(" ".join(words).encode()) % 4 not in BUCKETS[split]:
                words, target = self._make(index, random)
            self.texts.append(words)
            self.targets.append(np.array(target, dtype=np.int64))
        self.sizes = np.array([len(words) for words in self.texts], dtype=np.int64)

    def tokens(self, index: int) -> list[str]:
        """Return the words of a sample."""
        return self.texts[index]

    def read(self, index: int) -> Sample:
        return Sample(self.reader.encode(self.texts[index]), self.targets[index])

    @abstractmethod
    def _make(self, index: int, random: Random) -> tuple[list[str], int | list[int]]: ...


class SyntheticReviewDataset(SyntheticTextDataset):
    """Words (T,) -> negative or positive, (), alternating. An author mentions four aspects only."""

    def _make(self, index: int, random: Random) -> tuple[list[str], int]:
        author = Random(f"{self.seed} {self.split} author {index // TEXTS_PER_AUTHOR}")
        return review(random, index % 2, author.sample(ASPECTS, 4)), index % 2


class SyntheticTagDataset(SyntheticTextDataset):
    """Words (T,) of one to four sentences -> a tag for each word, (T,)."""

    def _make(self, index: int, random: Random) -> tuple[list[str], list[int]]:
        words: list[str] = []
        tags: list[int] = []
        for _ in range(random.randint(1, 4)):
            sentence, sentence_tags = tagged_sentence(random)
            words += sentence
            tags += sentence_tags
        return words, tags


class SyntheticText(Source):
    """Base class of the synthetic texts.

    count, validation, test: number of samples in each split.
    """

    dataset: type[SyntheticTextDataset]
    names: tuple[str, ...]  # of the labels
    phrases: tuple[str, ...]  # with every word of the reader's vocabulary

    def __init__(self, count: int, validation: int, test: int, seed: int = 0):
        for name, value, minimum in (
            ("count", count, 1),
            ("validation", validation, 0),
            ("test", test, 0),
        ):
            if value < minimum:
                raise ValueError(f"{type(self).__name__}: {name}={value}; give at least {minimum}")
        self.count, self.validation, self.test, self.seed = count, validation, test, seed
        self.labels = list(self.names)
        self.reader = TextReader(sorted(set(_words(*self.phrases)) - SLOTS))
        self.input_size = self.reader.input_size
        self.problems: list[Problem] = []

    def split(self, name: Split) -> SyntheticTextDataset:
        count = {"train": self.count, "validation": self.validation, "test": self.test}[name]
        return self.dataset(name, count, self.seed, self.reader)


class SyntheticReviews(SyntheticText):
    """A review -> negative or positive. Counting words is not enough: the verdict decides."""

    dataset, names = SyntheticReviewDataset, ("negative", "positive")
    phrases = (
        *("i we the was it did not could never although but , .", *ASPECTS, *DEGREES, *ASIDES),
        *(*ADJECTIVES[NEGATIVE], *ADJECTIVES[POSITIVE], *VERBS[NEGATIVE], *VERBS[POSITIVE]),
        *(*INNER_NEGATIONS, *OUTER_NEGATIONS, *AFFIRMATIONS, *VERDICTS),
    )


class SyntheticTags(SyntheticText):
    """Sentences -> key phrases in BIO tags, recognisable by the words before or after them."""

    dataset, names = SyntheticTagDataset, TAGS
    phrases = (*NOUNS, *KINDS, *KEY_SENTENCES, *PLAIN_SENTENCES)
