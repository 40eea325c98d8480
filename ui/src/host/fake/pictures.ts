// Charts of the fake engine: real metrics of a demo run, drawn by draw.ts.

import type {
  ChartKind,
  ClassifierFigures,
  EvaluationInfo,
  Judged,
  PairFigure,
  Picture,
  RunInfo,
} from "../api";
import curves from "./curves.json";
import { draw, type Line, matrix } from "./draw";
import { pair } from "./words";

type Points = [number, number][];

function measured(e: EvaluationInfo): string {
  return `split ${e.split}, ${e.partition} set, ${e.config.checkpoint} at step ${e.config.step}, seed ${e.config.seed}, ${e.config.device} with ${e.config.threads} threads`;
}

const judge = curves.roc_judge as [number | null, number, number][];

/** Metrics and curve points of the realism model at a threshold, from its ROC curve. */
export function at(figures: ClassifierFigures, threshold: number): Omit<Judged, "compared"> {
  const [, fpr, tpr] = judge.findLast(([t]) => t === null || t >= threshold) ?? [null, 0, 0];
  const half = figures.examples / 2;
  const tp = Math.round(tpr * half);
  const fp = Math.round(fpr * half);
  const [tn, fn] = [half - fp, half - tp];
  const precision = tp + fp > 0 ? tp / (tp + fp) : null;
  const recall = tp / half;
  const f1 =
    precision !== null && precision + recall > 0 ? (2 * precision * recall) / (precision + recall) : null;
  const [fake, real] = figures.classes;
  return {
    figures: {
      ...figures,
      threshold,
      accuracy: (tp + tn) / figures.examples,
      precision,
      recall,
      f1,
      confusion: [
        [tn, fp],
        [fn, tp],
      ],
      classes:
        fake && real
          ? [
              { ...fake, tp: tn, fp: fn, tn: tp, fn: fp },
              { ...real, tp, fp, tn, fn, precision, recall, f1 },
            ]
          : [],
    },
    roc: [fpr, tpr],
    precision_recall: precision === null ? null : [recall, precision],
  };
}

export function ofEvaluations(kind: ChartKind, some: EvaluationInfo[], threshold: number | null): Picture {
  const [first] = some;
  if (!first) throw { code: "not-found", message: "there is nothing to draw" };
  const where = measured(first);
  const name = some.map((e) => e.run).join(", ");
  const isFour = first.config.kind === "upvotes";
  switch (kind) {
    case "confusion": {
      const figures = first.figures as ClassifierFigures;
      const counts =
        isFour || threshold === null ? figures.confusion : at(figures, threshold).figures.confusion;
      return matrix(`Confusion: ${name}`, where, first.config.classes, counts);
    }
    case "roc": {
      const lines: Line[] = isFour
        ? Object.entries(curves.roc_votes as unknown as Record<string, Points>).map(([curve, points], i) => ({
            name: `${curve}, AUC ${[0.955, 0.979, 0.967, 0.958, 0.982, 0.965][i]?.toFixed(3)}`,
            class: ["1", "2", "3", "4", "ink", "muted"][i] ?? "1",
            points,
            dashed: i === 5,
          }))
        : some.map((e, i) => ({
            name: `${some.length > 1 ? e.run : "real"}, AUC 0.756`,
            class: String(1 + i),
            points: judge.map(([, x, y]): [number, number] => [x, Math.min(1, y + 0.06 * i * (1 - y))]),
          }));
      return draw({
        title: `ROC: ${name}`,
        measured: where,
        x: "false positive rate",
        y: "true positive rate",
        xs: [0, 1],
        ys: [0, 1],
        lines,
        square: true,
        diagonal: true,
        columns: ["curve", "false_positive_rate", "true_positive_rate"],
      });
    }
    case "pr": {
      const points = judge.slice(1).map(([, x, y]): [number, number] => [y, y + x > 0 ? y / (y + x) : 1]);
      return draw({
        title: `Precision and recall: ${name}`,
        measured: where,
        x: "recall",
        y: "precision",
        xs: [0, 1],
        ys: [0, 1],
        lines: [{ name: "real, AP 0.749", class: "1", points }],
        square: true,
        columns: ["curve", "recall", "precision"],
      });
    }
    case "calibration": {
      const points = (curves.calibration as [number, number, number][]).map(([p, seen]): [number, number] => [
        p,
        seen,
      ]);
      return draw({
        title: `Calibration: ${name}`,
        measured: where,
        x: "predicted probability",
        y: "observed frequency",
        xs: [0, 1],
        ys: [0, 1],
        lines: [{ name: "real", class: "1", points }],
        square: true,
        diagonal: true,
        columns: ["series", "predicted", "observed"],
      });
    }
    default: {
      const group = (salt: number): Points =>
        Array.from({ length: 20 }, (_, i) => [
          i / 20,
          Math.round(60 * Math.exp(-(((i - salt) / 4) ** 2)) + ((i * 7) % 5)),
        ]);
      return draw({
        title: `Scores: ${name}`,
        measured: where,
        x: "probability of being real",
        y: "examples",
        xs: [0, 1],
        ys: [0, 70],
        lines: [
          { name: "fake", class: "2", points: group(5), bars: 0.05 },
          { name: "real", class: "1", points: group(15), bars: 0.05 },
        ],
        columns: ["group", "from", "count"],
      });
    }
  }
}

