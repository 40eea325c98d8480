import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { expect, test, vi } from "vitest";
import { useHost } from "../host";
import { fakeHost } from "../host/fake";
import { draw } from "../host/fake/draw";
import Chart from "./Chart.svelte";

const picture = draw({
  title: "Loss",
  measured: "split main",
  x: "step",
  y: "loss",
  xs: [0, 300],
  ys: [0, 8],
  columns: ["series", "step", "loss"],
  lines: [
    {
      name: "training",
      class: "1",
      points: [
        [1, 7.4],
        [150, 3],
        [300, 1.6],
      ],
    },
    {
      name: "validation",
      class: "2",
      points: [
        [150, 3.2],
        [300, 1.9],
      ],
    },
  ],
});

test("the SVG is adopted as nodes and hidden from screen readers", () => {
  const { container } = render(Chart, { picture, label: "Loss of writer" });
  const svg = container.querySelector("svg.repartee-chart");
  expect(svg?.namespaceURI).toBe("http://www.w3.org/2000/svg");
  expect(svg?.getAttribute("aria-hidden")).toBe("true");
  expect(svg?.querySelector("title")).toBeNull();
});

test("markup that is not SVG is not rendered", () => {
  const { container } = render(Chart, {
    picture: { ...picture, svg: "<img src=x onerror=alert(1)>" },
    label: "x",
  });
  expect(container.querySelector("img")).toBeNull();
});

test("arrow keys read point by point, and readings are announced", async () => {
  const { container } = render(Chart, { picture, label: "Loss of writer" });
  const chart = screen.getByRole("application");
  const spoken = container.querySelector("[aria-live=polite]");
  await fireEvent.keyDown(chart, { key: "ArrowRight" });
  expect(spoken?.textContent).toBe("training: step 1, loss 7.4");
  await fireEvent.keyDown(chart, { key: "ArrowRight" });
  await fireEvent.keyDown(chart, { key: "ArrowDown" });
  expect(spoken?.textContent).toBe("validation: step 150, loss 3.2");
  expect(screen.getByTestId("reading").textContent).toContain("validation");
  await fireEvent.keyDown(chart, { key: "Escape" });
  expect(screen.queryByTestId("reading")).toBeNull();
});

test("a new picture clears the reading", async () => {
  const view = render(Chart, { picture, label: "Loss" });
  await fireEvent.keyDown(screen.getByRole("application"), { key: "End" });
  expect(screen.getByTestId("reading")).toBeTruthy();
  await view.rerender({ picture: { ...picture, series: [] }, label: "Loss" });
  expect(screen.queryByTestId("reading")).toBeNull();
});

test("the data can be shown as a table", async () => {
  render(Chart, { picture, label: "Loss" });
  await fireEvent.click(screen.getByRole("button", { name: "Table" }));
  const cells = screen.getAllByRole("cell").map((cell) => cell.textContent?.trim());
  expect(cells.slice(0, 3)).toEqual(["training", "1", "7.4"]);
});

test("the mark is placed at its data coordinates", () => {
  render(Chart, { picture, label: "Loss", mark: { at: [150, 4], text: "here" } });
  const mark = screen.getByTestId("mark");
  expect(Number.parseFloat(mark.style.left)).toBeCloseTo(
    (100 * (picture.plot.x + picture.plot.width / 2)) / (2 * picture.width),
    1,
  );
});

test("export writes a file per selected format; an error keeps the input", async () => {
  useHost(fakeHost());
  const write = vi.fn(async (files: string[]) => files);
  render(Chart, { picture, label: "Loss", file: "loss-writer", write });
  await fireEvent.click(screen.getByRole("button", { name: "Export Loss" }));
  const path = screen.getByTestId("export-path") as HTMLInputElement;
  await fireEvent.input(path, { target: { value: "/tmp/out/loss.png" } });
  await fireEvent.click(screen.getByLabelText(/CSV/));
  write.mockRejectedValueOnce({ code: "io", message: "cannot write /tmp/out/loss.svg" });
  await fireEvent.submit(path.form as HTMLFormElement);
  await waitFor(() => expect(screen.getByRole("alert").textContent).toContain("cannot write"));
  expect(path.value).toBe("/tmp/out/loss.png");
  await fireEvent.submit(path.form as HTMLFormElement);
  await waitFor(() => expect(screen.queryByTestId("export-path")).toBeNull());
  expect(write).toHaveBeenLastCalledWith(["/tmp/out/loss.svg", "/tmp/out/loss.png"]);
});
