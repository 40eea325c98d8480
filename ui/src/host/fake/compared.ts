// Metrics with baselines, as computed by the engine.

import type { Baseline, Compared, Figures } from "../api";

function compare(
  figure: string,
  name: string,
  value: number | null,
  lower_is_better: boolean,
  all: [string, number | null][],
): Compared {
  const baselines = all.flatMap(([of, at]): Baseline[] => (at === null ? [] : [{ name: of, value: at }]));
  const gain = (than: Baseline) => (lower_is_better ? than.value - (value ?? 0) : (value ?? 0) - than.value);
  const hardest = [...baselines].sort((a, b) => gain(a) - gain(b))[0];
  const beats = value === null || !hardest ? null : gain(hardest) > 0;
  const word = hardest && gain(hardest) < 0 ? "worse than" : "no better than";
  return {
    figure,
    name,
    value,
    lower_is_better,
    baselines,
    beats,
    worse: beats === false && hardest ? `${word} ${hardest.name} ${hardest.value.toFixed(3)}` : "",
  };
}

export function compared(f: Figures): Compared[] {
  if (f.of === "generator")
    return [
      compare("perplexity", "perplexity", f.perplexity, true, [
        ["unigram", f.unigram_perplexity],
        ["chance", f.chance_perplexity],
      ]),
      compare("loss", "loss", f.loss, true, [
        ["unigram", f.unigram_perplexity === null ? null : Math.log(f.unigram_perplexity)],
        ["chance", Math.log(f.chance_perplexity)],
      ]),
    ];
  const two = f.classes.length === 2;
  const b = f.baseline;
  const of = (name: string) => (two ? name : `${name}, macro`);
  return [
    compare("auc", of("AUC"), f.auc, false, [
      ["unigram", b.unigram_auc],
      ["chance", 0.5],
    ]),
    ...(two ? [] : [compare("micro_auc", "AUC, micro", f.micro_auc, false, [["chance", 0.5]])]),
    compare("average_precision", of("average precision"), f.average_precision, false, [
      ["prior", b.prior_average_precision],
    ]),
    compare("accuracy", "accuracy", f.accuracy, false, [
      ["majority class", b.majority_accuracy],
      ["unigram", b.unigram_accuracy],
    ]),
    compare("precision", of("precision"), f.precision, false, []),
    compare("recall", of("recall"), f.recall, false, []),
    compare("f1", of("F1"), f.f1, false, []),
    compare("log_loss", "log loss", f.log_loss, true, [["prior", b.prior_log_loss]]),
    compare("brier", "Brier score", f.brier, true, [["prior", b.prior_brier]]),
    compare("calibration_error", "expected calibration error", f.calibration_error, true, []),
    ...(two
      ? []
      : [
          compare("quadratic_kappa", "quadratic weighted kappa", f.quadratic_kappa, false, [["chance", 0]]),
          compare("spearman", "Spearman correlation", f.spearman, false, [["chance", 0]]),
        ]),
  ];
}