function known(run: RunInfo): { training: Points; validation: Points } {
  const name = { generator: "loss_writer", realism: "loss_judge", upvotes: "loss_votes" }[
    run.kind
  ] as "loss_writer";
  return curves[name] as unknown as { training: Points; validation: Points };
}

/** Training and validation loss at a step: the demo's curve, stretched to the length of the run. */
export function lossAt(run: RunInfo, step: number): [number, number] {
  const { training, validation } = known(run);
  const share = step / (run.facts?.steps ?? 300);
  const of = (points: Points) =>
    points[Math.min(points.length - 1, Math.floor(share * points.length))]?.[1] ?? 0;
  return [of(training), of(validation)];
}

export function lossPoints(run: RunInfo): Points {
  return stretched(run, known(run).training);
}

function stretched(run: RunInfo, points: Points): Points {
  const last = points.at(-1)?.[0] ?? 1;
  const steps = run.facts?.steps ?? last;
  return points
    .map(([x, y]): [number, number] => [Math.round((x / last) * steps), y])
    .filter(([x]) => x <= run.step);
}

export function ofRuns(kind: ChartKind, runs: RunInfo[]): Picture {
  const steps = Math.max(10, ...runs.map((run) => run.facts?.steps ?? run.step));
  const name = runs.map((run) => run.name).join(", ");
  const where = runs
    .map(
      (run) =>
        `${run.name}: base ${run.facts?.base}, split ${run.facts?.split}, ${run.facts?.device} with ${run.facts?.threads} threads`,
    )
    .join("; ");
  const lines = runs.flatMap((run, i): Line[] => {
    const { training, validation } = known(run);
    const paint = String((i % 6) + 1);
    if (kind === "lr") {
      const warm = steps * 0.1;
      const points = Array.from({ length: 61 }, (_, k): [number, number] => {
        const step = Math.round((k / 60) * steps);
        return [step, step < warm ? (1e-3 * step) / warm : 1e-3 * (1 - (step - warm) / (steps - warm))];
      }).filter(([step]) => step <= run.step);
      return [{ name: run.name, class: paint, points }];
    }
    if (kind === "throughput") {
      return [
        {
          name: run.name,
          class: paint,
          points: stretched(run, training).map(([x], k) => [x, 9200 + ((k * 577) % 600)]),
        },
      ];
    }
    return [
      { name: `${run.name}, training`, class: paint, points: stretched(run, training), dashed: true },
      { name: `${run.name}, validation`, class: paint, points: stretched(run, validation) },
    ];
  });
  const most = Math.max(1e-6, ...lines.flatMap((line) => line.points.map(([, y]) => y)));
  const titles = {
    loss: ["Loss", "loss (nats)"],
    lr: ["Learning rate", "learning rate"],
    throughput: ["Throughput", "tokens/s"],
  }[kind as "loss"] as [string, string];
  return draw({
    title: `${titles[0]}: ${name}`,
    measured: where,
    x: "step",
    y: titles[1],
    xs: [0, steps],
    ys: [0, most * 1.05],
    lines,
    columns: ["series", "step", "value"],
  });
}

export function pairs(figure: PairFigure, rows: number): Picture {
  const counts = new Map<number, number>();
  const width = figure === "score" ? 2 : 10;
  for (let i = 0; i < rows; i += 1) {
    const p = pair(i);
    const value =
      figure === "score" ? p.score : figure === "comment_length" ? p.comment.length : p.reply.length;
    if (value === null) continue;
    const bin = Math.floor(value / width) * width;
    counts.set(bin, (counts.get(bin) ?? 0) + 1);
  }
  const points: Points = [...counts].sort((a, b) => a[0] - b[0]);
  return draw({
    title: { comment_length: "Length of comments", reply_length: "Length of replies", score: "Scores" }[
      figure
    ],
    measured: `${rows.toLocaleString("en")} pairs`,
    x: { comment_length: "characters", reply_length: "characters", score: "score of the reply" }[figure],
    y: "pairs",
    xs: [Math.min(0, ...points.map(([x]) => x)), Math.max(1, ...points.map(([x]) => x + width))],
    ys: [0, Math.max(1, ...points.map(([, y]) => y)) * 1.08],
    lines: [{ name: "pairs", class: "1", points, bars: width }],
    columns: ["group", "from", "count"],
  });
}
