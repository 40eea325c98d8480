import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { expect, test } from "vitest";
import type { ClassifierFigures } from "../../host";
import { compared } from "../../host/fake/compared";
import { evaluations } from "../../host/fake/sample";
import { byId, callsTo, openWindow, waitForText } from "../../testing";
import { headline, metricsOf, setupOf } from "./headline";

const last = <T>(list: T[]) => list.at(-1);
const at = (element: HTMLElement) => [element.style.left, element.style.top].map(Number.parseFloat);

test("a headline includes its baseline", () => {
  const [writer, judge] = evaluations;
  expect(writer && headline(writer)).toMatchObject({ name: "Perplexity", value: "7.21", better: true });
  expect(judge && headline(judge)).toMatchObject({ name: "AUC", value: "0.756", better: true });
});

test("a metric below its baseline is marked", () => {
  const judge = evaluations.find((e) => e.config.kind === "realism");
  const figures = { ...(judge?.figures as ClassifierFigures), of: "classifier" as const };
  // better than the majority class, and worse than the unigram baseline
  const all = metricsOf(compared({ ...figures, accuracy: 0.6, auc: 0.4, log_loss: 0.9 }));
  const named = (name: string) => all.find((one) => one.name === name);
  expect(named("Accuracy")).toMatchObject({ tone: "bad", mark: "worse than unigram 0.687" });
  expect(named("AUC")).toMatchObject({ tone: "bad", mark: "worse than unigram 0.716" });
  expect(named("Log loss")).toMatchObject({ tone: "bad", mark: "worse than prior 0.693" });
  expect(named("Brier score")).toMatchObject({ tone: "good" });
});

test("a threshold that drops accuracy below its baseline is marked", async () => {
  await openWindow("#/evaluate/2");
  await byId("classes");
  expect(screen.queryAllByTestId("worse")).toHaveLength(0);
  await fireEvent.input(await byId("threshold-slider"), { target: { value: "0.99" } });
  await waitForText("worse than unigram");
});

test("average precision, Brier score and ECE are shown for four bins", async () => {
  await openWindow("#/evaluate/3");
  for (const name of ["Average precision, macro", "Brier score", "Expected calibration error"])
    await waitForText(name);
});

test("predictions are exported to a file", async () => {
  const host = await openWindow("#/evaluate/2");
  await fireEvent.click(await screen.findByRole("button", { name: "Export predictions of judge" }));
  const path = (await byId("export-path")) as HTMLInputElement;
  await fireEvent.submit(path.form as HTMLFormElement);
  await waitFor(() => expect(last(callsTo(host, "export.predictions"))).toMatchObject({ evaluation: 2 }));
});

test("the word fakes is not repeated", async () => {
  const judge = evaluations.find((e) => e.fakes === "fakes");
  expect(judge && setupOf(judge)).toMatch(/ · fakes \(temperature /);
  await openWindow("#/evaluate");
  await waitForText("main / test, fakes");
  expect(document.body.textContent).not.toContain("fakes fakes");
});

test("the threshold updates both curves, the confusion matrix and the metrics", async () => {
  const host = await openWindow("#/evaluate/2");
  const slider = await byId("threshold-slider");
  await waitFor(() => expect(screen.getAllByTestId("mark")).toHaveLength(2));
  const before = screen.getAllByTestId("mark").map(at);
  await waitForText("66.4");
  await fireEvent.input(slider, { target: { value: "0.8" } });
  await waitFor(() => expect(last(callsTo(host, "evaluation.at"))).toEqual({ id: 2, threshold: 0.8 }));
  await waitFor(() => {
    const after = screen.getAllByTestId("mark").map(at);
    expect(after[0]).not.toEqual(before[0]);
    expect(after[1]).not.toEqual(before[1]);
  });
  const confusion = callsTo(host, "chart").filter((chart) => chart.kind === "confusion");
  expect(last(confusion)).toMatchObject({ threshold: 0.8 });
  expect(last(callsTo(host, "evaluation.examples"))).toMatchObject({ threshold: 0.8 });
  expect(((await byId("threshold-number")) as HTMLInputElement).value).toBe("0.80");
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
  expect(path.value).toBe("/home/ada/Repartee/roc-judge");
  await fireEvent.submit(path.form as HTMLFormElement);
  await waitFor(() =>
    expect(last(callsTo(host, "chart.save"))).toEqual({
      chart: { kind: "roc", of: ["2"], threshold: null },
      files: ["svg", "png", "csv"].map((format) => `/home/ada/Repartee/roc-judge.${format}`),
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
