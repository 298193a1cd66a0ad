"""keras.io's example bidirectional_lstm_imdb, timed, for benchmarks/reviews/speed.py.

    KERAS/bin/python benchmarks/reviews/keras_loop.py --arrays FILE.npz --seconds 60 --threads 2

Runs in an environment with Keras 3 and TensorFlow and imports nothing of this project. The model,
its length, batch size and optimizer are the example's: two layers of BiLSTM 64 over the last 200
words, padded on the left. The last line printed is JSON: the reviews per second of the second
epoch (the first compiles), which ends when the time is over.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

WORDS, BATCH, WARM_UP_STEPS = 200, 32, 10


def padded(path: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """The arrays of loops.save_reviews -> ids (N, 200), labels (N,), rows of the table."""
    import keras

    with np.load(path) as arrays:
        ends = np.cumsum(arrays["lengths"])
        reviews = np.split(arrays["ids"], ends[:-1])
        inputs = keras.utils.pad_sequences(reviews, maxlen=WORDS)
        return inputs, arrays["labels"].astype(np.float32), int(arrays["rows"])


def build(rows: int):
    """The example's model, compiled as there."""
    import keras
    from keras import layers

    inputs = keras.Input(shape=(None,), dtype="int32")
    x = layers.Embedding(rows, 128)(inputs)
    x = layers.Bidirectional(layers.LSTM(64, return_sequences=True))(x)
    x = layers.Bidirectional(layers.LSTM(64))(x)
    outputs = layers.Dense(1, activation="sigmoid")(x)
    model = keras.Model(inputs, outputs)
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


def train(path: Path, seconds: float) -> dict[str, float]:
    """-> reviews_per_second, reviews, seconds of the timed epoch."""
    import keras

    class Clock(keras.callbacks.Callback):
        """Counts whole batches after a warm-up, and stops the training when the time is over."""

        def on_train_begin(self, logs=None):
            self.reviews, self.start, self.spent = 0, 0.0, 0.0

        def on_train_batch_end(self, batch, logs=None):
            if self.start:
                self.reviews += BATCH
                self.spent = time.perf_counter() - self.start
                self.model.stop_training = self.spent >= seconds
            elif batch + 1 >= WARM_UP_STEPS:
                self.start = time.perf_counter()

    inputs, labels, rows = padded(path)
    whole = len(inputs) // BATCH * BATCH
    if whole <= WARM_UP_STEPS * BATCH:
        raise SystemExit(f"{path}: {len(inputs)} reviews; there must be more than the warm-up's "
                         f"{WARM_UP_STEPS * BATCH}")  # fmt: skip
    model, clock = build(rows), Clock()
    first = slice(0, WARM_UP_STEPS * BATCH)
    model.fit(inputs[first], labels[first], batch_size=BATCH, epochs=1, verbose=0)
    model.fit(
        inputs[:whole], labels[:whole], batch_size=BATCH, epochs=1000, callbacks=[clock], verbose=0
    )
    speed = clock.reviews / clock.spent
    return {"reviews_per_second": speed, "reviews": clock.reviews, "seconds": clock.spent}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arrays", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()

    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    print(json.dumps(train(options.arrays, options.seconds)))


if __name__ == "__main__":
    main()
