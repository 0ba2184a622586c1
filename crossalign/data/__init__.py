"""Data: every loader gives a `crossalign.types.Benchmark`.

    from crossalign import data
    bench = data.load("glyphs")                                  # made here, nothing to download
    bench = data.load("path/to/CUB", attributes="sent_splits.mat")      # the xlsa17 layout
    bench = data.load("path/to/wikipedia", task="retrieval")            # pairs
    bench = data.load("path/to/omniglot:alphabets")                     # a variant
    bench = data.load("path/to/Sketchy", unseen="sketchy25-sake")       # sketches and photos
    bench = data.load("path/to/caltech", tokens=True)                   # class folders of pictures
    bench = data.load("glyphs", task="caption")                         # captions; "vqa": answers

Files are checked once, when they are read, and every complaint is one sentence. Features come as
they are in the file (`preprocessing` is for models, on their training rows). The protocol of a
benchmark says which rows, which features and which side information its numbers rest on, and which
of the known ways to be wrong (`LEAKS`) are ruled out.

| file | idea |
|---|---|
| catalog, layouts, checks | names and paths to benchmarks, and checks of them |
| registry | what each source is recognised by, serves and takes |
| sources | one data set or layout each: files to samples |
| samples, splits | all samples of a source, rows of every split |
| benchmarks, cuts | ways to cut samples, the benchmark of one cut |
| supervision, fewer_labels | fewer training pairs, rows alone, wrong pairs, fewer labelled rows |
| formats | MATLAB, NumPy, delimited text, pictures, clips |
| table, named_files | the meaning of a table of aligned arrays, files that it names |
| encoding, sides | raw pictures and texts to samples, by encoders; those of one modality each |
| class_folders, class_clips, picture_rows, text_rows | folders to files, pixels and texts to rows |
| time_pooling | token rows in time to vectors |
| class_texts, descriptions, recognition | classes in words, their descriptions, zero-shot cuts |
| side_information | one vector per class, matched by name |
| labelled | classes that a classifier which encodes pictures knows by name |
| declaration, leaks, digest | protocols, ways to be wrong, equal rows |
| noted | notes on data that were not read, or not as they are stored |
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
