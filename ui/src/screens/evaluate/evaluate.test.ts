import { fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, test } from "vitest";
import { ratesOf } from "../../chart/curves";
import type { ClassCurve, Compared, Comparison } from "../../host";
import { percent } from "../../parts/format";
import { go } from "../../state/route.svelte";
import { type TestHost, testHost } from "../../test-host";
import { byId, callsTo, openWindow, pause, textOf, waitForText } from "../../testing";
import {
  comparisonText,
  differencesOf,
  headline,
  headlineText,
  mainMetricsAt,
  metricsOf,
  setupOf,
} from "./headline";

const last = <T>(list: T[]) => list.at(-1);
/** Where the threshold is on the curve, in pixels. */
const markAt = () =>
  ["cx", "cy"].map((name) => Number.parseFloat(screen.getByTestId("mark").getAttribute(name) ?? ""));
/** The curve, which takes clicks and keys. */
const sliderOf = async (chart: string) =>
  (await byId(`chart-${chart}`)).querySelector<HTMLElement>("[role=slider]") as HTMLElement;
const show = async (tab: string) => fireEvent.click(await byId(tab));
const numberField = async () => (await byId("threshold-number")) as HTMLInputElement;

async function realCurve(host: TestHost): Promise<ClassCurve> {
  const [curve] = (await host.ask("evaluation.curves", { id: 2 })).classes;
  if (!curve) throw new Error("the sample has no curve");
  return curve;
}

/** The points of the drawn curve, in pixels. */
const drawn = () =>
  (screen.getByTestId("curve").getAttribute("points") ?? "")
    .split(" ")
    .map((point) => point.split(",").map(Number) as [number, number]);

/** A pointer event with a position; jsdom has none. */
const pointer = (type: string, [x, y]: [number, number]) =>
  new MouseEvent(type, { bubbles: true, clientX: x, clientY: y, button: 0, buttons: 1 });

test("a headline includes its baseline", async () => {
  const host = await testHost();
  for (const [id, name] of [
    [1, "Perplexity"],
    [2, "AUC"],
  ] as const) {
    const evaluation = await host.ask("evaluation.get", { id });
    const [first] = evaluation.compared;
    const value = first?.value?.toFixed(id === 1 ? 2 : 3);
    expect(headline(evaluation)).toMatchObject({ name, value, better: first?.better });
    expect(first?.baselines.length).toBeGreaterThan(0);
  }
});

test("a metric below its baseline is marked", () => {
  const compared = (name: string, worse: string): Compared => ({
    figure: name,
    name,
    value: 0.6,
    interval: null,
    lower_is_better: false,
    baselines: [{ name: "unigram", value: worse ? 0.687 : 0.1 }],
    beats: worse === "",
    better: worse === "",
    worse,
  });
  const all = metricsOf([compared("accuracy", "worse than unigram 0.687"), compared("Brier score", "")]);
  const named = (name: string) => all.find((one) => one.name === name);
  expect(named("Accuracy")).toMatchObject({ tone: "bad", mark: "worse than unigram 0.687" });
  expect(named("Brier score")).toMatchObject({ tone: "good" });
});

test("a threshold that drops accuracy below its baseline is marked", async () => {
  const host = await openWindow("#/evaluate/2");
  await show("below-metrics");
  const all = within(await screen.findByLabelText("All metrics", { selector: "dl" }));
  const worse = async (threshold: number) => {
    const { compared } = await host.ask("evaluation.at", { id: 2, threshold });
    return compared.filter((one) => one.worse !== "").map((one) => one.worse);
  };
  expect(all.queryAllByTestId("worse")).toHaveLength((await worse(0.5)).length);
  await fireEvent.input(await byId("threshold-slider"), { target: { value: "0.99" } });
  const marks = await worse(0.99);
  expect(marks.length).toBeGreaterThan(0);
  for (const mark of marks) await waitForText(mark);
});

test("average precision, Brier score and ECE are shown for four bins", async () => {
  await openWindow("#/evaluate/3");
  await show("below-metrics");
  for (const name of ["Average precision, macro", "Brier score", "Expected calibration error"])
    await waitForText(name);
});

