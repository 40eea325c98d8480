import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { expect, test } from "vitest";
import type { Compared, Comparison } from "../../host";
import { go } from "../../state/route.svelte";
import { testHost } from "../../test-host";
import { byId, callsTo, openWindow, waitForText } from "../../testing";
import { comparisonText, differencesOf, headline, metricsOf, setupOf } from "./headline";

const last = <T>(list: T[]) => list.at(-1);
const at = (element: HTMLElement) => [element.style.left, element.style.top].map(Number.parseFloat);

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
  await byId("classes");
  const worse = async (threshold: number) => {
    const { compared } = await host.ask("evaluation.at", { id: 2, threshold });
    return compared.filter((one) => one.worse !== "").map((one) => one.worse);
  };
  expect(screen.queryAllByTestId("worse")).toHaveLength((await worse(0.5)).length);
  await fireEvent.input(await byId("threshold-slider"), { target: { value: "0.99" } });
  const marks = await worse(0.99);
  expect(marks.length).toBeGreaterThan(0);
  for (const mark of marks) await waitForText(mark);
});

test("average precision, Brier score and ECE are shown for four bins", async () => {
  await openWindow("#/evaluate/3");
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

test("intervals are shown beside the metrics, also at another threshold", async () => {
  const host = await openWindow("#/evaluate/2");
  const { compared, figures } = await host.ask("evaluation.get", { id: 2 });
  const shown = compared.filter((one) => one.interval !== null);
  if (figures.confidence === null) throw new Error("the sample has too few threads for intervals");
  expect(shown.length).toBeGreaterThan(0);
  await waitFor(() => expect(screen.queryAllByTestId("interval")).toHaveLength(shown.length));
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
  const slider = await byId("threshold-slider");
  await waitFor(() => expect(screen.getAllByTestId("mark")).toHaveLength(2));
  const before = screen.getAllByTestId("mark").map(at);
  const { figures } = await host.ask("evaluation.get", { id: 2 });
  if (figures.of !== "classifier") throw new Error("a classifier");
  await waitForText((100 * (figures.recall ?? 0)).toFixed(1));
  await fireEvent.input(slider, { target: { value: "0.99" } });
  await waitFor(() => expect(last(callsTo(host, "evaluation.at"))).toEqual({ id: 2, threshold: 0.99 }));
  await waitFor(() => {
    const after = screen.getAllByTestId("mark").map(at);
    expect(after[0]).not.toEqual(before[0]);
    expect(after[1]).not.toEqual(before[1]);
  });
  const confusion = callsTo(host, "chart").filter((chart) => chart.kind === "confusion");
  expect(last(confusion)).toMatchObject({ threshold: 0.99 });
  expect(last(callsTo(host, "evaluation.examples"))).toMatchObject({ threshold: 0.99 });
  expect(((await byId("threshold-number")) as HTMLInputElement).value).toBe("0.99");
});

test("the number field sets the threshold and ignores invalid values", async () => {
  const host = await openWindow("#/evaluate/2");
  const number = await byId("threshold-number");
  await fireEvent.change(number, { target: { value: "7" } });
  await fireEvent.change(number, { target: { value: "0.25" } });
  await waitFor(() => expect(callsTo(host, "evaluation.at")).toEqual([{ id: 2, threshold: 0.25 }]));
});

test("four classes have metrics but no threshold", async () => {
  await openWindow("#/evaluate/3");
  const classes = await byId("classes");
  expect(classes.querySelectorAll("tbody tr")).toHaveLength(4);
  expect(screen.queryByTestId("threshold")).toBeNull();
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
  expect(last(callsTo(host, "evaluation.compare"))).toEqual({ of: ["2", "4"] });
  await waitForText("that all of them have");
});
