"""Scores and tables as a terminal, a page and a paper show them."""

import csv
import io

import numpy as np

from crossalign.evaluation.report import Report
from crossalign.tables import comma_separated, latex, percent, points


def test_a_score_has_its_spread_where_runs_differ_and_only_there():
    runs = [0.573, 0.581]
    report = Report.from_runs([{"H": r} for r in runs], model="m", data="d", task="gzsl",
                              seeds=[0, 1], seconds=1, selection="none")
    assert report.cell("H") == f"{100 * np.mean(runs):.1f} ± {100 * np.std(runs, ddof=1):.1f}"
    assert report.cell("U", "-") == "-"
    assert report.only([0]).cell("H") == percent(0.573) == "57.3"


def test_points_have_a_sign_and_their_interval():
    assert points(0.0123) == "+1.2"
    assert points(-0.02, -0.0312, 0.004) == "-2.0 [-3.1, +0.4]"


def test_a_comma_separated_table_reads_back_as_it_was():
    rows = [["a, b", 'say "x"'], ["± 0.4", ""]]
    text = comma_separated(["model", "H"], rows)
    assert list(csv.reader(io.StringIO(text))) == [["model", "H"], *rows]


def test_a_latex_table_acts_on_nothing_in_its_cells():
    text = latex(["model", "mAP"], [[r"50 % & {x_1} $^~\end{tabular}", "57.7 ± 0.4"]])
    assert text.splitlines() == [
        r"\begin{tabular}{lr}", r"\toprule", r"model & mAP \\", r"\midrule",
        r"50 \% \& \{x\_1\} \$\textasciicircum{}\textasciitilde{}\textbackslash{}end\{tabular\} "
        r"& 57.7 $\pm$ 0.4 \\", r"\bottomrule", r"\end{tabular}"]
