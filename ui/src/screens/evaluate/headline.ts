// The one figure of an evaluation that says most, and what it has to beat.

import type { EvaluationInfo } from "../../host";
import { figure, percent } from "../../parts/format";
import { fakesNamed } from "../../parts/names";

export interface Headline {
  name: string;
  value: string;
  against: string;
  /** Whether it beats what it has to; none: it cannot be said. */
  better: boolean | null;
}

export function headline(evaluation: EvaluationInfo): Headline {
  const { figures } = evaluation;
  if (figures.of === "generator") {
    const { perplexity, unigram_perplexity } = figures;
    return {
      name: "Perplexity",
      value: figure(perplexity, 2),
      against: `counting words: ${figure(unigram_perplexity, 1)}`,
      better: perplexity !== null && unigram_perplexity !== null ? perplexity < unigram_perplexity : null,
    };
  }
  const { auc, baseline } = figures;
  return {
    name: "AUC",
    value: figure(auc),
    against: `counting words: ${figure(baseline.unigram_auc)}, chance: 0.500`,
    better: auc !== null && baseline.unigram_auc !== null ? auc > baseline.unigram_auc : null,
  };
}

/** What an evaluation was measured on, in a line. */
export function measuredOn(e: EvaluationInfo): string {
  const c = e.config;
  const parts = [
    `${e.figures.examples.toLocaleString("en")} examples of the ${e.side} side of split ${e.split}`,
    `checkpoint ${c.checkpoint} at step ${c.step.toLocaleString("en")}`,
    e.fakes ? fakesNamed(e.fakes) : "",
    c.fakes
      ? `written with temperature ${c.fakes.decode.temperature}, top-k ${c.fakes.decode.top_k}, top-p ${c.fakes.decode.top_p}`
      : "",
    `seed ${c.seed}`,
    `${c.device} with ${c.threads} threads`,
    `Repartee ${c.version}`,
  ];
  return parts.filter(Boolean).join(", ");
}

/** Figures of a classifier with what each has to beat. */
export function classifierFigures(
  figures: Extract<EvaluationInfo["figures"], { of: "classifier" }>,
): { name: string; value: string; against?: string; tone?: "good" | "bad" }[] {
  const { baseline } = figures;
  const two = figures.classes.length === 2;
  const beats = (ours: number | null, theirs: number | null, less = false) =>
    ours === null || theirs === null
      ? {}
      : { tone: (less ? ours < theirs : ours > theirs) ? ("good" as const) : ("bad" as const) };
  const out: { name: string; value: string; against?: string; tone?: "good" | "bad" }[] = [
    {
      name: two
        ? "AUC"
        : figures.auc_over.length > 0 && figures.auc_over.length < figures.classes.length
          ? `AUC, macro over ${figures.auc_over.length} of ${figures.classes.length} classes`
          : "AUC, macro",
      value: figure(figures.auc),
      against: `counting words ${figure(baseline.unigram_auc)}`,
      ...beats(figures.auc, baseline.unigram_auc),
    },
  ];
  if (figures.micro_auc !== null) out.push({ name: "AUC, micro", value: figure(figures.micro_auc) });
  out.push(
    {
      name: "Accuracy",
      value: percent(figures.accuracy),
      against: `words ${percent(baseline.unigram_accuracy)}, majority ${percent(baseline.majority_accuracy)}`,
      ...beats(figures.accuracy, baseline.unigram_accuracy),
    },
    { name: two ? "Precision" : "Precision, macro", value: percent(figures.precision) },
    { name: two ? "Recall" : "Recall, macro", value: percent(figures.recall) },
    { name: two ? "F1" : "F1, macro", value: figure(figures.f1) },
    {
      name: "Log loss",
      value: figure(figures.log_loss),
      against: `shares alone ${figure(baseline.prior_log_loss)}`,
      ...beats(figures.log_loss, baseline.prior_log_loss, true),
    },
  );
  if (figures.brier !== null)
    out.push({ name: "Brier score", value: figure(figures.brier), against: "lower is better" });
  if (figures.calibration_error !== null)
    out.push({
      name: "Calibration error",
      value: figure(figures.calibration_error),
      against: "lower is better",
    });
  if (figures.quadratic_kappa !== null)
    out.push({
      name: "Quadratic kappa",
      value: figure(figures.quadratic_kappa),
      against: "agreement beyond chance",
    });
  if (figures.spearman !== null)
    out.push({ name: "Spearman", value: figure(figures.spearman), against: "rank of the bins" });
  return out;
}
