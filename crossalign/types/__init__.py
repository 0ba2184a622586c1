"""The nouns of the library: samples, classes, benchmarks and search hits (numpy only).

A benchmark is splits of `Views` and one `Classes`; a benchmark's validation set is itself a
`Benchmark`, so whatever is chosen there is chosen by the very code that scores the test.
The report of an evaluation lives with the evaluation (`crossalign.evaluation.Report`): it draws
pages and plots, which this floor must not know about.
"""

from crossalign.types.benchmark import TASK_SPLITS, Benchmark, check_splits
from crossalign.types.captions import Captions
from crossalign.types.classes import CLASS_MODALITY, Classes
from crossalign.types.encoders import Encoder, TextEncoder
from crossalign.types.given import Samples, samples_given, training_given
from crossalign.types.hits import Hits
from crossalign.types.kinds import KINDS
from crossalign.types.questions import Questions
from crossalign.types.split_id import split_id
from crossalign.types.views import NoSuchModalityError, Views

__all__ = ["CLASS_MODALITY", "KINDS", "TASK_SPLITS", "Benchmark", "Captions", "Classes", "Encoder",
           "Hits", "NoSuchModalityError", "Questions", "Samples", "TextEncoder", "Views",
           "check_splits", "samples_given", "split_id", "training_given"]
