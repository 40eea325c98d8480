import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { beforeAll, expect, test, vi } from "vitest";
import { type Picture, useHost } from "../host";
import { stubHost, testHost } from "../test-host";
import Chart from "./Chart.svelte";
import { number } from "./read";

let picture: Picture;
beforeAll(async () => {
  const host = await testHost();
  picture = await host.ask("chart", { kind: "loss", of: ["writer"], threshold: null });
});

/** A series by its number, and one of its points. */
const at = (series: number, point: number) => {
  const one = picture.series[series];
  const [x, y] = one?.points[point] ?? [0, 0];
  return { name: one?.name, x, y };
};

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
  const says = ({ name, x, y }: ReturnType<typeof at>) =>
    `${name}: ${picture.x.title} ${number(x)}, ${picture.y.title} ${number(y)}`;
  await fireEvent.keyDown(chart, { key: "ArrowRight" });
  expect(spoken?.textContent).toBe(says(at(0, 0)));
  await fireEvent.keyDown(chart, { key: "ArrowRight" });
  expect(spoken?.textContent).toBe(says(at(0, 1)));
  await fireEvent.keyDown(chart, { key: "End" });
  await fireEvent.keyDown(chart, { key: "ArrowDown" });
  const last = (picture.series[1]?.points.length ?? 0) - 1;
  expect(spoken?.textContent).toBe(says(at(1, last)));
  expect(screen.getByTestId("reading").textContent).toContain(picture.series[1]?.name);
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
  const { name, x, y } = at(0, 0);
  expect(cells.slice(1, picture.table.columns.length)).toEqual([name, number(x), number(y)]);
});

test("export writes a file per selected format; an error keeps the input", async () => {
  useHost(stubHost({}));
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
