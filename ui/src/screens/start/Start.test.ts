import { fireEvent, waitFor } from "@testing-library/svelte";
import { expect, test } from "vitest";
import { byId, callsTo, openWindow, waitForText } from "../../testing";

test("a new project is created at the typed path, with the extension added", async () => {
  const host = await openWindow("#/", { project: "none" });
  const path = `${host.folder}/Repartee/mine`;
  await fireEvent.input(await byId("new-path"), { target: { value: path } });
  await fireEvent.click(await byId("new-project"));
  await waitForText("Import comments");
  expect(callsTo(host, "project.create")).toEqual([{ path: `${path}.repartee` }]);
  expect(host.title).toBe("mine - Repartee");
});

test("a file that is not a project shows an error and keeps the path", async () => {
  const host = await openWindow("#/", { project: "none" });
  const cat = host.write(
    "cat.png",
    "\u0089PNG\r\n and not a database, although it is long enough to be one".repeat(3),
  );
  const path = (await byId("open-path")) as HTMLInputElement;
  await fireEvent.input(path, { target: { value: cat } });
  await fireEvent.click(await byId("open-project"));
  await waitForText("is not a Repartee project");
  await waitForText("it is not an SQLite file");
  expect(path.value).toBe(cat);
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
  const buttons = () => [...document.querySelectorAll<HTMLButtonElement>(".recent li > button:first-child")];
  await waitFor(() => expect(buttons().map((button) => button.disabled)).toEqual([false, true]));
  buttons()[0]?.click();
  await waitForText("Review the drafts");
});

test("the sample runs the full pipeline", async () => {
  await openWindow("#/", { project: "none" });
  await fireEvent.click(await byId("try-sample"));
  await waitForText("Run sample pipeline");
  await waitForText("Run sample pipeline is done", 800_000);
  await waitForText(/Upvotes\s*1 run/);
}, 900_000);

test("a window started with a project opens it, or shows the error at the path field", async () => {
  const { folder } = await openWindow("#/", { project: "none" });
  const started = (name: string) => `#/start?open=${encodeURIComponent(`${folder}/${name}`)}`;
  await openWindow(started("sample.repartee"), { project: "none" });
  await waitForText("Review the drafts");
  expect(location.hash).toBe("#/overview");
  await openWindow(started("old.repartee"), { project: "none" });
  await waitForText(`${folder}/old.repartee`);
  await waitForText(/no file|does not exist|not found/);
  expect(((await byId("open-path")) as HTMLInputElement).value).toBe(`${folder}/old.repartee`);
});