test("a metric is shown with its interval", () => {
  const auc: Compared = {
    figure: "auc",
    name: "AUC",
    value: 0.8181,
    interval: { low: 0.7794, high: 0.8506 },
    lower_is_better: false,
    baselines: [],
    beats: null,
    better: null,
    worse: "",
  };
  const [first, second] = metricsOf([auc, { ...auc, figure: "accuracy", name: "accuracy", interval: null }]);
  expect(first).toMatchObject({ value: "0.818", interval: "[0.779, 0.851]" });
  expect(second).toMatchObject({ value: "81.8%", interval: "" });
});

test("a metric that may not be better than its baseline has no color", () => {
  const loss = (better: boolean | null): Compared => ({
    figure: "log_loss",
    name: "log loss",
    value: 0.6,
    interval: { low: 0.5, high: 0.7 },
    lower_is_better: true,
    baselines: [{ name: "prior", value: 0.68 }],
    beats: better ?? true,
    better,
    worse: better === false ? "worse than prior 0.680" : "",
  });
  const tones = metricsOf([loss(true), loss(null), loss(false)]).map((one) => one.tone);
  expect(tones).toEqual(["good", undefined, "bad"]);
});

test("a headline is written with its interval and baseline", async () => {
  const host = await testHost();
  const evaluation = await host.ask("evaluation.get", { id: 2 });
  const { value, against } = headline(evaluation);
  const [first, ...rest] = evaluation.compared;
  if (!first) throw new Error("the sample has no figure");
  const withInterval = { ...first, interval: { low: 0.5, high: 0.75 } };
  const without = { ...first, interval: null };
  expect(headlineText({ ...evaluation, compared: [withInterval, ...rest] })).toBe(
    `AUC ${value} [0.500, 0.750], ${against}`,
  );
  expect(headlineText({ ...evaluation, compared: [without, ...rest] })).toBe(`AUC ${value}, ${against}`);
});

test("intervals and comparisons of another threshold are not shown", () => {
  const accuracy: Compared = {
    figure: "accuracy",
    name: "accuracy",
    value: 0.6,
    interval: { low: 0.5, high: 0.7 },
    lower_is_better: false,
    baselines: [{ name: "majority class", value: 0.55 }],
    beats: true,
    better: true,
    worse: "",
  };
  const rates = ratesOf({ tp: 1, fp: 1, tn: 1, fn: 2 });
  const of = (waiting: boolean) => mainMetricsAt([accuracy], rates, waiting)[0];
  expect(of(false)).toMatchObject({ value: "40.0%", interval: "[50.0%, 70.0%]", tone: "good" });
  expect(of(true)).toEqual({
    name: "Accuracy",
    value: "40.0%",
    interval: "[…]",
    against: "majority class 55.0%",
  });
});

test("intervals are shown beside the metrics, also at another threshold", async () => {
  const host = await openWindow("#/evaluate/2");
  const { compared, figures } = await host.ask("evaluation.get", { id: 2 });
  await show("below-metrics");
  const all = within(await screen.findByLabelText("All metrics", { selector: "dl" }));
  const shown = compared.filter((one) => one.interval !== null);
  if (figures.confidence === null) throw new Error("the sample has too few threads for intervals");
  expect(shown.length).toBeGreaterThan(0);
  await waitFor(() => expect(all.queryAllByTestId("interval")).toHaveLength(shown.length));
  await waitForText(`Each of the ${figures.confidence.threads} threads`);
  await fireEvent.input(await byId("threshold-slider"), { target: { value: "0.6" } });
  const moved = await host.ask("evaluation.at", { id: 2, threshold: 0.6 });
  const auc = (all: Compared[]) => all.find((one) => one.figure === "auc")?.interval;
  expect(auc(moved.compared)).toEqual(auc(compared));
});

test("predictions are exported to a file", async () => {
  const host = await openWindow("#/evaluate/2");
  await fireEvent.click(await screen.findByRole("button", { name: "Export predictions of judge" }));
  const path = (await byId("export-path")) as HTMLInputElement;
  await fireEvent.submit(path.form as HTMLFormElement);
  await waitFor(() => expect(last(callsTo(host, "export.predictions"))).toMatchObject({ evaluation: 2 }));
});

