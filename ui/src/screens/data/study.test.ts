import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { describe, expect, test } from "vitest";
import type { StudyKind } from "../../host";
import { axeViolations, byId, callsTo, openWindow, type TestHost, textOf, waitForText } from "../../testing";
import { blank, complete, KINDS, missingField } from "./study";

const last = <T>(list: T[]) => list.at(-1);

describe("permission record", () => {
  test("a grant requires date, scope and link", () => {
    const record = blank("training");
    expect(missingField(record)).toBe("decision");
    expect(missingField({ ...record, decision: "none" })).toBeNull();
    const granted = { ...record, decision: "granted" as const };
    expect(missingField(granted)).toBe("date");
    expect(missingField({ ...granted, date: "2026-05-01" })).toBe("scope");
    const scoped = { ...granted, date: "2026-05-01", scope: "all" };
    expect(missingField(scoped)).toBe("link");
    expect(missingField({ ...scoped, link: "https://example.org" })).toBeNull();
  });
  test("every record must be complete", () => {
    expect(complete([blank("training", "none"), blank("ethics_board")])).toBeNull();
    expect(complete([blank("training", "none")])).toHaveLength(1);
  });
});

describe("permissions for Reddit content", () => {
  /** Another process corrects the origin of the threads that the models were trained on. */
  const importReddit = (host: TestHost) =>
    host.other("source.origin", { source: 1, origin: "reddit", not_reddit: false, who: "cli" });

  /** Opens a project with Reddit content and no permission. */
  const openUnpermitted = async (address: string) => {
    const host = await openWindow(address);
    await importReddit(host);
    return host;
  };

  test("without Reddit content nothing is required", async () => {
    await openWindow("#/data/permissions");
    await waitForText("This project has no Reddit content from archives");
    expect(screen.queryByTestId("study-mark")).toBeNull();
    expect(await axeViolations()).toEqual([]);
  });

  test("permissions are recorded and ended, and the warning follows", async () => {
    const host = await openUnpermitted("#/data/permissions");
    await waitForText("No permission to train on Reddit content on record; no admission");
    expect(await axeViolations()).toEqual([]);
    await fireEvent.click(await byId("add-training"));
    await fireEvent.change(await byId("decision-training"), { target: { value: "granted" } });
    expect(((await byId("study-record")) as HTMLButtonElement).disabled).toBe(true);
    await fireEvent.input(await byId("date-training"), { target: { value: "2020-01-01" } });
    await fireEvent.input(await byId("scope-training"), { target: { value: "Replies of r/a" } });
    await fireEvent.input(await byId("link-training"), { target: { value: "https://example.org" } });
    /** Records it, and waits until the dialog is closed: it would close the next one. */
    const record = async () => {
      await fireEvent.click(await byId("study-record"));
      await waitFor(() => expect(screen.queryByTestId("study-record")).toBeNull());
    };
    await record();
    await waitForText("Permission to train on Reddit content granted on 2020-01-01");
    expect(last(callsTo(host, "study.record"))).toMatchObject({
      who: "Ada",
      records: [{ kind: "training", decision: "granted", date: "2020-01-01", scope: "Replies of r/a" }],
    });
    const others = KINDS.map((kind) => kind.value).filter((kind): kind is StudyKind => kind !== "training");
    for (const kind of others) {
      await fireEvent.click(await byId(`add-${kind}`));
      await fireEvent.change(await byId(`decision-${kind}`), { target: { value: "not_required" } });
      await record();
      await waitFor(async () => expect((await byId(`study-${kind}`)).dataset.holds).toBe("true"));
    }
    await waitFor(() => expect(screen.queryByTestId("study-mark")).toBeNull());
    await fireEvent.click(await byId("end-training"));
    await fireEvent.click(await byId("confirm-yes"));
    await waitFor(async () => expect(textOf(await byId("study-mark"))).toContain("was withdrawn on"));
  });

  test("Reddit content becomes something else only by a statement", async () => {
    const host = await openUnpermitted("#/data/sources");
    const buttons = await screen.findAllByRole("button", { name: /permission of/i });
    // the oldest source is the last one
    await fireEvent.click(last(buttons) as HTMLElement);
    await fireEvent.change(await byId("source-origin"), { target: { value: "forum" } });
    const form = (await byId("source-origin")).closest("form") as HTMLFormElement;
    await fireEvent.submit(form);
    await fireEvent.click(await byId("not-reddit"));
    expect(callsTo(host, "source.permit")).toEqual([]);
    await fireEvent.submit(form);
    await waitFor(() => expect(callsTo(host, "source.permit")).toHaveLength(1));
    expect(callsTo(host, "source.origin")).toMatchObject([{ not_reddit: false }, { not_reddit: true }]);
  });

  test("turning off strict mode needs confirmation", async () => {
    const host = await openUnpermitted("#/data/permissions");
    const strict = (await screen.findByLabelText("Strict mode")) as HTMLInputElement;
    expect(strict.checked).toBe(true);
    await fireEvent.click(strict);
    const off = await byId("strict-off");
    expect(callsTo(host, "study.strict")).toEqual([]);
    await fireEvent.click(off);
    await waitFor(() => expect(callsTo(host, "study.strict")).toEqual([{ on: false, who: "Ada" }]));
  });

  test.each(["#/overview", "#/evaluate", "#/evaluate/2", "#/train/run/writer", "#/reddit/outcomes"])(
    "%s shows the warning",
    async (address) => {
      await openUnpermitted(address);
      await waitForText("No permission to train on Reddit content on record");
    },
  );

  test("a blocked training run shows the reason and a link to the permissions", async () => {
    const host = await openWindow("#/overview");
    await importReddit(host);
    location.hash = "#/train/new";
    const blocked = await byId("train-blocked");
    expect(textOf(blocked)).toContain("this project is strict");
    expect(blocked.querySelector("a")?.getAttribute("href")).toBe("#/data/permissions");
    expect(callsTo(host, "job.start")).toEqual([]);
  });
});
