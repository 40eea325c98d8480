import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { expect, test } from "vitest";
import { evaluations } from "../../host/fake/sample";
import { asked, byId, openWindow, sees } from "../../testing";
import { headline, measuredOn } from "./headline";

const last = <T>(list: T[]) => list.at(-1);
const at = (element: HTMLElement) => [element.style.left, element.style.top].map(Number.parseFloat);

test("a headline says what it has to beat", () => {
  const [writer, judge] = evaluations;
  expect(writer && headline(writer)).toMatchObject({ name: "Perplexity", value: "7.21", better: true });
  expect(judge && headline(judge)).toMatchObject({ name: "AUC", value: "0.756", better: true });
});

test("fakes that are called fakes are named once", async () => {
  const judge = evaluations.find((e) => e.fakes === "fakes");
  expect(judge && measuredOn(judge)).toMatch(/, fakes, written with/);
  await openWindow("#/evaluate");
  await sees("test side of main, fakes");
  expect(document.body.textContent).not.toContain("fakes fakes");
});

test("the threshold moves the point on both curves, the matrix and the figures at once", async () => {
  const host = await openWindow("#/evaluate/2");
  const slider = await byId("threshold-slider");
  await waitFor(() => expect(screen.getAllByTestId("mark")).toHaveLength(2));
  const before = screen.getAllByTestId("mark").map(at);
  await sees("66.4");
  await fireEvent.input(slider, { target: { value: "0.8" } });
  await waitFor(() => expect(last(asked(host, "evaluation.at"))).toEqual({ id: 2, threshold: 0.8 }));
  await waitFor(() => {
    const after = screen.getAllByTestId("mark").map(at);
    expect(after[0]).not.toEqual(before[0]);
    expect(after[1]).not.toEqual(before[1]);
  });
  const confusion = asked(host, "chart").filter((chart) => chart.kind === "confusion");
  expect(last(confusion)).toMatchObject({ threshold: 0.8 });
  expect(last(asked(host, "evaluation.examples"))).toMatchObject({ threshold: 0.8 });
  expect(((await byId("threshold-number")) as HTMLInputElement).value).toBe("0.80");
});

test("the number beside the slider does the same; nonsense does nothing", async () => {
  const host = await openWindow("#/evaluate/2");
  const number = await byId("threshold-number");
  await fireEvent.change(number, { target: { value: "7" } });
  await fireEvent.change(number, { target: { value: "0.25" } });
  await waitFor(() => expect(asked(host, "evaluation.at")).toEqual([{ id: 2, threshold: 0.25 }]));
});

test("four classes have no threshold, but each its figures", async () => {
  await openWindow("#/evaluate/3");
  const classes = await byId("classes");
  expect(classes.querySelectorAll("tbody tr")).toHaveLength(4);
  expect(screen.queryByTestId("threshold")).toBeNull();
});

test("a chart is written to files", async () => {
  const host = await openWindow("#/evaluate/2");
  await byId("chart-roc");
  await fireEvent.click(screen.getByRole("button", { name: "Export ROC of judge" }));
  const path = (await byId("export-path")) as HTMLInputElement;
  expect(path.value).toBe("/home/ada/Repartee/roc-judge");
  await fireEvent.submit(path.form as HTMLFormElement);
  await waitFor(() =>
    expect(last(asked(host, "chart.save"))).toEqual({
      chart: { kind: "roc", of: ["2"], threshold: null },
      files: ["svg", "png", "csv"].map((ending) => `/home/ada/Repartee/roc-judge.${ending}`),
    }),
  );
  await sees("3 files written");
});

test("a run is measured from the list", async () => {
  const host = await openWindow("#/evaluate?new=judge");
  const run = (await byId("measure-run")) as HTMLSelectElement;
  await expect.poll(() => run.value).toBe("judge");
  await fireEvent.change(await byId("measure-side"), { target: { value: "val" } });
  await fireEvent.click(await byId("measure-start"));
  await waitFor(() =>
    expect(last(asked(host, "job.start"))).toMatchObject({
      kind: "evaluate",
      params: { run: "judge", side: "val", fakes: null },
    }),
  );
  await byId("evaluation-4");
});

test("comparing what was measured on different examples warns", async () => {
  await openWindow("#/evaluate/compare/2,3");
  await sees("not measured on the same examples");
});
