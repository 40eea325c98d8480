import { fireEvent } from "@testing-library/svelte";
import { expect, test } from "vitest";
import { byId, callsTo, openWindow, waitForText } from "../../testing";

test("a new project is created at the typed path, with the extension added", async () => {
  const host = await openWindow("#/", { project: "none" });
  await fireEvent.input(await byId("new-path"), { target: { value: "/home/ada/mine" } });
  await fireEvent.click(await byId("new-project"));
  await waitForText("Import comments");
  expect(callsTo(host, "project.create")).toEqual([{ path: "/home/ada/mine.repartee" }]);
  expect(host.title).toBe("mine - Repartee");
});

test("a file that is not a project shows an error and keeps the path", async () => {
  await openWindow("#/", { project: "none" });
  const path = (await byId("open-path")) as HTMLInputElement;
  await fireEvent.input(path, { target: { value: "/home/ada/cat.png" } });
  await fireEvent.click(await byId("open-project"));
  await waitForText("is not a Repartee project");
  await waitForText("its first bytes are those of a PNG");
  expect(path.value).toBe("/home/ada/cat.png");
});

test("the file dialog fills the path field", async () => {
  const host = await openWindow("#/", { project: "none" });
  host.answers.open = ["/home/ada/other.repartee"];
  const [, choose] = document.querySelectorAll<HTMLButtonElement>("button[aria-label$='Choose…']");
  choose?.click();
  const path = (await byId("open-path")) as HTMLInputElement;
  await expect.poll(() => path.value).toBe("/home/ada/other.repartee");
});

test("a recent project opens on click; a missing one is disabled", async () => {
  await openWindow("#/", { project: "none" });
  const buttons = [...document.querySelectorAll<HTMLButtonElement>(".recent li > button:first-child")];
  expect(buttons.map((button) => button.disabled)).toEqual([false, false, true]);
  buttons[1]?.click();
  await waitForText("Review the drafts");
});

test("the sample runs the full pipeline", async () => {
  await openWindow("#/", { project: "none", speed: 60 });
  await fireEvent.click(await byId("try-sample"));
  await waitForText("Run sample pipeline");
  await waitForText("Run sample pipeline is done");
  await waitForText("Review the drafts");
});

test("a window started with a project opens it, or shows the error at the path field", async () => {
  await openWindow("#/start?open=%2Fhome%2Fada%2FRepartee%2Fsample.repartee", { project: "none" });
  await waitForText("Review the drafts");
  expect(location.hash).toBe("#/overview");
  await openWindow("#/start?open=%2Fmedia%2Fstick%2Fold.repartee", { project: "none" });
  await waitForText("there is no file /media/stick/old.repartee");
  expect(((await byId("open-path")) as HTMLInputElement).value).toBe("/media/stick/old.repartee");
});