test("the word fakes is not repeated", async () => {
  const host = await openWindow("#/evaluate");
  const judge = await host.ask("evaluation.get", { id: 2 });
  expect(setupOf(judge)).toMatch(/ · fakes \(temperature /);
  await waitForText("main / test, fakes");
  expect(document.body.textContent).not.toContain("fakes fakes");
});

test("the threshold updates both curves, the confusion matrix and the metrics", async () => {
  const host = await openWindow("#/evaluate/2");
  await sliderOf("roc");
  const before = markAt();
  await fireEvent.input(await byId("threshold-slider"), { target: { value: "0.99" } });
  expect(markAt()).not.toEqual(before);
  await waitFor(() => expect(last(callsTo(host, "evaluation.at"))).toEqual({ id: 2, threshold: 0.99 }));
  await waitFor(() => expect(last(callsTo(host, "evaluation.examples"))).toMatchObject({ threshold: 0.99 }));
  expect((await numberField()).value).toBe("0.99");
  await show("tab-pr");
  await sliderOf("pr");
  const strict = markAt();
  await fireEvent.input(await byId("threshold-slider"), { target: { value: "0" } });
  expect(markAt()).not.toEqual(strict);
  await show("tab-confusion");
  await byId("chart-confusion");
  await waitFor(() => {
    const confusion = callsTo(host, "chart").filter((chart) => chart.kind === "confusion");
    expect(last(confusion)).toMatchObject({ threshold: 0 });
  });
});

test("each tab shows its chart", async () => {
  await openWindow("#/evaluate/2");
  for (const chart of ["pr", "calibration", "scores", "confusion", "roc"]) {
    await show(`tab-${chart}`);
    await byId(`chart-${chart}`);
    expect(document.querySelectorAll("figure")).toHaveLength(1);
  }
});

test("the metrics beside the curve are those of the threshold", async () => {
  const host = await openWindow("#/evaluate/2");
  await fireEvent.change(await numberField(), { target: { value: "0.45" } });
  const { figures } = await host.ask("evaluation.at", { id: 2, threshold: 0.45 });
  const real = figures.classes[1];
  if (!real) throw new Error("the sample has two classes");
  const { tpr, fpr, precision, accuracy } = ratesOf(real);
  const values = () => {
    const metrics = within(screen.getByTestId("rail")).getByLabelText("Main metrics");
    return Object.fromEntries(
      [...metrics.children].map((one) => [
        textOf(one.querySelector("dt")),
        textOf(one.querySelector(".value")),
      ]),
    );
  };
  const cells = () => [...screen.getByTestId("matrix").querySelectorAll("td")].map(textOf);
  await waitFor(() => {
    expect(values()).toEqual({
      AUC: figures.auc?.toFixed(3),
      Accuracy: percent(accuracy),
      "TPR (recall)": percent(tpr),
      FPR: percent(fpr),
      Precision: percent(precision),
      F1: real.f1 === null ? "–" : real.f1.toFixed(3),
    });
    expect(cells()).toEqual([real.tn, real.fp, real.fn, real.tp].map(String));
  });
});

describe("the ROC curve", () => {
  test("a click sets the threshold of the nearest point", async () => {
    const host = await openWindow("#/evaluate/2");
    const slider = await sliderOf("roc");
    const curve = await realCurve(host);
    expect(drawn()).toHaveLength(curve.thresholds.length);
    const index = Math.floor(curve.thresholds.length / 2);
    const [x, y] = drawn()[index] ?? [0, 0];
    await fireEvent.click(slider, { clientX: Math.round(x), clientY: Math.round(y) });
    expect(slider.getAttribute("aria-valuenow")).toBe(String(index));
    const [left = 0, top = 0] = markAt();
    expect(Math.hypot(left - x, top - y)).toBeLessThan(1);
    const threshold = curve.thresholds[index] ?? null;
    await waitFor(() => expect(last(callsTo(host, "evaluation.at"))).toEqual({ id: 2, threshold }));
    expect(Number((await numberField()).value)).toBeCloseTo(threshold ?? 0, 3);
  });

  test("arrow keys move the threshold from point to point", async () => {
    const host = await openWindow("#/evaluate/2");
    const slider = await sliderOf("roc");
    const curve = await realCurve(host);
    const now = () => slider.getAttribute("aria-valuenow");
    await fireEvent.keyDown(slider, { key: "Home" });
    expect(now()).toBe("0");
    await fireEvent.keyDown(slider, { key: "ArrowRight" });
    await fireEvent.keyDown(slider, { key: "ArrowRight" });
    expect(now()).toBe("2");
    await fireEvent.keyDown(slider, { key: "ArrowLeft" });
    expect(now()).toBe("1");
    const threshold = curve.thresholds[1] ?? null;
    await waitFor(() => expect(last(callsTo(host, "evaluation.at"))).toEqual({ id: 2, threshold }));
    expect(slider.getAttribute("aria-valuetext")).toContain(`TP ${curve.tp[1]}, FP ${curve.fp[1]}`);
    await fireEvent.keyDown(slider, { key: "End" });
    expect(now()).toBe(String(curve.thresholds.length - 1));
    await fireEvent.keyDown(slider, { key: "ArrowRight" });
    expect(now()).toBe(String(curve.thresholds.length - 1));
  });

  test("a pointer reads threshold, rates and counts", async () => {
    const host = await openWindow("#/evaluate/2");
    const slider = await sliderOf("roc");
    const curve = await realCurve(host);
    const [x, y] = drawn()[1] ?? [0, 0];
    await fireEvent(slider, pointer("pointermove", [Math.round(x), Math.round(y)]));
    expect(textOf(screen.getByTestId("reading"))).toContain(`TP ${curve.tp[1]}, FP ${curve.fp[1]}`);
  });

  // within the plot, which is small here: jsdom computes "100%" as the size of text, so it has 100 pixels
  test("dragging zooms and sets no threshold; Escape resets it", async () => {
    await openWindow("#/evaluate/2");
    const slider = await sliderOf("roc");
    const [before, threshold] = [drawn(), slider.getAttribute("aria-valuenow")];
    await fireEvent(slider, pointer("pointerdown", [320, 65]));
    await fireEvent(slider, pointer("pointermove", [380, 120]));
    await fireEvent(slider, pointer("pointerup", [380, 120]));
    await fireEvent.click(slider, { clientX: 380, clientY: 120 });
    await screen.findByRole("button", { name: "Reset zoom" });
    expect(drawn()).not.toEqual(before);
    expect(slider.getAttribute("aria-valuenow")).toBe(threshold);
    await fireEvent.keyDown(slider, { key: "Escape" });
    expect(drawn()).toEqual(before);
    expect(screen.queryByRole("button", { name: "Reset zoom" })).toBeNull();
  });

  test("a double click resets the zoom and keeps the threshold", async () => {
    await openWindow("#/evaluate/2");
    const slider = await sliderOf("roc");
    const [before, threshold] = [drawn(), (await numberField()).value];
    await fireEvent(slider, pointer("pointerdown", [320, 65]));
    await fireEvent(slider, pointer("pointermove", [380, 120]));
    await fireEvent(slider, pointer("pointerup", [380, 120]));
    await fireEvent(slider, pointer("pointerdown", [350, 100]));
    await fireEvent(slider, pointer("pointerup", [350, 100]));
    await fireEvent.click(slider, { clientX: 350, clientY: 100 });
    await fireEvent.dblClick(slider, { clientX: 350, clientY: 100 });
    expect(drawn()).toEqual(before);
    expect((await numberField()).value).toBe(threshold);
  });

  test("its axis of false positives can be logarithmic", async () => {
    await openWindow("#/evaluate/2");
    await sliderOf("roc");
    const before = drawn();
    const toggle = screen.getByRole("button", { name: "Log FPR axis" });
    await fireEvent.click(toggle);
    expect(toggle.getAttribute("aria-pressed")).toBe("true");
    const after = drawn();
    // heights stay
    expect(after.map(([, y]) => y)).toEqual(before.map(([, y]) => y));
    expect(after).not.toEqual(before);
  });

  test("it is copied as a table with the counts of each threshold", async () => {
    const host = await openWindow("#/evaluate/2");
    await sliderOf("roc");
    const curve = await realCurve(host);
    await fireEvent.click(screen.getByRole("button", { name: "Copy as TSV: ROC of judge" }));
    await waitForText(`Copied ${curve.thresholds.length - 1} thresholds.`);
    const lines = (last(host.copied) ?? "").trim().split("\n");
    const rows = lines.filter((line) => !line.startsWith("#"));
    expect(lines[0]).toContain("main / test");
    expect(rows[0]).toBe("threshold\tTPR\tFPR\tTP\tFP\tTN\tFN");
    expect(rows).toHaveLength(curve.thresholds.length + 1);
    const threshold = curve.thresholds[2];
    if (typeof threshold !== "number") throw new Error("the sample has more than one probability");
    const { figures } = await host.ask("evaluation.at", { id: 2, threshold });
    const real = figures.classes[1];
    if (!real) throw new Error("the sample has two classes");
    const { tpr, fpr } = ratesOf(real);
    expect(rows[3]).toBe([threshold, tpr, fpr, real.tp, real.fp, real.tn, real.fn].join("\t"));
  });

  test("where it cannot be copied as a picture, the export is named", async () => {
    const host = await openWindow("#/evaluate/2");
    await sliderOf("roc");
    await fireEvent.click(screen.getByRole("button", { name: "Copy as picture: ROC of judge" }));
    await waitForText("Use Export… to save it as PNG");
    expect(host.pictures).toEqual([]);
  });
});

test("what was measured is in the details, once", async () => {
  const host = await openWindow("#/evaluate/2");
  const judge = await host.ask("evaluation.get", { id: 2 });
  await fireEvent.click(await byId("details"));
  await waitForText(`${judge.config.checkpoint} @ step`);
  await waitForText(`Repartee ${judge.config.version}`);
  expect(document.querySelector("header p")?.textContent).not.toContain("seed");
});

test("an evaluation is compared from its page", async () => {
  await openWindow("#/evaluate/2");
  const link = (await screen.findByRole("link", { name: "Compare" })) as HTMLAnchorElement;
  location.hash = link.hash;
  const box = await screen.findByLabelText("Compare evaluation 2 of judge");
  await waitFor(() => expect((box as HTMLInputElement).checked).toBe(true));
});

test("examples are sorted by the probability of their class", async () => {
  const host = await openWindow("#/evaluate/2");
  const header = await byId("sort-examples");
  expect(header.closest("th")?.getAttribute("aria-sort")).toBe("ascending");
  await fireEvent.click(header);
  await waitFor(() => expect(last(callsTo(host, "evaluation.examples"))).toMatchObject({ best: true }));
  expect(header.closest("th")?.getAttribute("aria-sort")).toBe("descending");
});

test("an audit compares the model with shortcuts, also on the ROC curve", async () => {
  const host = await openWindow("#/evaluate/2");
  await sliderOf("roc");
  expect(screen.queryAllByTestId("other-curve")).toHaveLength(0);
  await show("below-audit");
  await waitForText("Not audited yet");
  await fireEvent.click(await byId("audit-start"));
  await waitFor(() =>
    expect(last(callsTo(host, "job.start"))).toMatchObject({ kind: "shortcuts", params: { evaluation: 2 } }),
  );
  const table = await byId("shortcuts");
  const { figures } = await host.ask("evaluation.get", { id: 2 });
  const all = (figures.of === "classifier" && figures.audit?.shortcuts) || [];
  expect(all.map((one) => one.shortcut)).toEqual([
    "length",
    "markup",
    "words",
    "reply-only",
    "shuffled-comments",
  ]);
  for (const one of all) {
    const row = textOf(within(table).getByTestId(`shortcut-${one.shortcut}`));
    for (const part of [one.name, one.auc?.toFixed(3) ?? "none", one.warning]) expect(row).toContain(part);
  }
  await waitFor(() => expect(screen.queryAllByTestId("other-curve")).toHaveLength(5));
});

test("only realism evaluations have an audit", async () => {
  await openWindow("#/evaluate/3");
  await byId("below-classes");
  expect(screen.queryByTestId("below-audit")).toBeNull();
});

test("the number field sets the threshold and ignores invalid values", async () => {
  const host = await openWindow("#/evaluate/2");
  const number = await byId("threshold-number");
  await fireEvent.change(number, { target: { value: "7" } });
  await fireEvent.change(number, { target: { value: "0.25" } });
  await waitFor(() => expect(callsTo(host, "evaluation.at")).toEqual([{ id: 2, threshold: 0.25 }]));
});

test("four classes have metrics, and a threshold for one of them against the rest", async () => {
  const host = await openWindow("#/evaluate/3");
  const { classes } = await host.ask("evaluation.curves", { id: 3 });
  const slider = await sliderOf("roc");
  await waitForText("Quadratic weighted kappa");
  expect((await byId("matrix")).querySelectorAll("tbody tr")).toHaveLength(4);
  const picker = (await byId("class")) as HTMLSelectElement;
  expect([...picker.options].map((option) => option.text)).toEqual(classes.map((one) => one.name));
  const other = classes.at(-1);
  if (!other) throw new Error("the sample has no curve");
  await fireEvent.change(picker, { target: { value: String(other.class) } });
  await fireEvent.keyDown(slider, { key: "Home" });
  await fireEvent.keyDown(slider, { key: "ArrowRight" });
  expect(slider.getAttribute("aria-valuetext")).toContain(`TP ${other.tp[1]}, FP ${other.fp[1]}`);
  const tpr = percent((other.tp[1] ?? 0) / other.positives);
  expect(textOf(await byId("class-rates"))).toContain(`TPR ${tpr}`);
  await show("below-classes");
  expect((await byId("classes")).querySelectorAll("tbody tr")).toHaveLength(4);
  // the metrics of all classes have no threshold: none is sent after the pause in which it may still move
  await pause(100);
  expect(callsTo(host, "evaluation.at")).toEqual([]);
});

test("a chart is exported to files", async () => {
  const host = await openWindow("#/evaluate/2");
  await byId("chart-roc");
  await fireEvent.click(screen.getByRole("button", { name: "Export ROC of judge" }));
  const path = (await byId("export-path")) as HTMLInputElement;
  expect(path.value).toBe(`${host.folder}/roc-judge`);
  await fireEvent.submit(path.form as HTMLFormElement);
  await waitFor(() =>
    expect(last(callsTo(host, "chart.save"))).toEqual({
      chart: { kind: "roc", of: ["2"], threshold: null },
      files: ["svg", "png", "csv"].map((format) => `${host.folder}/roc-judge.${format}`),
    }),
  );
  await waitForText("Exported 3 files");
});

test("a run is evaluated from the list", async () => {
  const host = await openWindow("#/evaluate?new=judge");
  const run = (await byId("evaluate-run")) as HTMLSelectElement;
  await expect.poll(() => run.value).toBe("judge");
  await fireEvent.change(await byId("evaluate-partition"), { target: { value: "val" } });
  await fireEvent.click(await byId("evaluate-start"));
  await waitFor(() =>
    expect(last(callsTo(host, "job.start"))).toMatchObject({
      kind: "evaluate",
      params: { run: "judge", partition: "val", fakes: null },
    }),
  );
  await byId("evaluation-4");
});

test("comparing evaluations on different examples shows a warning", async () => {
  await openWindow("#/evaluate/compare/2,3");
  await waitForText("Evaluated on different examples");
});

test("a difference is shown with its sign, interval and p value", () => {
  const comparison = (difference: number, better: boolean | null): Comparison => ({
    evaluations: [],
    examples: 120,
    threads: 34,
    resamples: 1000,
    permutations: 1999,
    seed: 1,
    figures: [
      {
        figure: "auc",
        name: "AUC",
        lower_is_better: false,
        values: [],
        differences: [{ difference, interval: { low: -0.0041, high: 0.0462 }, p: 0.0125, better }],
      },
    ],
    settings: [],
  });
  const [gain] = differencesOf(comparison(0.0211, null));
  const cell = { text: "+0.021", interval: "[-0.004, 0.046]", p: "p 0.0125", better: null };
  expect(gain).toEqual({ name: "AUC", cells: [cell] });
  const [loss] = differencesOf(comparison(-0.0211, false));
  expect(loss?.cells[0]).toMatchObject({ text: "-0.021", better: false });
  const text = comparisonText(comparison(0, null));
  expect(text).toContain("on the 120 examples that all of them have");
  expect(text).toContain("1,999 permutations");
});

test("an evaluation does not differ from itself", async () => {
  const host = await testHost();
  const comparison = await host.ask("evaluation.compare", { of: ["2", "judge"] });
  const rows = differencesOf(comparison);
  expect(rows.length).toBeGreaterThan(5);
  // a metric may be undefined
  for (const { cells } of rows) expect(["0.000", "–"]).toContain(cells[0]?.text);
});

test("evaluations of one kind are compared by their differences", async () => {
  const host = await openWindow("#/evaluate?new=judge");
  const run = (await byId("evaluate-run")) as HTMLSelectElement;
  await expect.poll(() => run.value).toBe("judge");
  await fireEvent.click(await byId("evaluate-start"));
  await byId("evaluation-4");
  go("#/evaluate/compare/2,4");
  await byId("differences");
  await waitFor(() => expect(last(callsTo(host, "evaluation.compare"))).toEqual({ of: ["2", "4"] }));
  await waitForText("that all of them have");
});
